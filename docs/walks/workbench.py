"""``python -m docs.walks.workbench``: brings all broken rows of the demo to PostgreSQL by keys alone, and records it.

The program runs in tmux, as in its user's terminal. The recording (``workbench.cast``, asciinema's format) has what the
window shows from the first step to the comparison of every value after the copy; ``asciinema play`` shows it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import click

from tests.support.tmux import Terminal, terminal

CAST = Path(__file__).with_suffix(".cast")
COLUMNS, ROWS = 80, 24
CONTENT = "The harbor crane is serviced every second Tuesday."
_BEAT = 0.4
"""Seconds between two keys, so that the recording can be followed."""


class Recording:
    """What a terminal shows, whenever something in it changes: only the lines that do."""

    def __init__(self, term: Terminal) -> None:
        self._term = term
        self._lines: list[str] = []
        self._started = time.monotonic()
        self.events: list[tuple[float, str, str]] = []
        self.keys = 0

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.keys += 1
            self._term.press(key)
            self._watch(_BEAT)

    def type(self, text: str) -> None:
        """Type a text, a word at a time."""
        self.keys += len(text)
        for word in text.split(" "):
            self._term.press("-l", word if text.endswith(word) else f"{word} ")
            self._watch(_BEAT / 2)

    def wait(self, *texts: str) -> None:
        """Wait until all of these show."""
        deadline = time.monotonic() + 120
        while not all(text in (shown := self._term.text) for text in texts):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{texts} never showed:\n{shown}")
            self._watch(0.1)
        self._watch(_BEAT)

    @property
    def seconds(self) -> float:
        """Since the recording began."""
        return time.monotonic() - self._started

    def _watch(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self._look()
            if time.monotonic() >= end:
                break
            time.sleep(0.05)

    def _look(self) -> None:
        lines = self._term.coloured.split("\n")[:ROWS]
        changed = [
            f"\x1b[{row};1H\x1b[0m{line or ''}\x1b[0m\x1b[K"
            for row, (line, before) in enumerate(zip_longest(lines, self._lines), start=1)
            if line != before
        ]
        if changed:
            self._lines = lines
            self.events.append((round(self.seconds, 2), "o", "".join(changed)))

    def write(self, file: Path, title: str) -> None:
        """Write an asciicast, version 2."""
        header = {"version": 2, "width": COLUMNS, "height": ROWS, "idle_time_limit": 2, "title": title}
        lines = [header, *self.events]
        file.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n", encoding="utf-8")


def walk(on: Recording) -> Iterator[str]:
    """From the first step to the comparison; says where it is."""
    on.wait("^n Use this database", "registered")
    on.press("C-n")
    on.wait("Start and test it")
    on.press("C-n")
    on.wait("Connected to PostgreSQL", "^n Use this destination")
    on.press("C-n")
    on.wait("17 rows have problems")
    yield "the preview"
    on.press("F2")
    on.wait("17 open", "n Next")
    on.press("a")  # a new UUID for both
    on.wait("Answer 2 rows at once?")
    on.press("Enter")
    on.wait("content: no content")
    on.press("e")
    on.wait("The text itself.")
    on.type(CONTENT)
    on.press("C-n")
    on.wait("e Edit")
    on.press("e")  # visibility
    on.wait("private")
    on.press("Down", "Enter")
    on.wait("a All")
    on.press("a")  # metadata, each in the way that fits it
    on.wait("closed where it was cut off", "Answer 5 rows")
    on.press("Enter")
    on.wait("3 open")
    on.press("Enter")  # the row has the keys from here on
    on.wait("without a vector")
    on.press("Enter")
    on.wait('{"groups": "all"}', "type it")
    on.press("Enter")
    on.wait("platform-team")
    on.press("Space", "C-n")
    on.wait('["platform-team"]', "read as it was meant")
    on.press("Enter")
    on.wait("your answer")
    on.press("Escape")
    on.wait("12 repaired, 5 arrive")
    yield "twelve rows answered, and a preview in which all of them are right"
    on.press("Escape")
    on.wait("^n Start copy", "By your answers: 12 memories repaired")
    on.press("C-n")
    on.wait("2,000 of 2,000 memories are at the destination, every value compared")
    yield "the copy"
    on.press("v")
    on.wait("Compared again: every value of", "is equal")
    yield "the comparison"


@contextmanager
def demo() -> Iterator[Recording]:
    """The demo in a window, of a user without a past."""
    with tempfile.TemporaryDirectory(prefix="walk-") as home:
        folders = {"HOME": home, "XDG_STATE_HOME": f"{home}/.local/state", "XDG_DATA_HOME": f"{home}/.local/share"}
        with terminal({**folders, "TERM": "xterm-256color"}) as term:
            term.resize(COLUMNS, ROWS)
            term.run(sys.executable, "-m", "vestige_tui", "demo")
            term.wait("● Source")
            try:
                yield Recording(term)
            finally:
                term.press("C-q")
                term.ended()


def main() -> None:
    """Walk, record, and say how long it took."""
    with demo() as recording:
        for place in walk(recording):
            click.echo(f"{recording.seconds:6.1f} s  {recording.keys:3} keys  {place}")
        took = recording.seconds
        said = f"vestige-tui demo: twelve broken rows mended, {recording.keys} keys, {took:.0f} seconds"
        recording.write(CAST, said)
    click.echo(f"{said}; {CAST.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
