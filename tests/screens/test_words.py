"""Text on the screen, and paths that complete themselves."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from tests.support.wizard import NOW
from vestige_tui.core.text import count, size
from vestige_tui.screens.widgets.log_lines import LogTail
from vestige_tui.screens.widgets.path_input import completion
from vestige_tui.screens.widgets.text import ago, lines, paragraphs, plain, short_path, shortened


def test_no_text_is_markup_or_obeyed() -> None:
    assert plain("[bold]a[/] \x1b[31m").plain == "[bold]a[/] ␛[31m"
    assert lines("a\n[b]").plain == "a\n[b]"


def test_paragraphs_have_no_line_ends_of_their_own() -> None:
    assert paragraphs("\na\nb\n\nc\n").plain == "a b\n\nc"


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 bytes"), (1, "1 byte"), (1_500, "1.5 kB"), (3_400_000, "3.4 MB"), (2 * 10**9, "2.0 GB")],
)
def test_sizes(number: int, words: str) -> None:
    assert size(number) == words


def test_counts() -> None:
    assert (count(1, "memory", "memories"), count(2_000, "memory", "memories")) == ("1 memory", "2,000 memories")


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=1), "yesterday"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(days=400), "2025-10-18"),
        (timedelta(seconds=-9), "just now"),
    ],
)
def test_moments(passed: timedelta, words: str) -> None:
    assert ago(NOW - passed, NOW) == words


def test_paths_are_short_and_keep_both_ends() -> None:
    home = Path("/home/me")
    assert short_path(home / "a" / "b.db", home) == "~/a/b.db".replace("/", os.sep)
    assert short_path(Path("/srv/b.db"), home) == str(Path("/srv/b.db"))
    assert shortened("/a/very/long/path/to/vestige.db", 20) == "/a/very…o/vestige.db"
    assert shortened("short", 20) == "short"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("mem", "memory/"),
        ("~/mem", "~/memory/"),
        ("memory/v", "memory/vestige.db"),
        ("memory/", "memory/[odd].db"),
        ("memory/vestige.db", None),
        (".h", ".hidden/"),
        ("n", None),
        ("missing/x", None),
        ("a\0b/", None),
    ],
)
def test_a_path_is_completed_to_folders_and_databases(tmp_path: Path, typed: str, completed: str | None) -> None:
    for folder in ("memory", ".hidden"):
        (tmp_path / folder).mkdir()
    for name in ("memory/vestige.db", "memory/[odd].db", "notes.txt"):
        (tmp_path / name).touch()
    assert completion(typed, tmp_path, tmp_path) == completed


def test_the_end_of_the_log_in_a_place_of_fixed_size() -> None:
    """As many lines as there is room for, each on one row; a new line is shown without a layout."""
    written = [f"line {number}: {'wide ' * 20}" for number in range(8)]

    class OneLog(App[None]):
        CSS = "LogTail { height: 3; text-wrap: nowrap; text-overflow: ellipsis; }"

        def compose(self) -> ComposeResult:
            yield LogTail(lambda: written)

    async def walk() -> None:
        app = OneLog()
        async with app.run_test(size=(40, 6)) as pilot:
            tail = app.query_one(LogTail)

            def starts() -> list[str]:
                return [tail.render_line(row).text.split(":")[0] for row in range(3)]

            await pilot.pause()
            assert starts() == ["line 5", "line 6", "line 7"]
            written.append("[red]line 8[/]: \x1b[31m")
            tail._look()
            await pilot.pause()
            assert starts() == ["line 6", "line 7", "[red]line 8[/]"]

    asyncio.run(walk())
