"""The workbench: the problems of a source by cause on the left, one row with ways to deal with it on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Label, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.text import count
from vestige_tui.screens.answering import AnsweringScreen
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import ROOMY
from vestige_tui.screens.cases import Case, Cases, Status, unexplained
from vestige_tui.screens.keys import show_help
from vestige_tui.screens.repairs_owner import RepairsOwner
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.row_questions import People, needs_people, people, references
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.case_list import CaseList
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.offer_list import OfferList
from vestige_tui.screens.widgets.row_pane import RowPane, legend, relabel
from vestige_tui.screens.widgets.text import plain

_BESIDE = 112
"""Columns from which the list and a row stand side by side: with fewer, ids and titles would be cut."""

HELP = """
On the left are the problems by cause; what waits for a row is counted with it. On the right is one row: what is wrong,
its value with the place of the error, and the ways to deal with it. Your file stays as it is: answers are kept beside
it, and each run lays them over its rows.

Enter opens a row, and accepts the chosen way. The arrow keys, or 1 to 9, choose another way. After an answer the next
open row is shown.

e edits the value: text and JSON in an editor that shows the place of an error as you type, owners, groups and
visibility from a list. l leaves the row out, knowingly, with a reason; what depends on it is left out with it.

a answers all open rows of the same cause in the way that is chosen, after it has shown what that makes of them. With
rows selected by space, Accept and Leave out are for all of those.

u takes the last change back, d the answer of a row. n and N go to the next and the previous open problem, j and k to
the next and the previous line; left and right fold a cause.

/ finds rows by a text, s sorts the rows of a cause, y copies the row's id, or its value where the right side has the
keys. o shows the whole row as it is in the source. Escape goes back.

