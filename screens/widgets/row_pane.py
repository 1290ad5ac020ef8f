"""The right side of the workbench: one row, what is wrong with it, and the ways to deal with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Button, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.repairs.proposals import ProposalKind
from vestige_tui.core.rows.tables import GROUPS, USERS
from vestige_tui.core.source.broken_rows import BrokenRow
from vestige_tui.screens.background import ask
from vestige_tui.screens.cases import Case, Cases
from vestige_tui.screens.offers import Offer, offers
from vestige_tui.screens.problems import short_row, table_title
from vestige_tui.screens.row_questions import People, look
from vestige_tui.screens.row_text import row_text
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.offer_list import OfferList
from vestige_tui.screens.widgets.text import plain, shortened

_REST = 0.05
"""Seconds for which the cursor rests before a row is read: while a key is held down, none is."""

_KEYS = (("1–9", "choose"), ("y", "copy value"), ("o", "whole row"), ("d", "take back"), ("N", "previous"))


class RowPane(Vertical):
    """Shows what is known of a row at once, and its values when they are read."""

    class Answerable(Message):
        """What can be done about the row has changed."""

    class Looked(Message):
        """A row as it is in the source."""

        def __init__(self, case: Case, row: BrokenRow | MigrationError | None) -> None:
            super().__init__()
            self.case = case
            self.row = row

    def __init__(self, source: Path, *, dry: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = source
        self._dry = dry
        self._cases = Cases(())
        self._people: People = {}
        self._looking = False  # the row is being read: until then, what is shown stays as it is
        self._waiting: Timer | None = None
        self.case: Case | None = None
        """The row that is shown."""
        self.row: BrokenRow | None = None
        """The same row as it is in the source; None until it is read, or where the source no longer has it."""
        self.offers: Sequence[Offer] = ()
        """What can be done about it."""

    def compose(self) -> ComposeResult:
        """The row, the ways, and a button for each thing that can be done."""
        yield Static(id="row-title")
        with VerticalScroll(id="row-body", can_focus=False):
            yield RowText(id="row-text")
        yield Static("Ways to deal with it", id="ways-title")
        yield OfferList(id="offers")
        with ButtonRow(id="row-buttons"):
            yield Button("Accept", id="accept", compact=True)
            yield Button("Edit", id="edit", compact=True)
            yield Button("Leave out", id="leave-out", compact=True)
            yield Button("All of this kind", id="all", compact=True)
        yield Static(legend(_KEYS), classes="legend")

    @property
    def chosen(self) -> Offer | None:
        """The way that is chosen."""
        return self.query_one(OfferList).chosen

    @property
    def can_leave_out(self) -> bool:
        """Whether the row can be left out."""
        return any(offer.kind is ProposalKind.LEAVE_OUT for offer in self.offers)

    def show(self, cases: Cases, case: Case | None, selected: int) -> None:
        """Show a row, of ``cases``, or how far it is by now; ``selected`` is the number of rows that are."""
        self._cases = cases
        if not _same(case, self.case):
            self.row, self.offers = None, ()
            self._looking = case is not None and case.of_one_row
            self.query_one(OfferList).clear(keep_height=self._looking)
            if self._waiting is not None:
                self._waiting.stop()
            if self._looking:
                self._waiting = self.set_timer(_REST, self._look)
            self.query_one("#row-body", VerticalScroll).scroll_home(animate=False)
        self.case = case
        self._show_text()
        self.show_buttons(selected)

    def on_resize(self) -> None:
        """Make use of the new width, also where there was none before."""
        self._show_text()

    def _show_text(self) -> None:
        case = self.case
        title, text = Content(""), Content("")
        if case is not None:
            title = self._title(case)
            text = row_text(self._cases, case, self.row, self.query_one("#row-body").size.width - 2, dry=self._dry)
        self.query_one("#row-title", Static).update(title, layout=False)
        self.query_one("#row-text", RowText).show(text)

    def _title(self, case: Case) -> Content:
        cause = self._cases.cause_of(case)
        place = f"   {cause.cases.index(case) + 1:,} of {len(cause.cases):,}" if cause is not None else ""
        table, row = table_title(case.error), case.error.row if case.of_one_row else short_row(case.error)
        room = max(12, self.size.width - 2 - len(table) - 2 - len(place))
        return Content.assemble(plain(f"{table}  {shortened(row, room)}", "bold $accent"), plain(place, "$muted"))

    def show_people(self, people: People) -> None:
        """Offer these users and groups."""
        self._people = people
        self._show_offers()

    def people(self, table: str) -> Sequence[tuple[str, str]]:
        """The ids of users or groups to choose from, with their names."""
        return [(person.id, person.handle) for person in self._people.get(table, ())]

    def offers_for(self, case: Case, row: BrokenRow) -> Iterable[Offer]:
        """What can be done about any row."""
        owners, groups = (self._people.get(table.name, ()) for table in (USERS, GROUPS))
        return offers(case, row, owners, groups, there=not self._dry and case.error.copied)

    def _look(self) -> None:
        case, source = self.case, self._source
        if case is not None:
            ask(self, lambda: look(source, case), lambda row: self.Looked(case, row), name="look-at-row")

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        event.stop()
        if not _same(event.case, self.case):
            return  # the operator has gone on
        self._looking = False
        if isinstance(event.row, MigrationError):
            self._show_no_row(f"{event.row.what} {event.row.remedy}")
        elif event.row is None:
            self._show_no_row("The source does not have this row any more.")
        else:
            self.row = event.row
            self._show_offers()
            self._show_text()

    def _show_no_row(self, why: str) -> None:
        self.query_one(OfferList).clear()
        self.query_one("#row-text", RowText).show(plain(why))
        self.post_message(self.Answerable())

    def _show_offers(self) -> None:
        if self.case is not None and self.row is not None:
            self.offers = [*self.offers_for(self.case, self.row)]
            self.query_one(OfferList).show(self.offers)
            self.post_message(self.Answerable())

    def show_buttons(self, selected: int) -> None:
        """What the buttons do now, and whether they can. While a row is read they stay as they are: they would act on
        nothing, and a change would lay the screen out again.
        """
        if not self._looking:
            able = bool(self.offers)
            self.query_one("#ways-title").display = able
            for name, enabled in (("accept", able), ("edit", able), ("leave-out", self.can_leave_out), ("all", able)):
                self.query_one(f"#{name}", Button).disabled = not enabled
            typed = self.chosen is not None and not self.chosen.ready
            accept = f"Accept for {selected:,}" if selected else "Type it" if typed else "Accept"
            relabel(self.query_one("#accept", Button), accept)
        cause = self._cases.cause_of(self.case) if self.case is not None else None
        still_open = self._cases.open_in(cause) if cause is not None else 0
        everyone = self.query_one("#all", Button)
        relabel(everyone, f"All {still_open:,} of this kind")
        everyone.display = still_open > 1


class RowText(Static):
    """A text that lays the screen out again only where its height changes: most rows fit into the room it has."""

    def show(self, text: Content) -> None:
        """Replace the text."""
        if isinstance(self.content, Content) and text.is_same(self.content):
            return
        least = self.parent.size.height if isinstance(self.parent, VerticalScroll) else 0
        needed = max(least, text.get_height({}, self.size.width) if self.size.width else 0)
        self.update(text, layout=needed != self.size.height)


def relabel(button: Button, label: str) -> None:
    """Give a button another label, and the room for it."""
    if str(button.label) != label:
        button.label = Content(label)
        button.refresh(layout=True)  # by itself a new label keeps the old width


def legend(keys: Iterable[tuple[str, str]]) -> Content:
    """Keys for which the footer has no room."""
    return Content("  ").join(Content.assemble((key, "bold"), f" {word}") for key, word in keys)


def _same(one: Case | None, other: Case | None) -> bool:
    """Whether two cases are about the same problem, also where they were made anew."""
    if one is None or other is None:
        return one is other
    return (one.row, one.error.field, one.error.kind, one.place) == (
        other.row, other.error.field, other.error.kind, other.place
    )  # fmt: skip
