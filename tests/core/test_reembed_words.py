from __future__ import annotations

import pytest

from vestige_tui.core.facts import EmbedderObstacle
from vestige_tui.core.reembed.embedders.protocol import Place, Retry
from vestige_tui.core.reembed.report import NeighbourComparison
from vestige_tui.core.reembed.words import contents_go_to, kept_in_words, retrying
from vestige_tui.core.text import excerpt, per_second


@pytest.mark.parametrize("why", EmbedderObstacle)
def test_every_reason_to_try_again_is_a_sentence(why: EmbedderObstacle) -> None:
    said = retrying(Retry(why, 1, 2.4))
    assert said.endswith(". Attempt 2 in 2 s.")
    assert said[0].isupper()
    assert "{" not in said


def test_where_contents_go() -> None:
    assert "no content leaves it" in contents_go_to(Place("/models/e5"))
    away = contents_go_to(Place("https://h/v1", leaves_machine=True))
    assert "go to https://h/v1, on another machine." in away
    assert "not encrypted" not in away
    assert "not encrypted" in contents_go_to(Place("http://h/v1", leaves_machine=True, encrypted=False))


def test_neighbours() -> None:
    assert kept_in_words(NeighbourComparison(200, 10, 2_000, 1_340)).startswith("67% of nearest neighbours stay")
    assert "could not be compared" in kept_in_words(NeighbourComparison(1, 10, 0, 0))


def test_numbers_and_excerpts() -> None:
    assert [per_second(rate) for rate in (1_234.5, 6.14, 9.96)] == ["1,234", "6.1", "10.0"]
    assert [excerpt(text, 5) for text in ("ab\n c", "abcdef", "")] == ["ab c", "abcd…", ""]
