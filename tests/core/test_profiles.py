"""Vestige's catalogue, which profile a choice means, and the treatment of texts and vectors."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestige_tui.core.errors import UsageError
from vestige_tui.core.facts import Refusal
from vestige_tui.core.reembed.embedders.treatment import as_document, as_query, cut, from_values, treated, values
from vestige_tui.core.reembed.profiles import PROFILES, RAW_BYTES, EmbedderChoice, Pooling, Profile, profile_of
from vestige_tui.core.rows.vectors import CATALOGUE, LEGACY_PROFILE, SHORT, shortened

NOMIC = "nomic-ai/nomic-embed-text-v1.5"


def test_the_whole_catalogue_is_known() -> None:
    found = {id_: (profile.model, profile.dimension) for id_, profile in PROFILES.items()}
    assert found == CATALOGUE
    for profile in PROFILES.values():
        assert profile.native is not None
        assert profile.dimension is not None
        assert profile.native >= profile.dimension


@pytest.mark.parametrize(
    ("id_", "native", "document", "query", "tokens", "max_bytes", "pooling"),
    [
        (LEGACY_PROFILE, 768, "x", "x", 512, 8_192, Pooling.MEAN),
        ("nomic-v1.5-retrieval-v1-256", 768, "search_document: x", "search_query: x", 8_192, None, Pooling.MEAN),
        ("granite-311m-multilingual-r2-256", 768, "x", "x", 32_768, None, Pooling.FIRST),
        ("qwen3-0.6b-retrieval-v1-256", 1_024, "x", "Instruct: …\nQuery: x", 8_192, None, Pooling.LAST),
        ("qwen3-4b-retrieval-v1-native", 2_560, "x", "Instruct: …\nQuery: x", 8_192, None, Pooling.LAST),
    ],
)
def test_a_profile(
    id_: str, native: int, document: str, query: str, tokens: int, max_bytes: int | None, pooling: Pooling
) -> None:
    profile = PROFILES[id_]
    assert (profile.native, profile.tokens, profile.max_bytes, profile.pooling) == (native, tokens, max_bytes, pooling)
    assert as_document("x", profile) == document
    start, _, end = query.partition("…")
    assert as_query("x", profile).startswith(start)
    assert as_query("x", profile).endswith(end)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (EmbedderChoice("nomic-v1.5"), (LEGACY_PROFILE, NOMIC, 256)),
        (EmbedderChoice(NOMIC), (LEGACY_PROFILE, NOMIC, 256)),
        (EmbedderChoice(" nomic-embed-text-v1.5"), (LEGACY_PROFILE, NOMIC, 256)),
        (EmbedderChoice(NOMIC, dimension=768), (None, NOMIC, 768)),
        (EmbedderChoice(profile="nomic-v1.5-retrieval-v1-256"), ("nomic-v1.5-retrieval-v1-256", NOMIC, 256)),
        (EmbedderChoice("qwen3-0.6b"), ("qwen3-0.6b-retrieval-v1-256", "Qwen/Qwen3-Embedding-0.6B", 256)),
        (EmbedderChoice("qwen3-0.6b", dimension=1_024), ("qwen3-0.6b-retrieval-v1-1024", "Qwen/Qwen3-Embedding-0.6B", 1_024)),
        (EmbedderChoice("Qwen/Qwen3-Embedding-4B", dimension=2_560), ("qwen3-4b-retrieval-v1-native", "Qwen/Qwen3-Embedding-4B", 2_560)),
        (EmbedderChoice("someone/model"), (None, "someone/model", None)),
        (EmbedderChoice("someone/model", dimension=12), (None, "someone/model", 12)),
    ],
)  # fmt: skip
def test_which_profile_a_choice_means(choice: EmbedderChoice, expected: tuple[str | None, str, int | None]) -> None:
    profile = profile_of(choice)
    assert (profile.id, profile.model, profile.dimension) == expected


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (EmbedderChoice(), "No model is named"),
        (EmbedderChoice(" "), "No model is named"),
        (EmbedderChoice(profile="nomic"), "'nomic' is no profile"),
        (EmbedderChoice("other/model", profile=LEGACY_PROFILE), "not of other/model"),
        (EmbedderChoice(profile=LEGACY_PROFILE, dimension=768), "has 256 elements, not 768"),
        (EmbedderChoice(NOMIC, dimension=512), "no vectors of 512 elements"),
        (EmbedderChoice("some/model", dimension=0), "0 is no dimension"),
        (EmbedderChoice("some/model", dimension=16_001), "16,001 is no dimension"),
    ],
)
def test_a_choice_that_contradicts_itself(choice: EmbedderChoice, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        profile_of(choice)


@given(st.text("aé\u0301漢😀\0", min_size=1, max_size=60), st.integers(1, 400), st.integers(0, 200))
def test_a_text_is_cut_between_two_characters(text: str, times: int, limit: int) -> None:
    long = text * times
    for most in (limit, RAW_BYTES):
        kept = cut(long, most)
        assert long.startswith(kept)
        assert len(kept.encode()) <= most
        assert kept == long or len(long[: len(kept) + 1].encode()) > most
    assert cut(long, None) == long
    assert as_document(long, PROFILES[LEGACY_PROFILE]) == cut(long, 8_192)


def test_an_empty_text_has_no_vector() -> None:
    for treat in (as_document, as_query):
        with pytest.raises(ValueError, match="empty"):
            treat("", Profile(None, "m", 2, document="passage: ", query="query: "))


_floats = st.floats(-(2.0**50), 2.0**50, width=32)


@given(st.lists(st.lists(_floats, min_size=24, max_size=24), min_size=1, max_size=5), st.integers(1, 24))
def test_a_vector_has_length_1_and_its_first_elements(vectors: list[list[float]], dimension: int) -> None:
    raw = [from_values(vector) for vector in vectors]
    for made, vector in zip(treated(raw, dimension), vectors, strict=True):
        kept = vector[:dimension]
        length = math.hypot(*kept)
        if isinstance(made, Refusal):
            assert made is Refusal.ZERO
            assert length < 1e-15
            continue
        assert abs(math.hypot(*values(made)) - 1) < 1e-5
        assert [*values(made)] == pytest.approx([element / length for element in kept], abs=1e-6)


@given(st.integers(0, 1 << 32), st.sampled_from([1e-9, 1.0, 1e9]))
def test_it_is_cut_as_vestige_cuts_it(seed: int, scale: float) -> None:
    chance = random.Random(seed)
    raw = from_values([chance.gauss(0, scale) for _ in range(2 * SHORT)])
    (made,) = treated([raw], SHORT)
    assert made == shortened([raw])[0]
    assert treated([made], SHORT) == [made]  # and stays as it is from then on


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("dimension", [2, 3])
def test_what_is_no_vector_stands_alone(bad: float, dimension: int) -> None:
    good, wrong = from_values([0.6, 0.8, 0.0]), from_values([bad, 1.0, 0.0])
    made = treated([good, wrong, good], dimension)
    assert made[0] == made[2] == from_values([0.6, 0.8, 0.0][:dimension])
    assert made[1] is (Refusal.ZERO if bad == 1e30 else Refusal.NOT_FINITE)
