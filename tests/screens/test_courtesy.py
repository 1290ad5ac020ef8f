"""How long a run stands back for a key."""

from __future__ import annotations

import pytest

from vestige_tui.screens.courtesy import AGAIN, PAUSE, Courtesy


def test_a_key_is_given_room_and_a_key_held_down_no_more_than_its_share() -> None:
    now = 100.0
    courtesy = Courtesy(lambda: now)
    assert courtesy.left == 0
    courtesy.ask()
    assert courtesy.left == pytest.approx(PAUSE)
    now += PAUSE / 2
    courtesy.ask()  # too soon: the first one still counts
    assert courtesy.left == pytest.approx(PAUSE / 2)
    stood = 0.0
    for _ in range(1_000):  # pressed a hundred times a second
        now += 0.01
        courtesy.ask()
        stood += 0.01 * (courtesy.left > 0)
    assert 0.1 < stood / 10 < 0.3
    now += AGAIN
    assert courtesy.left == 0


def test_a_run_stands_back_between_two_batches() -> None:
    now = 0.0
    courtesy = Courtesy(lambda: now)
    courtesy.show()  # nobody asked: it returns at once
    courtesy.ask()
    now += PAUSE
    courtesy.show()
    assert courtesy.left == 0
