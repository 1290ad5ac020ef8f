"""The bar of a comparison that the operator asked for, after a copy."""

from __future__ import annotations

from textual import on
from textual.content import Content
from textual.widgets import Static

from vestige_tui.core.text import clock
from vestige_tui.screens.progress import Progress
from vestige_tui.screens.verification import Verification
from vestige_tui.screens.widgets.progress_bars import bar_parts, compared_words, phase_words

_NARROWEST = 8


class VerifyBar(Static):
    """Shows how far a verification is; hidden while there is none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._run: Verification | None = None
        self._progress = Progress()

    def on_mount(self) -> None:
        """Take no room while there is none."""
        self.display = False

    def on_unmount(self) -> None:
        """A comparison whose screen is gone is of no use."""
        if self._run is not None:
            self._run.cancel()

    @property
    def running(self) -> bool:
        """Whether a verification runs."""
        return self._run is not None and self._run.running

    @property
    def stopping(self) -> bool:
        """Whether it has been asked to stop."""
        return self._run is not None and self._run.cancelled

    def begin(self, run: Verification) -> None:
        """Show one that begins. It sends its messages to this bar; ``Verification.Ended`` goes on to the screen."""
        self._run = run
        self._show(Progress())
        self.display = True

    def stop(self) -> None:
        """Ask it to end."""
        if self._run is not None and self._run.running:
            self._run.cancel()
            self._show(self._progress)

    @on(Verification.Progressed)
    def _progressed(self, event: Verification.Progressed) -> None:
        if event.run is self._run:
            self._show(event.progress)

    @on(Verification.Ended)
    def _ended(self, event: Verification.Ended) -> None:
        self.display = False
        if event.run is not self._run:
            event.stop()

    def _show(self, progress: Progress) -> None:
        self._progress = progress
        self.refresh(layout=True)

    def render(self) -> Content:
        """What has been found so far, and the bar."""
        if self.stopping:
            return Content.assemble(("… ", "bold $warning"), ("Stopping the comparison…", "bold"), "\n")
        words = phase_words(self._progress.phase)
        compared = self._progress.compared
        if compared is None:
            return Content.assemble(("… ", "bold $accent"), f"{words}…\n")
        rate = f"  {compared.rate:,.0f}/s" if compared.rate >= 1 else ""
        left = compared.seconds_left
        time = f"  about {clock(max(1.0, left))} left" if left is not None else ""
        numbers = f"  {compared.settled:,} / {compared.total:,}{rate}{time}"
        bar = bar_parts(compared.fraction, max(_NARROWEST, self.size.width - len(numbers)), "$accent")
        return Content.assemble(f"{words}: {compared_words(compared)}\n", *bar, numbers)
