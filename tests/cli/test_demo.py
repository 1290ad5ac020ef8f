from __future__ import annotations

from functools import partial

import pytest

from tests.cli.commands import VestigeTui
from vestige_tui.cli import demo
from vestige_tui.sample import SampleSpec
from vestige_tui.user.settings import demo_folder, embedded_folder


@pytest.mark.long
def test_it_copies_and_queries_as_often_as_one_likes(vestige_tui: VestigeTui, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tenth of its memories; test_terminal_walks has all of them."""
    monkeypatch.setattr(demo, "SampleSpec", partial(SampleSpec, memories=200, edges=80, review_events=400))
    for _ in range(2):
        result = vestige_tui("demo", "--headless")
        assert result.code == 0
        assert "problems are expected" in result.out
        for query in ("By meaning", "By words", "Along connections"):
            assert query in result.out
        assert demo.MODEL.hash in result.out
        assert "\n0 rows" not in result.out
    assert not embedded_folder().exists()
    kept = {path.name for path in demo_folder().iterdir() if not path.name.startswith(".")}
    assert kept == {"postgres", "vestige.db"}
