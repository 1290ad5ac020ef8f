"""Screens whose layout follows the size of the terminal, from their first picture on."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size
from textual.screen import Screen


class FittedScreen(Screen[None]):
    """Has the classes of its breakpoints as soon as it is built, and when it shows again.

    Textual sets them when the event of a new size arrives: until then a screen is drawn as if there were none, and one
    that lies under another one while the window changes does not hear of it.
    """

    def on_compose(self) -> None:
        """Fit the first picture, before there is a widget whose style a class could change: measured, a sixth of the
        processor time that a step takes to open.
        """
        self._fit_into(self.app.size)

    def on_screen_resume(self) -> None:
        """Fit the size that the window has by now."""
        self._fit_into(self.app.size)

    def _fit_into(self, size: Size) -> None:
        for length, breakpoints in (
            (size.width, self.HORIZONTAL_BREAKPOINTS or ()),
            (size.height, self.VERTICAL_BREAKPOINTS or ()),
        ):
            fitting = _last(length, breakpoints)
            self.update_classes({name: name == fitting for _, name in breakpoints}, animate=False)


def _last(length: int, breakpoints: Sequence[tuple[int, str]]) -> str | None:
    """The class of the last breakpoint that a length reaches."""
    return max((each for each in breakpoints if length >= each[0]), default=(0, None))[1]
