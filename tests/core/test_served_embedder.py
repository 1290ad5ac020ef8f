"""An embedder that a server is: what is asked of it, what it may answer, and what never becomes a vector."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event
from typing import Any

import pytest

from tests.support.embedders import Answer, Asked, Endpoint, Pauses, Script, free_port, hash_vector
from vestige_tui.core.errors import Cancelled, EmbedderError, UsageError
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.opening import ignore, open_embedder
from vestige_tui.core.reembed.embedders.protocol import EmbedderEvent, Retry, TextEmbedder
from vestige_tui.core.reembed.embedders.treatment import treated, values
from vestige_tui.core.reembed.profiles import EmbedderChoice
from vestige_tui.core.secret import Secret

KEY = "sk-not-to-be-seen-4711"
SECRET_TEXT = "a memory that nobody may quote"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def opened(endpoint: Endpoint, pauses: Pauses) -> Iterator[Callable[..., TextEmbedder]]:
    made: list[TextEmbedder] = []

    def open_one(
        *, watcher: Callable[[EmbedderEvent], None] = ignore, waits: dict[str, Any] | None = None, **choice: Any
    ) -> TextEmbedder:
        chosen = EmbedderChoice(**{"model": "small-model", "url": endpoint.url, **choice})
        embedder = open_embedder(chosen, cancel=Event(), watcher=watcher, waits=pauses.waits(**waits or {}))
        made.append(embedder)
        return embedder

    yield open_one
    for embedder in made:
        embedder.close()


Open = Callable[..., TextEmbedder]


def unit(text: str, dimension: int = 4) -> bytes:
    vector = treated([hash_vector(text, dimension)], dimension)[0]
    assert isinstance(vector, bytes)
    return vector


def after_opening(endpoint: Endpoint, script: Script) -> None:
    endpoint.asked.clear()
    endpoint.script = script


def in_turn(*answers: Answer | None) -> Script:
    left = iter(answers)
    return lambda _asked: next(left, None)


def fault(embedder: TextEmbedder, *texts: str) -> EmbedderError:
    with pytest.raises(EmbedderError) as failed:
        embedder.embed(texts or ("one", SECRET_TEXT), Event())
    assert SECRET_TEXT not in "".join(traceback.format_exception(failed.value))
    return failed.value


# What it does


def test_vectors_come_in_the_order_of_the_texts(opened: Open, endpoint: Endpoint) -> None:
    embedder = opened()
    texts = [f"memory {number}" for number in range(100)]
    endpoint.asked.clear()
    assert embedder.embed(texts, Event()) == [unit(text) for text in texts]
    assert sorted(len(asked.texts) for asked in endpoint.asked) == [4, 32, 32, 32]
    assert embedder.model_signature() == ModelSignature("small-model", 4)
    assert embedder.embed([], Event()) == []
    with pytest.raises(ValueError, match="empty"):
        embedder.embed(["one", ""], Event())


def test_a_request_says_no_more_than_it_must(opened: Open, endpoint: Endpoint) -> None:
    opened()
    first, second = endpoint.asked
    assert first.path == "/v1/embeddings"
    assert first.body == {"model": "small-model", "input": first.texts}
    assert second.body == {"model": "small-model", "input": second.texts, "encoding_format": "base64"}
    assert "authorization" not in first.headers


def test_a_few_requests_are_under_way_at_once(opened: Open, endpoint: Endpoint) -> None:
    embedder = opened()
    together = threading.Barrier(4, timeout=10)

    def meet(_asked: Asked) -> None:
        together.wait()

    after_opening(endpoint, meet)
    embedder.embed(["text"] * 128, Event())
    assert endpoint.most_at_once == 4


def test_numbers_where_base64_is_not_known(opened: Open, endpoint: Endpoint) -> None:
    endpoint.script = lambda asked: Answer({}, 422) if "encoding_format" in asked.body else None
    embedder = opened()
    assert embedder.embed(["one", "two"], Event()) == [unit("one"), unit("two")]
    assert "encoding_format" not in endpoint.asked[-1].body


def test_numbers_where_base64_means_something_else(opened: Open, endpoint: Endpoint) -> None:
    def backwards(asked: Asked) -> Answer | None:
        if "encoding_format" not in asked.body:
            return None
        answer = endpoint.good(asked)
        answer["data"] = [{**item, "embedding": item["embedding"][::-1]} for item in answer["data"]]
        return Answer(answer)

    endpoint.script = backwards
    assert opened().embed(["one"], Event()) == [unit("one")]


def test_items_are_put_in_order_by_their_index(opened: Open, endpoint: Endpoint) -> None:
    def turned(asked: Asked) -> Answer:
        good = endpoint.good(asked)
        return Answer({**good, "data": good["data"][::-1]})

    endpoint.script = turned
    assert opened().embed(["one", "two", "three"], Event()) == [unit("one"), unit("two"), unit("three")]


def test_dimensions_only_where_they_are_asked_for_and_taken(opened: Open, endpoint: Endpoint) -> None:
    endpoint.dimension = 8
    assert opened(dimension=8).model_signature().dimension == 8
    assert all("dimensions" not in asked.body for asked in endpoint.asked)
    shorter = opened(dimension=4, hash="abcd")
    assert shorter.embed(["one"], Event()) == [unit("one")]
    assert shorter.model_signature() == ModelSignature("small-model", 4, "abcd")
    endpoint.script = lambda asked: Answer({}, 400) if "dimensions" in asked.body else None
    with pytest.raises(UsageError, match="gives 8 elements at http://127.0.0.1:.*, not 4"):
        opened(dimension=4)


def test_a_profile_puts_its_words_before_a_text_and_keeps_the_first_elements(opened: Open, endpoint: Endpoint) -> None:
    endpoint.dimension = 768
    embedder = opened(model=None, profile="nomic-v1.5-retrieval-v1-256")
    long = hash_vector("search_document: one", 768)
    assert embedder.embed(["one"], Event()) == treated([long[: 4 * 256]], 256)
    embedder.embed_query("one", Event())
    assert endpoint.asked[-1].texts == ["search_query: one"]
    assert endpoint.asked[-1].body["model"] == "nomic-ai/nomic-embed-text-v1.5"
    endpoint.dimension = 384
    with pytest.raises(UsageError, match="gives 384 elements"):
        opened(model="nomic-v1.5")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/embeddings", "/proxy/v2?version=2"])
def test_the_url_may_end_early(opened: Open, endpoint: Endpoint, path: str) -> None:
    opened(url=f"http://127.0.0.1:{endpoint.port}{path}")
    proxied = "/proxy/v2/embeddings?version=2"
    assert endpoint.asked[0].path == (proxied if "proxy" in path else "/v1/embeddings")


@pytest.mark.parametrize(
    "url",
    ["localhost:11434/v1", "ftp://host/v1", "http://", "http://[::1/v1", "http://user:hush@host/v1", "http://a b/"],
)
def test_a_url_that_is_none_is_not_quoted(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_embedder(EmbedderChoice(model="m", url=url), cancel=Event())
    assert "hush" not in str(refused.value)
    assert "cannot be used" in refused.value.what


# What it may answer


def other(**document: object) -> Script:
    return lambda _asked: Answer(document)


WRONG: dict[str, tuple[Callable[[Endpoint], Script], EmbedderObstacle]] = {
    "html": (lambda _: lambda __: Answer(b"<!doctype html><p>Welcome"), EmbedderObstacle.NO_EMBEDDINGS),
    "nothing": (lambda _: lambda __: Answer(b""), EmbedderObstacle.NO_EMBEDDINGS),
    "other JSON": (lambda _: other(embeddings=[[1.0]]), EmbedderObstacle.NO_EMBEDDINGS),
    "an error": (lambda _: other(error={"message": SECRET_TEXT}), EmbedderObstacle.NO_EMBEDDINGS),
    "text": (lambda e: lambda a: Answer(e.good(a, embedding="no base64")), EmbedderObstacle.NO_EMBEDDINGS),
    "nested": (lambda e: lambda a: Answer(e.good(a, embedding=[[1.0]])), EmbedderObstacle.NO_EMBEDDINGS),
    "too few": (
        lambda e: lambda a: Answer({"data": e.good(a)["data"][1:]}) if len(a.texts) > 1 else None,
        EmbedderObstacle.WRONG_COUNT,
    ),
    "index twice": (lambda e: lambda a: Answer(e.good(a, index=1)), EmbedderObstacle.WRONG_ORDER),
    "index true": (lambda e: lambda a: Answer(e.good(a, index=[])), EmbedderObstacle.WRONG_ORDER),
    "one longer": (
        lambda e: lambda a: Answer({"data": [{"embedding": [0.5] * (4 + at)} for at, _ in enumerate(a.texts)]}),
        EmbedderObstacle.WRONG_LENGTH,
    ),
    "other model": (
        lambda e: lambda a: Answer({"data": [{"embedding": [0.5] * 3} for _ in a.texts]}),
        EmbedderObstacle.WRONG_LENGTH,
    ),
    "half float": (
        lambda e: lambda a: Answer({"data": [{"embedding": "AAAA"} for _ in a.texts]}),
        EmbedderObstacle.WRONG_LENGTH,
    ),
    "all NaN": (
        lambda e: lambda a: Answer({"data": [{"embedding": [float("nan")] * 4} for _ in a.texts]}),
        EmbedderObstacle.WRONG_VECTORS,
    ),
    "all zero": (
        lambda e: lambda a: Answer({"data": [{"embedding": [0] * 4} for _ in a.texts]}),
        EmbedderObstacle.WRONG_VECTORS,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bad_answer_is_named_and_no_vector(opened: Open, endpoint: Endpoint, pauses: Pauses, case: str) -> None:
    make, obstacle = WRONG[case]
    embedder = opened()
    after_opening(endpoint, make(endpoint))
    error = fault(embedder)
    assert error.obstacle is obstacle
    assert error.what.startswith(f"http://127.0.0.1:{endpoint.port}/v1 ")
    assert pauses.seconds == []
    if case != "other model":
        with pytest.raises(EmbedderError):  # nor is such a server opened
            opened()


def test_a_server_that_mixes_up_its_batches_is_not_opened(opened: Open, endpoint: Endpoint) -> None:
    def mixed(asked: Asked) -> Answer | None:
        return Answer(endpoint.good(Asked(asked.path, asked.headers, {**asked.body, "input": asked.texts[::-1]})))

    endpoint.script = mixed
    with pytest.raises(EmbedderError) as failed:
        opened()
    assert failed.value.obstacle is EmbedderObstacle.DIFFERENT_VECTORS


@pytest.mark.parametrize(
    ("embedding", "refusal"),
    [
        ([float("nan")] * 4, Refusal.NOT_FINITE),
        ([1, None, 0, 0], Refusal.NOT_FINITE),
        ([1, float("-inf"), 0, 0], Refusal.NOT_FINITE),
        ([1e39, 0, 0, 0], Refusal.NOT_FINITE),
        ([0, 0, 0, -0.0], Refusal.ZERO),
        ([1e-30, 0, 0, 0], Refusal.ZERO),
    ],
    ids=["nan", "null", "inf", "huge", "zero", "tiny"],
)
def test_one_text_without_a_usable_vector(
    opened: Open, endpoint: Endpoint, embedding: list[float], refusal: Refusal
) -> None:
    embedder = opened()
    after_opening(
        endpoint, lambda asked: Answer(endpoint.good(asked, embedding=embedding)) if "bad" in asked.texts else None
    )
    assert embedder.embed(["bad", "one"], Event()) == [refusal, unit("one")]
    assert embedder.embed(["bad"], Event()) == [refusal]  # the others still have one, so it is this text
    with pytest.raises(EmbedderError):
        embedder.embed_query("bad", Event())


@pytest.mark.parametrize(("status", "refusal"), [(400, Refusal.REQUEST_REFUSED), (500, Refusal.SERVER_FAILED)])
def test_a_text_that_the_server_does_not_bear_is_found(
    opened: Open, endpoint: Endpoint, status: int, refusal: Refusal
) -> None:
    embedder = opened()
    after_opening(endpoint, lambda asked: Answer({}, status) if "bad" in asked.texts else None)
    texts = [*map(str, range(20)), "bad", *map(str, range(30))]
    assert embedder.embed(texts, Event()) == [refusal if text == "bad" else unit(text) for text in texts]


def test_fewer_texts_from_then_on_where_their_number_was_refused(opened: Open, endpoint: Endpoint) -> None:
    embedder = opened()
    after_opening(endpoint, lambda asked: Answer({}, 413) if len(asked.texts) > 8 else None)
    texts = [*map(str, range(32))]
    assert embedder.embed(texts, Event()) == [*map(unit, texts)]
    endpoint.asked.clear()
    assert embedder.embed(texts, Event()) == [*map(unit, texts)]
    assert [len(asked.texts) for asked in endpoint.asked] == [8] * 4


def test_one_text_at_a_time_where_a_server_takes_no_more(opened: Open, endpoint: Endpoint) -> None:
    endpoint.script = lambda asked: Answer({}, 400) if len(asked.texts) > 1 else None
    embedder = opened()
    endpoint.asked.clear()
    assert embedder.embed(["one", "two"], Event()) == [unit("one"), unit("two")]
    assert len(endpoint.asked) == 2


# What it refuses, and when it is asked again


@pytest.mark.parametrize(
    ("answer", "obstacle"),
    [
        (Answer({}, 401), EmbedderObstacle.KEY_REFUSED),
        (Answer({}, 403), EmbedderObstacle.KEY_REFUSED),
        (Answer({"error": {"code": "invalid_api_key"}}, 400), EmbedderObstacle.KEY_REFUSED),
        (Answer({"error": {"code": "insufficient_quota"}}, 429), EmbedderObstacle.NO_QUOTA),
        (Answer({}, 402), EmbedderObstacle.NO_QUOTA),
        (Answer({"error": {"code": "model_not_found"}}, 400), EmbedderObstacle.NOT_FOUND),
        (Answer({"error": SECRET_TEXT}, 404), EmbedderObstacle.NOT_FOUND),
        (Answer({"error": SECRET_TEXT}, 400), EmbedderObstacle.REQUEST_REFUSED),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, EmbedderObstacle) else None,
)
def test_what_no_second_attempt_would_change(
    opened: Open, endpoint: Endpoint, pauses: Pauses, answer: Answer, obstacle: EmbedderObstacle
) -> None:
    embedder = opened()
    after_opening(endpoint, lambda _asked: answer)
    error = fault(embedder)
    assert error.obstacle is obstacle
    assert pauses.seconds == []
    if obstacle is EmbedderObstacle.NOT_FOUND:
        assert error.what.endswith(f"(HTTP {answer.status}; its models are small-model, large␛model).")


def test_it_is_asked_again_with_growing_pauses(opened: Open, endpoint: Endpoint, pauses: Pauses) -> None:
    events: list[EmbedderEvent] = []
    embedder = opened(watcher=events.append)
    after_opening(endpoint, in_turn(*[Answer({}, status) for status in (500, 502, 429, 408)], Answer(b"{", cut=True)))
    assert embedder.embed(["one"], Event()) == [unit("one")]
    assert pauses.seconds == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert [(event.why, event.attempt) for event in events if isinstance(event, Retry)] == [
        (EmbedderObstacle.SERVER_FAILED, 1),
        (EmbedderObstacle.SERVER_FAILED, 2),
        (EmbedderObstacle.BUSY, 3),
        (EmbedderObstacle.SERVER_FAILED, 4),
        (EmbedderObstacle.LOST, 5),
    ]


@pytest.mark.parametrize(
    ("answer", "obstacle"),
    [
        (Answer({}, 503), EmbedderObstacle.BUSY),
        (Answer({}, 500), EmbedderObstacle.SERVER_FAILED),
        (Answer({}, cut=True), EmbedderObstacle.LOST),
    ],
    ids=["busy", "fails", "cut"],
)
def test_at_some_time_it_is_given_up(
    opened: Open, endpoint: Endpoint, answer: Answer, obstacle: EmbedderObstacle
) -> None:
    embedder = opened()
    after_opening(endpoint, lambda _asked: answer)
    assert fault(embedder, "one").obstacle is obstacle
    assert 6 <= len(endpoint.asked) <= 8


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.7),
        ("1.5", 1.65),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 99.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.5),
        ("soon", 0.5),
    ],
    ids=["seconds", "fraction", "date", "past", "nonsense"],
)
def test_a_pause_is_at_least_as_long_as_the_server_asks(
    opened: Open, endpoint: Endpoint, pauses: Pauses, header: str, seconds: float
) -> None:
    embedder = opened(waits={"now": lambda: NOW})
    after_opening(endpoint, in_turn(Answer({}, 429, {"Retry-After": header})))
    embedder.embed(["one"], Event())
    assert pauses.seconds == [pytest.approx(seconds)]


def test_too_long_a_pause_ends_it(opened: Open, endpoint: Endpoint, pauses: Pauses) -> None:
    embedder = opened()
    after_opening(endpoint, in_turn(Answer({}, 429, {"Retry-After": "3600"})))
    error = fault(embedder)
    assert "come again in 3,600 s" in error.what
    assert pauses.seconds == []


def test_a_server_that_does_not_answer(opened: Open, endpoint: Endpoint) -> None:
    embedder = opened(waits={"answer": 0.2})
    released = Event()

    def stall(_asked: Asked) -> None:
        released.wait(10)

    after_opening(endpoint, stall)
    error = fault(embedder, "one")
    released.set()
    assert error.obstacle is EmbedderObstacle.NO_ANSWER
    assert len(endpoint.asked) == 2


def test_nothing_there(opened: Open, pauses: Pauses) -> None:
    with pytest.raises(EmbedderError) as failed:
        opened(url=f"http://127.0.0.1:{free_port()}")
    assert failed.value.obstacle is EmbedderObstacle.NO_SERVER
    with pytest.raises(EmbedderError) as failed:
        opened(url="http://no-such-host.invalid/v1")
    assert failed.value.obstacle is EmbedderObstacle.UNKNOWN_HOST
    assert pauses.seconds == []


def test_a_server_that_comes_back_is_waited_for(opened: Open, endpoint: Endpoint, pauses: Pauses) -> None:
    embedder = opened()
    endpoint.script = lambda asked: Answer(endpoint.good(asked), headers={"Connection": "close"})
    embedder.embed(["one"], Event())
    endpoint.close()
    assert fault(embedder, "one").obstacle is EmbedderObstacle.NO_SERVER
    assert len(pauses.seconds) == 5


def test_no_encryption_where_it_is_expected(opened: Open, endpoint: Endpoint) -> None:
    with pytest.raises(EmbedderError) as failed:
        opened(url=endpoint.url.replace("http", "https"))
    assert failed.value.obstacle is EmbedderObstacle.TLS_FAILED


# The key


def test_the_key_goes_to_the_server_and_nowhere_else(
    opened: Open, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    embedder = opened(key=Secret(KEY), url=f"{endpoint.url}?code={KEY}")
    assert endpoint.asked[0].headers["authorization"] == f"Bearer {KEY}"
    after_opening(endpoint, lambda _asked: Answer({"error": KEY}, 500))
    with pytest.raises(EmbedderError) as failed:
        embedder.embed([SECRET_TEXT], Event())
    frames = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    seen = "".join(frames.format()) + caplog.text + repr(embedder) + str(embedder.place)
    assert KEY not in seen
    assert SECRET_TEXT not in caplog.text + str(failed.value)
    assert embedder.place.shown == endpoint.url


def test_a_redirect_is_not_followed(opened: Open, endpoint: Endpoint) -> None:
    elsewhere = Endpoint()
    embedder = opened(key=Secret(KEY))
    target = f"http://127.0.0.1:{elsewhere.port}/v1/embeddings"
    after_opening(endpoint, lambda _asked: Answer(b"", 307, {"Location": target}))
    error = fault(embedder)
    assert error.obstacle is EmbedderObstacle.REDIRECTED
    assert f"sends on to http://127.0.0.1:{elsewhere.port}." in error.what
    assert elsewhere.asked == []
    elsewhere.close()


@pytest.mark.parametrize("key", ["two words", "line\nX-Other: 1", "schlüssel"])
def test_a_key_that_is_none(opened: Open, endpoint: Endpoint, key: str) -> None:
    with pytest.raises(EmbedderError) as failed:
        opened(key=Secret(key))
    assert failed.value.obstacle is EmbedderObstacle.UNUSABLE_KEY
    assert key not in str(failed.value)
    assert endpoint.asked == []


# Stopping


def test_it_stops_between_two_requests(opened: Open, endpoint: Endpoint) -> None:
    embedder = opened()
    cancel = Event()

    def stop(_asked: Asked) -> None:
        cancel.set()

    after_opening(endpoint, stop)
    with pytest.raises(Cancelled):
        embedder.embed(["text"] * 3_200, cancel)
    assert len(endpoint.asked) < 20


def test_it_stops_in_a_pause(opened: Open, endpoint: Endpoint) -> None:
    cancel = Event()

    def pause(stopped: Event, _seconds: float) -> bool:
        cancel.set()
        return stopped.wait(10)

    embedder = opened(waits={"pause": pause})
    after_opening(endpoint, lambda _asked: Answer({}, 503))
    with pytest.raises(Cancelled):
        embedder.embed(["one"], cancel)
    assert len(endpoint.asked) == 1


def test_a_request_under_way_has_a_grace(opened: Open, endpoint: Endpoint) -> None:
    embedder = opened(waits={"cancel_grace": 0.05})
    cancel, released = Event(), Event()

    def stall(_asked: Asked) -> None:
        cancel.set()
        released.wait(10)

    after_opening(endpoint, stall)
    others = {*threading.enumerate()}  # of tests before
    with pytest.raises(Cancelled):
        embedder.embed(["one"], cancel)
    waiting = [thread for thread in threading.enumerate() if thread.name == "embedder" and thread not in others]
    assert [thread.daemon for thread in waiting] == [True]  # the program may end without it
    released.set()
    waiting[0].join(10)


def test_values_are_little_endian() -> None:
    assert list(values(bytes.fromhex("0000803f000000bf"))) == [1.0, -0.5]
