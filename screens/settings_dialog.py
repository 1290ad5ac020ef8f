"""Writes the settings into Vestige's file: shows the file, what changes in it, and where its backup goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from vestige_tui.core.errors import UsageError
from vestige_tui.core.handover.file import Change, Proposal, carry_out, propose
from vestige_tui.core.handover.settings import VestigeSettings
from vestige_tui.core.system import WINDOWS
from vestige_tui.screens.base import ROOMY
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.path_input import expanded
from vestige_tui.screens.widgets.text import plain, short_path

_STYLES = {Change.ADDED: "$text-success", Change.REMOVED: "$text-error", Change.SKIPPED: "$muted"}


@dataclass(frozen=True, slots=True)
class Written:
    """The file that has the settings now, whether it had to be changed, and the file as it was before."""

    path: Path
    changed: bool
    backup: Path | None


class SettingsDialog(ModalScreen[Written | None]):
    """Hands over what was written, or None. ``source`` is the database that no file may hit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll_diff(0, 1)", "Scroll", key_display="↑↓←→"),
        Binding("up", "scroll_diff(0, -1)", "Scroll", show=False),
        Binding("left", "scroll_diff(-8, 0)", "Scroll", show=False),
        Binding("right", "scroll_diff(8, 0)", "Scroll", show=False),
        Binding("escape", "dismiss(None)", "Close"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (ROOMY, "-roomy")]  # noqa: RUF012  (Textual declares it otherwise)

    def __init__(self, settings: VestigeSettings, path: Path, source: Path | None, machine: Machine) -> None:
        super().__init__()
        self._settings = settings
        self._path = path
        self._source = source
        self._machine = machine
        self._proposal: Proposal | None = None

    def compose(self) -> ComposeResult:
        """The file, the change, and both ways out."""
        with Vertical(classes="dialog -whole", id="settings"):
            yield Label("Write into Vestige's file", classes="dialog-title")
            yield Input(short_path(self._path, self._machine.home), id="file", compact=True)
            yield Notice(id="refused")
            yield Static(id="facts")
            with ScrollableContainer(id="change", can_focus=False):
                yield Static(id="diff")
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Close", id="close", compact=True)
                yield Static(classes="spacer")
                yield Button("Write it", id="write", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the change."""
        self._propose()
        self.query_one("#write" if self._proposal is not None else "#file").focus()

    @on(Input.Changed, "#file")
    def _propose(self) -> None:
        text = self.query_one("#file", Input).value.strip()
        path = expanded(text, self._machine.home, self._machine.folder)
        self._proposal = None
        try:
            self._proposal = propose(path, self._settings, source=self._source, now=self._machine.now())
        except UsageError as error:
            self._refuse(error.what, error.remedy)
        except (OSError, ValueError):  # a path that no system takes
            self._refuse("This is no path.", "Name another file.")
        else:
            self.query_one("#refused", Notice).clear()
        self._show()

    def _show(self) -> None:
        proposal = self._proposal
        write = self.query_one("#write", Button)
        write.disabled = proposal is None
        write.label = Content("Write it" if proposal is None or proposal.needed else "It is fine as it is")
        write.refresh(layout=True)
        self.query_one("#facts").display = self.query_one("#change").display = proposal is not None
        if proposal is not None:
            self.query_one("#facts", Static).update(Content("\n").join(map(plain, self._facts(proposal))))
            self.query_one("#diff", Static).update(_shown(proposal))

    def _facts(self, proposal: Proposal) -> Iterator[str]:
        home = self._machine.home
        if proposal.real != proposal.path:
            yield f"This is a link; the file that changes is {short_path(proposal.real, home)}"
        if self._machine.platform == WINDOWS:
            yield "Where Vestige looks for its file on Windows is not known here: check the path."
        if not proposal.needed:
            yield "It has these settings already."
        elif proposal.backup is None:
            yield "The file is new. Only you may read it."
        else:
            yield f"As it is now, it is kept as {short_path(proposal.backup, home)}"

    def _refuse(self, what: str, remedy: str) -> None:
        self.query_one("#refused", Notice).say(Tone.BAD, what, remedy)

    @on(Button.Pressed, "#write")
    @on(Input.Submitted)
    def write(self) -> None:
        """Write the file, or say why not."""
        proposal = self._proposal
        if proposal is None:
            return
        try:
            if proposal.needed:
                carry_out(proposal)
        except UsageError as error:
            self._propose()
            self._refuse(error.what, error.remedy)
        except OSError as error:
            self._refuse(
                f"{proposal.path} cannot be written: {error.strerror or type(error).__name__}.",
                "Nothing of it has changed. Name a file in a folder that you may write to.",
            )
        else:
            self.dismiss(Written(proposal.path, proposal.needed, proposal.backup if proposal.needed else None))

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Write nothing."""
        self.dismiss(None)

    def action_scroll_diff(self, columns: int, rows: int) -> None:
        """Show more of the change."""
        self.query_one("#change").scroll_relative(x=columns, y=rows, animate=False)


def _shown(proposal: Proposal) -> Content:
    """The change, one line each, never wrapped."""
    if not proposal.needed:
        return Content()
    return Content("\n").join(
        plain(f"{change.value} {line}", _STYLES.get(change, "")) for change, line in proposal.diff
    )
