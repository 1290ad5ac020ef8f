"""What has no place at the destination, as the wizard lists it."""

from __future__ import annotations

import pytest

from tests.support.scenes import LEFT_BEHIND
from vestige_tui.core.left_behind import MEANINGS, meaning_of
from vestige_tui.screens.not_copied import not_copied_counted, not_copied_table


def test_every_table_has_a_line_of_its_own_and_none_is_cut() -> None:
    head, *lines = not_copied_table(LEFT_BEHIND).plain.split("\n")
    assert head.split() == ["rows", "table", "what", "it", "holds"]
    assert [line.split()[:2] for line in lines] == [[f"{rows:,}", name] for name, rows in LEFT_BEHIND.items()]


def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in not_copied_table({"a\x1b[2Jb": 1}).plain


@pytest.mark.parametrize("name", MEANINGS)
def test_meanings_fit_beside_the_name_at_80_columns(name: str) -> None:
    assert len(meaning_of(name)) <= 28
    assert meaning_of(name.upper()) == meaning_of(name)


def test_what_is_not_known_is_not_guessed() -> None:
    assert meaning_of("tickets") == meaning_of("edges.note") == ""


def test_how_much_it_is() -> None:
    assert not_copied_counted({"a": 1_000, "b": 234, "c.d": 5}) == "2 tables and 1 column, 1,239 rows"
