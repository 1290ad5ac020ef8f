"""What is shown of a memory: places are marked, never characters added; and two lists of memories become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestige_tui.core.search.answers import Snippet
from vestige_tui.core.search.by_words import lexemes_of, quoted
from vestige_tui.core.search.fusion import fused
from vestige_tui.core.search.rows import states
from vestige_tui.core.search.snippets import Sought, one_line, snippet

WORDS = [
    "lag",
    "Lag",
    "naïve",
    "x\x02y",
    "\x03",
    "<b>",
    "[bold]",
    "日本",
    "a" * 60,
    "don't",
    "\x1b[31m",
    "e\u0301",
    "foo_bar",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=60), st.integers(20, 200), st.text(max_size=8))
def test_a_snippet_is_a_part_of_the_memory_and_its_marks_are_whole_words(
    words: list[str], width: int, more: str
) -> None:
    line = one_line(f" {more}\n".join(words))
    sought = Sought(frozenset({"lag", "日本", "naïv"}), ("do",))
    hits = frozenset(word for word in sought.candidates([line]) if sought.hit([word]))
    made = snippet(line, sought.places(line, hits), width)
    assert made.text in line
    assert len(made.text) <= width or made.text == line
    assert "".join(piece for piece, _ in made.pieces) == made.text
    assert made.before == (not line.startswith(made.text))
    assert {made.text[start:stop].lower() for start, stop in made.marks} <= hits
    assert all(stop <= start for (_, stop), (start, _) in zip(made.marks, made.marks[1:], strict=False))
    assert [piece.lower() for piece, marked in made.pieces if marked] == [
        made.text[start:stop].lower() for start, stop in made.marks
    ]


def test_the_part_with_most_of_the_words_is_shown() -> None:
    line = (
        f"{'early words ' * 20}replication here, {'and more of it ' * 20}then replication and lag and more replication"
    )
    sought = Sought(frozenset({"replic", "lag"}))
    made = snippet(line, sought.places(line, frozenset({"replication", "lag"})), 80)
    assert made.before
    assert [piece for piece, marked in made.pieces if marked] == ["replication", "lag", "replication"]
    assert snippet(line, [], 30) == Snippet("early words early words early", after=True)


def test_an_address_is_one_word_where_it_is_looked_for() -> None:
    text = "see https://db.example.com/a, or db.example.com."
    sought = Sought(frozenset({"db.example.com"}))
    assert sought.candidates([text]) == ["db", "db.example.com"]
    assert sought.places(text, frozenset({"db.example.com"})) == [(text.rindex("db"), len(text) - 1)]
    assert Sought(frozenset({"exampl"})).candidates([text]) == ["example"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)))
def test_lexemes_are_read_as_they_are_written(lexemes: list[str]) -> None:
    assert [*lexemes_of(" & ".join(map(quoted, lexemes)))] == lexemes


def test_what_both_lists_have_comes_first() -> None:
    scores = fused(["a", "b", "c"], ["c", "d"])
    assert [*scores] == ["c", "a", "b", "d"]
    assert scores["c"] == pytest.approx(1 / 63 + 1 / 61)


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        (["5b0c", None, None, None, None], ["superseded"]),
        ([None, "2", None, "2020-01-01T00:00:00Z", "true"], ["suppressed", "expired", "archived"]),
        ([None, "0", None, "9999-01-01 00:00:00", "false"], []),
        ([None, None, "2026-01-01", "not a date", ""], ["suppressed"]),
        (None, []),
    ],
)
def test_what_vestige_has_noted(notes: list[str | None] | None, expected: list[str]) -> None:
    assert [*states(notes)] == expected
