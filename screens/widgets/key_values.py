"""A list of facts: the name on the left, the value on the right."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalGroup
from textual.content import Content
from textual.widgets import Static

from vestige_tui.screens.widgets.text import plain

Facts = Iterable[tuple[str, Content | str]]


class KeyValues(VerticalGroup):
    """Facts in two columns; a long value wraps within its column."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._facts: tuple[tuple[str, Content | str], ...] = ()

    def compose(self) -> ComposeResult:
        """One row per fact."""
        self.set_class(not self._facts, "-empty")
        width = max((len(name) for name, _ in self._facts), default=0) + 2
        for name, value in self._facts:
            with Horizontal(classes="fact"):
                label = Static(plain(name), classes="fact-name")
                label.styles.width = width
                yield label
                yield Static(value if isinstance(value, Content) else plain(value), classes="fact-value")

    def show(self, facts: Facts) -> None:
        """Replace what is shown."""
        self._facts = tuple(facts)
        self.refresh(recompose=True)


def two_columns(facts: Facts) -> Content:
    """Short facts as text, one a line, their values aligned."""
    rows = list(facts)
    width = max((len(name) for name, _ in rows), default=0) + 2
    return Content("\n").join(
        Content.assemble((f"{name:<{width}}", "$muted"), value if isinstance(value, Content) else plain(value))
        for name, value in rows
    )
