"""The workbench: the problems of a source by cause on the left, one row with ways to deal with it on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Label, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.repairs.answers import Answers
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.repairs.proposals import Step as Way
from vestige_tui.core.repairs.typed import to_type
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import GROUPS, USERS
from vestige_tui.core.text import count
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import ROOMY
from vestige_tui.screens.cases import Case, Cases, Status, unexplained, waiting_words
from vestige_tui.screens.editor_dialog import EditorDialog
from vestige_tui.screens.fitted import FittedScreen
from vestige_tui.screens.keys import show_help
from vestige_tui.screens.leave_out_dialog import LeaveOutDialog
from vestige_tui.screens.many_answers import Plan, plan_for
from vestige_tui.screens.offers import Offer, column_of
from vestige_tui.screens.picker_dialog import PickerDialog
from vestige_tui.screens.problems import short_row, table_title
from vestige_tui.screens.repairs_owner import RepairsOwner
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.row_questions import People, needs_people, people, references
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


class Change(NamedTuple):
    """A change that can be taken back: the repairs before it, and what it was."""

    before: Repairs
    what: str


class Workbench(FittedScreen):
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

    class Planned(Message):
        """What one answer would make of several rows."""

        def __init__(self, plan: Plan | MigrationError) -> None:
            super().__init__()
            self.plan = plan

    def __init__(self, owner: RepairsOwner, at: tuple[str, str] | None = None) -> None:
        super().__init__(classes="workbench")
        self._owner = owner
        self._at = at
        self._cases = Cases(owner.state.known, repairs=owner.state.repairs)
        self._changes: list[Change] = []
        self._busy = ""
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
        with Horizontal(id="buttons"):
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

    @property
    def _path(self) -> Path:
        source = self._owner.state.source
        return source.path if source is not None else Path()

    @property
    def _list(self) -> CaseList:
        return self.query_one(CaseList)

    @property
    def _row(self) -> RowPane:
        return self.query_one(RowPane)

    @property
    def _repairs(self) -> Repairs:
        return self._owner.state.repairs

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

    # Answers

    @on(OfferList.Accepted)
    @on(Button.Pressed, "#accept")
    def accept(self) -> None:
        """Take the chosen way; for the selected rows, where there are any."""
        offer = self._row.chosen
        if offer is None or self._row.row is None:
            return
        if self._list.selected:
            self._plan(self._selected, offer)
        elif offer.step is Way.LEAVE_OUT:
            self.action_leave_out()
        elif not offer.ready:
            self.action_edit()
        else:
            self._set(offer.value)

    @property
    def _selected(self) -> list[Case]:
        chosen = self._list.selected
        return [case for case in self._cases.all if id(case) in chosen] if chosen else []

    def _set(self, value: Any) -> None:
        """Answer the row that is shown with a value, and go on to the next one."""
        case, row = self._row.case, self._row.row
        if case is None or row is None or case.error.field is None:
            return
        answers = Answers(self._repairs)
        answers.set(row.name, case.error.field, value)
        self._change(answers.repairs, f"the answer of {_named(case)}")
        self._go_on()

    def _change(self, repairs: Repairs, what: str) -> None:
        """Take other repairs; the change can be taken back."""
        self._changes.append(Change(self._repairs, what))
        self._owner.answer(repairs)
        self.refresh_state()

    def _go_on(self) -> None:
        """Go to the next open row, with the keys where they were."""
        if not self._list.turn(1):
            self._show_row()

    def action_edit(self) -> None:
        """Edit the value: in a list where there is one to choose from, else in an editor."""
        case, row = self._row.case, self._row.row
        if case is None or row is None or (column := column_of(case)) is None or not self._row.offers:
            return
        title = f"{table_title(case.error)} {short_row(case.error)}: {column.name}"
        chosen = self._choices(case)
        if chosen:
            several = column.type is PgType.UUID_ARRAY
            dialog = PickerDialog(title, chosen, several=several)
            self.app.push_screen(dialog, lambda ids: self._picked(ids, several=several))
            return
        offer = self._row.chosen
        text = to_type(column, offer.value) if offer is not None and offer.ready else row.text or ""
        self.app.push_screen(EditorDialog(column, title, text), lambda value: self._set(value[0]) if value else None)

    def _choices(self, case: Case) -> Sequence[tuple[str, str]]:
        """What can be picked: the values that a column allows, owners, groups."""
        column = column_of(case)
        if column is None:
            return ()
        if column.allowed:
            return [(each, each) for each in column.allowed]
        if case.error.field == "owner_user_id":
            return self._row.people(USERS.name)
        return self._row.people(GROUPS.name) if column.type is PgType.UUID_ARRAY else ()

    def _picked(self, ids: list[str] | None, *, several: bool) -> None:
        if ids is not None:
            self._set(ids if several else ids[0])

    def action_leave_out(self) -> None:
        """Leave the row out, or the selected ones, with a reason."""
        case = self._row.case
        if case is None or self._row.row is None or not self._row.can_leave_out:
            return
        chosen = self._selected
        if chosen:
            what = count(len(chosen), "row")
            means = "What depends on them is left out, too. They are counted in report and receipt, and are no errors."
        else:
            what, waits = _named(case), waiting_words(case)
            means = (
                f"{waits[:1].upper()}{waits[1:]}, and will be left out, too."
                if waits
                else "What depends on it is left out with it."
            )
            means += " It is counted in report and receipt, and is no error."
        self.app.push_screen(
            LeaveOutDialog(what, means), lambda reason: self._leave_out(reason, chosen) if reason else None
        )

    def _leave_out(self, reason: str, chosen: Sequence[Case]) -> None:
        case, row = self._row.case, self._row.row
        if chosen:
            self._plan(chosen, Offer(Way.LEAVE_OUT, "left out", value=reason))
        elif case is not None and row is not None:
            answers = Answers(self._repairs)
            answers.leave_out(row.name, reason)
            self._change(answers.repairs, f"leaving out {_named(case)}")
            self._go_on()

    def action_all(self) -> None:
        """Answer all open rows of the cause in the chosen way, or in the way that the row was answered."""
        cause, offer, case = self._list.cause, self._row.chosen, self._row.case
        if cause is None or case is None or offer is None or self._busy:
            return
        rows = [each for each in cause.cases if self._cases.status(each).needs_you]
        if offer.step is Way.LEAVE_OUT:
            self._list.selected = {*map(id, rows)}
            self.action_leave_out()
            return
        repair = self._cases.repair_of(case)
        field = case.error.field or ""
        if repair is not None and field in repair.values and offer.step is not Way.NEW_ID:
            offer = Offer(Way.TYPE, "the same answer as this row", value=repair.values[field])
        first = self._row.offers and offer is self._row.offers[0]
        if rows:
            self._plan(rows, None if first and offer.step is not Way.CHOOSE else offer)

    def _plan(self, rows: Sequence[Case], offer: Offer | None) -> None:
        """Find out what one way makes of several rows."""
        path, read = self._path, self._row.offers_for
        self._busy = f"Reading {count(len(rows), 'row')}"
        self._show_tally()
        ask(self, lambda: plan_for(path, rows, offer, read), self.Planned, name="plan-answers")

    @on(Planned)
    def _planned(self, event: Planned) -> None:
        self._busy = ""
        self._show_tally()
        plan = event.plan
        if isinstance(plan, MigrationError):
            self.notify(f"{plan.what} {plan.remedy}", severity="error", markup=False)
        elif not plan.answers:
            self.notify("None of these rows can be answered so: type a value (e), or leave them out (l).", markup=False)
        elif len(plan.answers) == 1 and not plan.without:
            self._take_plan(plan)
        else:
            self.app.push_screen(plan.question(), lambda really: self._take_plan(plan) if really else None)

    def _take_plan(self, plan: Plan) -> None:
        self._list.selected = set()
        self._change(plan.added_to(self._repairs), f"the answers of {plan.rows}")
        self._go_on()

    def action_undo(self) -> None:
        """Take the last change back."""
        if self._changes:
            change = self._changes.pop()
            self._owner.answer(change.before)
            self.refresh_state()
            self.notify(f"Taken back: {change.what}.", markup=False)

    def action_drop(self) -> None:
        """Take the answer of the row back, also one from an earlier run of the wizard."""
        case = self._row.case
        if case is None or (repair := self._cases.repair_of(case)) is None:
            return
        left = tuple(each for each in self._repairs.entries if each is not repair)
        self._change(Repairs(left), f"dropping the answer of {_named(case)}")

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


def _named(case: Case) -> str:
    return f"{table_title(case.error)} {short_row(case.error)}"


def _waits_as(case: Case, at: tuple[str, str]) -> bool:
    return any(each.row == at for each in case.waiting)
