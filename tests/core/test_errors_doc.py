"""``docs/errors.md`` says the same of every kind of problem as the program does, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vestige_tui.core.explain import Tense, meaning
from vestige_tui.core.rows.problems import EXPLANATIONS, Kind

PAGE = next(
    folder / "docs" / "errors.md"
    for folder in Path(__file__).resolve().parents
    if (folder / "docs" / "errors.md").exists()
)
_ENTRY = re.compile(
    r"^## `(?P<kind>[^`]+)` – (?P<title>.+)\n\n(?P<meaning>.+)\n\n\*What to do:\* (?P<remedy>.+)\n", re.M
)


def entries() -> dict[str, tuple[str, str, str]]:
    """Title, meaning and remedy of each kind, in the order of the page."""
    text = PAGE.read_text(encoding="utf-8")
    found = [entry.groupdict() for entry in _ENTRY.finditer(text)]
    assert len(found) == text.count("\n## "), "an entry is not in the form of the others"
    kinds = [entry["kind"] for entry in found]
    assert len(kinds) == len(set(kinds))
    return {entry["kind"]: (entry["title"], entry["meaning"], entry["remedy"]) for entry in found}


def test_every_kind_is_explained() -> None:
    assert list(EXPLANATIONS) == list(Kind)


def test_the_page_lists_every_kind_and_no_other() -> None:
    assert list(entries()) == [kind.value for kind in Kind]


@pytest.mark.parametrize("kind", Kind)
def test_the_page_says_what_the_program_says(kind: Kind) -> None:
    explanation = EXPLANATIONS[kind]
    assert entries()[kind.value] == (explanation.title, meaning(kind, Tense.ANY), explanation.remedy)


@pytest.mark.parametrize("kind", Kind)
def test_words(kind: Kind) -> None:
    """A short noun phrase, and sentences; a kind that another entry refers to exists."""
    explanation = EXPLANATIONS[kind]
    assert len(explanation.title) < 50
    assert explanation.title[0].islower() or explanation.title.startswith("JSON")
    assert not explanation.title.endswith(".")
    for sentence in (explanation.meaning, explanation.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "\n" not in sentence
    for mentioned in re.findall(r"\b[a-z]+_[a-z_]+\b", explanation.meaning + explanation.remedy):
        assert mentioned in set(Kind), mentioned
