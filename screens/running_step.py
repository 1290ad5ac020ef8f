"""What the steps share in which something runs: the time, a button that stops it, and going on when it is over."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Label, Static

from vestige_tui.core.text import clock
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.stopping import Stop
from vestige_tui.screens.widgets.text import plain
from vestige_tui.screens.work import CancellableWork

_TICK = 0.5  # seconds between two looks at the clock


class RunningStep(StepScreen):
    """Shows work from start to end, then goes on to the report. It has the key and the button ``cancel``."""

    _run: CancellableWork | None = None
    _started: datetime | None = None

    @property
    @abstractmethod
    def stop(self) -> Stop:
        """What stopping means now."""

    @abstractmethod
    def ended(self) -> WizardState:
        """The state with what came of the work; called when it is over."""

    @abstractmethod
    def show_phase(self) -> None:
        """Say what is being done."""

    def extra_buttons(self) -> Iterable[Widget]:
        """Cancel, and what it means."""
        yield Button(self.stop.button, id="cancel", compact=True)
        yield Static(self.stop.means, id="cancel-means")

    def on_mount(self) -> None:
        """The time runs from here."""
        self._started = self.machine.now()
        self.set_interval(_TICK, self.show_time)

    @property
    def elapsed(self) -> str:
        """How long it has been running."""
        passed = (self.machine.now() - self._started).total_seconds() if self._started is not None else 0.0
        return f"elapsed {clock(passed)}"

    def show_time(self) -> None:
        """Show it as it is now; the line keeps its size, so nothing is laid out again."""
        self.query_one("#lead", Label).update(plain(self.lead), layout=False)

    @property
    def back_ready(self) -> bool:
        """It has to be cancelled first."""
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """It can be cancelled once, and the operator cannot go back."""
        if action == "back":
            return False
        if action == "cancel":
            return self._run is not None and not self._run.cancelled
        return super().check_action(action, parameters)

    def refresh_shell(self) -> None:
        """As every step, but without Back."""
        super().refresh_shell()
        if self.is_mounted:
            self.query_one("#back").display = False

    def stopping(self) -> Content:
        """The line that is shown once it has been cancelled."""
        return Content.assemble(("… ", "bold $warning"), (self.stop.doing, "bold"))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Ask whether to cancel, where something is lost that cannot be made up for at once."""
        asked = self.stop.question
        if asked is None:
            self._cancel(True)
        else:
            dialog = ConfirmDialog(asked.question, asked.text, yes=asked.leave, no=asked.stay)
            self.app.push_screen(dialog, self._cancel)

    def _cancel(self, really: bool | None) -> None:
        if not really or self._run is None:
            return
        self._run.cancel()
        self.query_one("#cancel", Button).disabled = True
        self.query_one("#cancel-means", Static).update("")
        self.show_phase()
        self.refresh_bindings()

    def go_on(self) -> None:
        """Go to the report when it is over; if a dialog is open, when that closes."""
        if self._run is not None and not self._run.running and self.app.screen is self:
            self.advance(self.ended())

    def on_screen_resume(self) -> None:
        """A dialog has closed; it may have ended meanwhile."""
        self.go_on()
