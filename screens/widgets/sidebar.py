"""The sidebar: where the operator is, what is done, and what each step found."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Mark, Step, StepStatus, reachable, statuses
from vestige_tui.screens.widgets.text import plain

_LINE = 7
"""Steps that fit in one line of the narrowest terminal with two columns between them."""


class StepLine(Static):
    """One step: mark and title, and below it the finding; in a narrow terminal mark and short title."""

    ALLOW_SELECT = False

    class Chosen(Message):
        """The operator clicked a reachable step."""

        def __init__(self, step: Step) -> None:
            super().__init__()
            self.step = step

    def __init__(self, step: Step) -> None:
        super().__init__(id=f"step-{step.number}", classes="step-line")
        self.step = step
        self._shown: tuple[StepStatus, bool, bool] | None = None

    def show(self, status: StepStatus, *, can_go: bool, brief: bool) -> None:
        """Show the status of the step; what is shown already is not styled and laid out again."""
        if (shown := (status, can_go, brief)) == self._shown:
            return
        self._shown = shown
        self.remove_class(*(mark.style_class for mark in Mark)).add_class(status.mark.style_class)
        self.set_class(can_go, "-can-go")
        if brief:
            self.update(Content(f"{status.mark.sign} {status.step.short_title}"))
        else:
            self.update(
                Content.assemble(
                    f"{status.mark.sign} {status.step.title}\n  ", plain(status.finding or " ", "not bold $muted")
                )
            )
        self.tooltip = plain(": ".join(filter(None, (f"{status.step.title} – {status.mark.word}", status.finding))))

    def on_click(self) -> None:
        """Go to the step, if it is reachable."""
        if self.has_class("-can-go"):
            self.post_message(self.Chosen(self.step))


class Sidebar(Vertical):
    """All steps, one below the other; in a narrow terminal side by side, in one line above the page."""

    def compose(self) -> ComposeResult:
        """One widget a step."""
        for step in Step:
            yield StepLine(step)

    def show(self, state: WizardState, here: Step, *, brief: bool, locked: bool) -> None:
        """Show the status of the steps; ``locked`` while the operator may not leave this one."""
        shown = {status.step: status for status in statuses(state, here)}
        self.set_class(brief and len(shown) > _LINE, "-crowded")
        for line in self.query(StepLine):
            line.display = line.step in shown
            if (status := shown.get(line.step)) is None:
                continue
            can_go = not locked and status.step is not here and reachable(status.step, state)
            line.show(status, can_go=can_go, brief=brief)
