"""Answering in the workbench: one row, the selected ones, or all of a kind; and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from textual import on
from textual.message import Message
from textual.widgets import Button

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.repairs.answers import Answers
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.repairs.proposals import ProposalKind
from vestige_tui.core.repairs.typed import to_type
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import GROUPS, USERS
from vestige_tui.core.text import count
from vestige_tui.screens.background import ask
from vestige_tui.screens.cases import Case, Cases, waiting_words
from vestige_tui.screens.editor_dialog import EditorDialog
from vestige_tui.screens.fitted import FittedScreen
from vestige_tui.screens.leave_out_dialog import LeaveOutDialog
from vestige_tui.screens.many_answers import Plan, plan_for
from vestige_tui.screens.offers import Offer, column_of
from vestige_tui.screens.picker_dialog import PickerDialog
from vestige_tui.screens.problems import short_row, table_title
from vestige_tui.screens.repairs_owner import RepairsOwner
from vestige_tui.screens.widgets.case_list import CaseList
from vestige_tui.screens.widgets.offer_list import OfferList
from vestige_tui.screens.widgets.row_pane import RowPane


class Change(NamedTuple):
    """A change that can be taken back: the repairs before it, and what it was."""

    before: Repairs
    what: str


class AnsweringScreen(FittedScreen):
    """Changes the repairs of its owner. It has a list of problems, and the row at its cursor."""

    class Planned(Message):
        """What one answer would make of several rows."""

        def __init__(self, plan: Plan | MigrationError) -> None:
            super().__init__()
            self.plan = plan

    def __init__(self, owner: RepairsOwner) -> None:
        super().__init__(classes="workbench")
        self._owner = owner
        self._cases = Cases(owner.state.known, repairs=owner.state.repairs)
        self._changes: list[Change] = []
        self._busy = ""

    def refresh_state(self) -> None:
        """Show what the owner knows by now."""
        raise NotImplementedError

    def _show_tally(self) -> None:
        """Show how far the problems are, and what goes on."""
        raise NotImplementedError

    def _show_row(self) -> None:
        """Show the row at the cursor."""
        raise NotImplementedError

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

    @on(OfferList.Accepted)
    @on(Button.Pressed, "#accept")
    def accept(self) -> None:
        """Take the chosen way; for the selected rows, where there are any."""
        offer = self._row.chosen
        if offer is None or self._row.row is None:
            return
        if self._list.selected:
            self._plan(self._selected, offer)
        elif offer.kind is ProposalKind.LEAVE_OUT:
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
            self._plan(chosen, Offer(ProposalKind.LEAVE_OUT, "left out", value=reason))
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
        if offer.kind is ProposalKind.LEAVE_OUT:
            self._list.selected = {*map(id, rows)}
            self.action_leave_out()
            return
        repair = self._cases.repair_of(case)
        field = case.error.field or ""
        if repair is not None and field in repair.values and offer.kind is not ProposalKind.NEW_ID:
            offer = Offer(ProposalKind.TYPE, "the same answer as this row", value=repair.values[field])
        first = self._row.offers and offer is self._row.offers[0]
        if rows:
            self._plan(rows, None if first and offer.kind is not ProposalKind.CHOOSE else offer)

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


def _named(case: Case) -> str:
    return f"{table_title(case.error)} {short_row(case.error)}"
