"""The last lines of the log, as they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import Static

from vestige_tui.screens.widgets.text import plain

SHOWN = 500
"""Lines; the log file of a run on the command line has all of them."""

_LOOK = 0.5  # seconds between two looks
_EMPTY = "Nothing has been logged yet."


class LogTail(Static):
    """As many of the last lines as there is room for. Its size never changes, so that new lines cost no layout."""

    def __init__(self, read: Callable[[], Sequence[str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._read = read
        self._shown: Sequence[str] = ()

    def on_mount(self) -> None:
        """Follow the log."""
        self.set_interval(_LOOK, self._look)

    def _look(self) -> None:
        if self.size.height and self._tail() != self._shown:
            self.refresh()

    def _tail(self) -> Sequence[str]:
        return self._read()[-max(1, self.size.height) :]

    def render(self) -> Content:
        """The lines, each on one row."""
        self._shown = self._tail()
        return Content("\n").join(map(plain, self._shown)) if self._shown else plain(_EMPTY, "$muted")


class LogLines(Static):
    """The lines; new ones appear by themselves. ``read`` gives all that are kept, the last one last."""

    def __init__(self, read: Callable[[], Sequence[str]]) -> None:
        super().__init__()
        self._read = read
        self._last: Sequence[str] | None = None

    def on_mount(self) -> None:
        """Follow the log."""
        self._show()
        self.set_interval(_LOOK, self._show)

    def _show(self) -> None:
        lines = self._read()[-SHOWN:]
        if lines == self._last:
            return
        self._last = lines
        self.update(Content("\n").join(map(plain, lines)) if lines else plain(_EMPTY, "$muted"))
        scroller = self.parent
        if scroller is not None and getattr(scroller, "is_vertical_scroll_end", False):
            self.call_after_refresh(scroller.scroll_end, animate=False)  # type: ignore[attr-defined]