An answered row counts as repaired only when a run with that answer has found nothing wrong with it: after a change the
preview is made again by itself; in the report, the copy tells.
"""


class Workbench(AnsweringScreen):
    """Goes through problems and answers them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit"),
        Binding("l", "leave_out", "Leave out"),
        Binding("a", "all", "All"),
        Binding("u", "undo", "Undo"),
        Binding("n", "turn(1)", "Next"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("escape", "back", "Back"),
        Binding("question_mark,f1", "help", "Keys", key_display="?"),
        Binding("N", "turn(-1)", "Previous", show=False),
        Binding("d", "drop", "Take back", show=False),
        Binding("space", "select", "Select", show=False),
        Binding("s", "sort", "Sort", show=False),
        Binding("y", "copy_it", "Copy", show=False),
        Binding("o", "whole_row", "Whole row", show=False),
        Binding("ctrl+n", "bring", "Bring", show=False),
        Binding("ctrl+b", "back", "Back", show=False),
        *(Binding(str(number), f"choose({number})", "Choose", show=False) for number in range(1, 10)),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_BESIDE, "-wide")]  # noqa: RUF012  (Textual declares it otherwise)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (ROOMY, "-roomy")]  # noqa: RUF012
    AUTO_FOCUS: ClassVar[str | None] = "CaseList"

    class Surveyed(Message):
        """The problems once more, by what it is that rows refer to that wait for another one."""

        def __init__(self, cases: Cases | MigrationError | None) -> None:
            super().__init__()
            self.cases = cases if isinstance(cases, Cases) else None

    class Met(Message):
        """The users and groups to choose from."""

        def __init__(self, found: People | MigrationError) -> None:
            super().__init__()
            self.people = found if not isinstance(found, MigrationError) else {}

    def __init__(self, owner: RepairsOwner, at: tuple[str, str] | None = None) -> None:
        super().__init__(owner)
        self._at = at
        self._built = False

    def compose(self) -> ComposeResult:
        """The causes, the row, and what can be done."""
        with Horizontal(id="top"):
            yield Label("vestige-tui", id="program")
            yield Label("Problems", id="move")
        with Horizontal(id="bench"):
            with Vertical(id="causes"):
                yield Static(id="tally")
                yield Input(placeholder="find an id, a table, a word…", id="find", compact=True)
                yield CaseList(id="cases")
                yield Static(legend(_KEYS), classes="legend")
            yield RowPane(self._path, dry=self._owner.dry, id="row")
        with ButtonRow(id="buttons"):
            yield Button("Back", id="back", compact=True)
            yield Button("Undo", id="undo", compact=True)
            yield Static(id="going-on")
            yield Button(id="bring", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known at once; what needs the source or the server follows."""
        self._built = True
        self.query_one("#find", Input).display = False
        self._judge()
        self._list.take(self._cases)
        if self._at is not None:
            at = self._at
            found = next((case for case in self._cases.all if case.row == at or _waits_as(case, at)), None)
            if found is not None:
                self._list.go_to(found)
        self._show()
        self._survey()
        if self._owner.state.target is not None and any(needs_people(case) for case in self._cases.all):
            dsn, path = self._owner.state.target.dsn, self._path
            ask(self, lambda: people(path, dsn), self.Met, name="people")

    def _survey(self) -> None:
        """Find out for which rows others wait whose labels do not say it."""
        path, known, repairs = self._path, self._owner.state.known, self._repairs
        if waiting := unexplained(known):

            def survey() -> Cases | None:
                found = references(path, waiting)
                return Cases(known, found, repairs) if found else None

            ask(self, survey, self.Surveyed, name="survey")

    @on(Surveyed)
    def _surveyed(self, event: Surveyed) -> None:
        if event.cases is not None and not event.cases.outdated(self._owner.state.known, self._repairs):
            self._take(event.cases)
            self._show()

    def _take(self, cases: Cases) -> None:
        self._cases = cases
        self._judge()
        self._list.take(cases)

    def _judge(self) -> None:
        self._cases.judge(self._repairs, self._owner.verdicts, self._owner.refused)

    def refresh_state(self) -> None:
        """Show what the step under this screen knows by now."""
        if not self._built:
            return
        state = self._owner.state
        if self._cases.outdated(state.known, state.repairs):
            self._take(Cases(state.known, self._cases.references, state.repairs))
        else:
            self._judge()
        self._show()

    def _show(self) -> None:
        """Show how far the problems are, and the row at the cursor."""
        self._show_tally()
        self._list.refresh()
        self._show_row()

    def _show_tally(self) -> None:
        counts = self._cases.counts()
        said = [f"{number:,} {word}" for word, number in _tally(counts)]
        words = plain(f"{count(sum(counts.values()), 'row')}: {', '.join(said) or 'none'}")
        tally = self.query_one("#tally", Static)
        if tally.content != words:
            tally.update(words)
        going_on = self._busy or self._owner.checking
        words = plain(f"… {going_on}" if going_on else _SAVED if self._changes else "")
        self.query_one("#going-on", Static).update(words, layout=False)
        bring, label = self.query_one("#bring", Button), self._owner.bring_label
        relabel(bring, label)
        bring.display = bool(label)
        self.query_one("#undo", Button).disabled = not self._changes
        self.refresh_bindings()

    @on(Met)
    def _met(self, event: Met) -> None:
        self._row.show_people(event.people)

    # The row

    @on(CaseList.Moved)
    def _moved(self) -> None:
        if self._list.case is not self._row.case:
            self._show_row()

    def _show_row(self) -> None:
        self._row.show(self._cases, self._list.case, len(self._list.selected))
        self.refresh_bindings()

    @on(RowPane.Answerable)
    def _show_buttons(self) -> None:
        self._row.show_buttons(len(self._list.selected))
        self.refresh_bindings()

    # Ways through the list

    def action_turn(self, step: int) -> None:
        """The next open problem, or the previous one."""
        if not self._list.turn(step):
            self.notify("No other problem is open.")

    def action_select(self) -> None:
        """Select the row at the cursor."""
        self._list.toggle_selected()
        self._show_buttons()

    def action_sort(self) -> None:
        """Sort the rows of each cause in another way."""
        self.notify(f"Sorted {self._list.sort().value}.")

    def action_choose(self, number: int) -> None:
        """Choose a way by its number."""
        self.query_one(OfferList).choose(number - 1)
        self._show_buttons()

    def action_copy_it(self) -> None:
        """Copy the row's id; its value where the right side has the keys."""
        case, row = self._row.case, self._row.row
        if case is None:
            return
        in_row = self.focused is not None and self.focused is not self._list
        if in_row and row is not None and row.text is not None:
            self.app.copy_to_clipboard(row.text)
            self.notify(f"Copied: the value of {case.error.field}.", markup=False)
        else:
            self.app.copy_to_clipboard(case.error.row)
            self.notify(f"Copied: {case.error.row}", markup=False)

    def action_whole_row(self) -> None:
        """Show the whole row as it is in the source."""
        if self._row.case is not None:
            self.app.push_screen(RowDialog(self._row.case.error, self._path, dry=self._owner.dry))

    def action_find(self) -> None:
        """Type what to find."""
        self.remove_class("-row-open")
        field = self.query_one("#find", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#find")
    def _find(self, event: Input.Changed) -> None:
        self._list.find(event.value)

    @on(Input.Submitted, "#find")
    def _found(self) -> None:
        self._list.focus()

    @on(CaseList.Opened)
    def _open(self) -> None:
        """Give the right side the keys; where there is no room, it covers the list."""
        if self._list.case is not None:
            self.add_class("-row-open")
            self.query_one(OfferList).focus()

    def action_back(self) -> None:
        """Back: from the row to the list, from a search to all rows, from the list to the step."""
        find = self.query_one("#find", Input)
        if self.has_class("-row-open"):
            self.remove_class("-row-open")
            self._list.focus()
        elif find.display:
            find.value = ""
            find.display = False
            self._list.focus()
        else:
            self.dismiss()

    def action_help(self) -> None:
        """Show the keys."""
        show_help(self, "Problems", HELP)

    def action_bring(self) -> None:
        """Take the answered rows to the destination."""
        if self._owner.bring_label:
            self.dismiss()
            self._owner.bring()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        if not self._built:
            return True
        if action in ("edit", "all"):
            return bool(self._row.offers)
        if action == "leave_out":
            return self._row.can_leave_out
        if action == "undo":
            return bool(self._changes)
        if action == "turn":
            return bool(self._list.items)
        return super().check_action(action, parameters)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        actions: dict[str | None, Callable[[], None]] = {
            "edit": self.action_edit,
            "leave-out": self.action_leave_out,
            "all": self.action_all,
            "undo": self.action_undo,
            "back": self.action_back,
            "bring": self.action_bring,
        }
        if (act := actions.get(event.button.id)) is not None:
            act()


_KEYS = (
    ("space", "select"), ("s", "sort"), ("y", "copy id"), ("o", "whole row"), ("d", "take back"), ("N", "previous"),
)  # fmt: skip
_SAVED = "Your answers are kept. u takes the last one back."


def _tally(counts: Mapping[Status, int]) -> Iterable[tuple[str, int]]:
    for status in Status:
        if number := counts.get(status, 0):
            yield (status.word if number == 1 else status.plural), number


def _waits_as(case: Case, at: tuple[str, str]) -> bool:
    return any(each.row == at for each in case.waiting)
