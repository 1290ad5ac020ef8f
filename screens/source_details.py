"""What an inspection of a source found. Where there is room, also what its memories are like."""

from __future__ import annotations

import threading
from datetime import datetime

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalGroup
from textual.message import Message
from textual.widgets import Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.source.contents import Contents, contents
from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.source.overview import FileUsage
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import is_spacious
from vestige_tui.screens.source_boxes import Kinds, Months, Stays
from vestige_tui.screens.source_facts import facts_of, kept_repairs, not_copied, rows_of
from vestige_tui.screens.widgets.key_values import KeyValues


class SourceDetails(Horizontal):
    """Rows and facts, one below the other; in a spacious terminal side by side, with more boxes below them."""

    class LookedThrough(Message, bubble=False):
        """What the memories of a file are like, or why that cannot be said."""

        def __init__(self, source: SourceDescription, outcome: Contents | MigrationError) -> None:
            super().__init__()
            self.source = source
            self.outcome = outcome

    def __init__(self) -> None:
        super().__init__(id="details")
        self._found: tuple[SourceDescription, FileUsage, Repairs, datetime] | None = None
        self._looked_through: SourceDescription | None = None
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        """Two columns, or two parts of one."""
        with VerticalGroup():
            yield Static(id="rows", classes="box")
            yield Months(id="months")
        with VerticalGroup():
            yield KeyValues(id="facts", classes="box")
            yield Stays()
            yield Kinds(id="kinds")

    def on_mount(self) -> None:
        """Name the boxes; they are empty."""
        self.query_one("#rows").border_title = "Rows"
        self.query_one("#facts").border_title = "The file"
        self._draw()

    def show(self, source: SourceDescription, used: FileUsage, repairs: Repairs, now: datetime) -> None:
        """Show what a file is."""
        self._found = source, used, repairs, now
        self._draw()

    def clear(self) -> None:
        """Show nothing."""
        self._found = None
        self._draw()

    def on_resize(self, _event: events.Resize) -> None:
        """Show more or less of it."""
        self._draw()

    def on_unmount(self) -> None:
        """Stop counting."""
        self._left.set()

    def _draw(self) -> None:
        self.display = self._found is not None
        if self._found is None:
            return
        source, used, repairs, now = self._found
        spacious = is_spacious(self.app.size)
        apart = () if spacious else not_copied(source)
        self.query_one("#facts", KeyValues).show([*facts_of(source, used, now), *apart, *kept_repairs(repairs)])
        self.query_one("#rows", Static).update(rows_of(source, columns=1 if spacious else 2))
        self.query_one(Stays).show(source.left_behind)
        if spacious and self._looked_through is not source:
            self._look_through(source)

    def _look_through(self, source: SourceDescription) -> None:
        """In a thread: it takes as long as the description did, and nothing waits for it."""
        self._looked_through = source
        self._show_contents(None)
        stopped = self._left.is_set
        ask(self, lambda: contents(source, stopped), lambda found: self.LookedThrough(source, found), name="contents")

    @on(LookedThrough)
    def _answered(self, event: LookedThrough) -> None:
        if event.source is self._looked_through and isinstance(event.outcome, Contents):
            self._show_contents(event.outcome)

    def _show_contents(self, found: Contents | None) -> None:
        self.set_class(found is not None and bool(found.kinds), "-counted")
        if found is not None:
            self.query_one(Months).show(found)
            self.query_one(Kinds).show(found)
