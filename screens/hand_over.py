"""The hand-over: the lines with which Vestige uses the new store, to copy, to write into its file, and to try out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from vestige_tui.core.errors import MigrationError, UsageError
from vestige_tui.core.handover.file import file_of_vestige
from vestige_tui.core.handover.making import Handover, make_handover
from vestige_tui.core.handover.settings import VestigeSettings, settings_in
from vestige_tui.core.handover.trial import Trial, try_settings
from vestige_tui.core.handover.words import REASONS, fits, note_in_words, trial_in_words
from vestige_tui.core.secret import Secret
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import ROOMY
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.onward import Onward
from vestige_tui.screens.settings_dialog import SettingsDialog, Written
from vestige_tui.screens.state import Target, WizardState
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.text import plain, short_path


class HandOverDialog(ModalScreen[Onward | None]):
    """Hands over how the wizard goes on, or None where it stays at the report. ``wrote`` takes the file that names the
    destination now.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_lines", "Copy"),
        Binding("w", "write", "Write"),
        Binding("t", "try_out", "Test"),
        Binding("k", "keep", "Keep"),
        Binding("m", "onward('SERVER')", "Server"),
        Binding("o", "onward('SOURCE')", "File"),
        Binding("down", "scroll(0, 1)", "Scroll", key_display="↑↓←→"),
        Binding("up", "scroll(0, -1)", "Scroll", show=False),
        Binding("left", "scroll(-8, 0)", "Scroll", show=False),
        Binding("right", "scroll(8, 0)", "Scroll", show=False),
        Binding("pagedown", "scroll(0, 8)", "Scroll", show=False),
        Binding("pageup", "scroll(0, -8)", "Scroll", show=False),
        Binding("escape", "dismiss(None)", "Close"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (ROOMY, "-roomy")]  # noqa: RUF012  (Textual declares it otherwise)

    class Made(Message, bubble=False):
        """The lines, or why there are none."""

        def __init__(self, outcome: Handover | MigrationError) -> None:
            super().__init__()
            self.outcome = outcome

    class Tried(Message, bubble=False):
        """What a trial of ``settings`` found."""

        def __init__(self, settings: VestigeSettings, outcome: Trial | MigrationError) -> None:
            super().__init__()
            self.settings = settings
            self.outcome = outcome

    class Kept(Message, bubble=False):
        """The embedded server goes on after this program, or why not."""

        def __init__(self, outcome: MigrationError | None) -> None:
            super().__init__()
            self.failure = outcome

    def __init__(
        self, state: WizardState, target: Target, machine: Machine, wrote: Callable[[Path], None] = lambda _: None
    ) -> None:
        super().__init__()
        self._on_written = wrote
        self._state = state
        self._target = target
        self._machine = machine
        self._handover: Handover | None = None
        self._written: Written | None = None
        self._busy = True

    @property
    def _settings(self) -> VestigeSettings | None:
        return self._handover.settings if self._handover is not None else None

    @property
    def _demo(self) -> bool:
        return self._target.embedded and not self._machine.embedded.commands

    def compose(self) -> ComposeResult:
        """The lines, what else has to be known, and what can be done with them."""
        with Vertical(classes="dialog -whole", id="hand-over"):
            yield Label("Hand over to Vestige", classes="dialog-title")
            with VerticalScroll(classes="dialog-text", can_focus=False):
                yield Static(self._introduction(), id="introduction")
                with HorizontalScroll(id="lines", can_focus=False):
                    yield Static(id="block")
                yield Static(id="notes")
            yield Notice(id="result")
            with ButtonRow(classes="dialog-buttons", id="onward"):
                yield Button("Keep it running", id="keep", compact=True)
                yield Button("Move on to a server", id="server", compact=True)
                yield Button("Another machine's file", id="source", compact=True)
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Close", id="close", compact=True)
                yield Static(classes="spacer")
                yield Button("Copy", id="copy", compact=True)
                yield Button("Test it", id="test", compact=True)
                yield Button("Write into…", id="write", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask the server what the connection string stands for."""
        self._show()
        self.query_one("#close").focus()
        for area in (self.query_one(".dialog-text"), self.query_one("#lines")):
            self.watch(area, "show_vertical_scrollbar", self.refresh_bindings, init=False)
            self.watch(area, "show_horizontal_scrollbar", self.refresh_bindings, init=False)
        dsn, home = self._target.dsn, self._machine.home
        ask(self, lambda: make_handover(dsn, self._model, home), self.Made, name="hand over")

    @property
    def _model(self) -> str | None:
        """The model that the destination has registered now."""
        state = self._state
        if state.swapped is not None:
            return state.swapped.name
        model = state.report.destination.model if state.report is not None else None
        return model.name if model is not None else None

    @on(Made)
    def _made(self, event: Made) -> None:
        self._busy = False
        if isinstance(event.outcome, Handover):
            self._handover = event.outcome
        else:
            self.query_one("#result", Notice).explain(event.outcome)
        self._show()
        if self._settings is not None:
            self.query_one("#copy" if self._demo else "#write").focus()

    def _introduction(self) -> Content:
        file = short_path(file_of_vestige(self._machine.home), self._machine.home)
        everywhere = "" if self._target.embedded else ", on every machine that shares this memory"
        return plain(f"A Vestige with the PostgreSQL backend reads these lines from {file}{everywhere}:")

    def _show(self) -> None:
        """Show the lines as far as they are known, and the buttons that can be used."""
        settings, handover = self._settings, self._handover
        self.query_one("#lines").display = settings is not None
        self.query_one("#introduction").display = handover is None or settings is not None
        if settings is not None:
            block = Content("\n").join(plain(line, "$accent") for line in settings.lines.splitlines())
            self.query_one("#block", Static).update(block)
        elif handover is not None and handover.reason is not None:
            self.query_one("#result", Notice).say(
                Tone.WARNING, "Vestige cannot be given this destination.", REASONS[handover.reason]
            )
        elif self._busy:
            self.query_one("#result", Notice).say(Tone.BUSY, "Asking the server where this connection leads…")
        if settings is not None and not self._busy:
            self.query_one("#result", Notice).clear()
        self._show_notes()
        self._show_buttons()

    def _show_notes(self) -> None:
        notes = [plain(note_in_words(note)) for note in (self._handover.notes if self._handover is not None else ())]
        notes += [plain(text) for text in self._of_embedded()]
        self.query_one("#notes", Static).update(Content("\n").join(notes))

    def _of_embedded(self) -> Iterator[str]:
        """What is true of the embedded server."""
        if not self._target.embedded:
            return
        host = self._machine.embedded
        if self._demo:
            yield (
                "This is the demo's own PostgreSQL: it stops with the demo, and the next demo begins anew. So nothing "
                "of it is written into Vestige's file."
            )
            return
        if host.kept:
            yield (
                "This PostgreSQL is vestige-tui's own. It goes on when vestige-tui ends, until “vestige-tui embedded "
                "stop” or a restart of this machine; “vestige-tui embedded start” starts it again."
            )
        else:
            yield (
                "This PostgreSQL is vestige-tui's own, and stops when vestige-tui ends. Keep it running (k) lets it go "
                "on; “vestige-tui embedded start” starts it later."
            )
        yield "Only your user on this machine can reach it. For other machines, move on to a server."
        place = Path(self._target.dsn.parameters.get("host", ""))
        if place.is_absolute() and place != host.folder:
            yield "The URL changes with every start: the path of its data folder is too long for a socket."

    def _show_buttons(self) -> None:
        idle = not self._busy
        usable = idle and self._settings is not None
        for name, shown in (
            ("copy", self._settings is not None),
            ("test", self._settings is not None),
            ("write", self._settings is not None and not self._demo),
            ("keep", self._target.embedded and not self._demo and not self._machine.embedded.kept),
            ("server", self._target.embedded),
        ):
            button = self.query_one(f"#{name}", Button)
            button.display = shown
            button.disabled = not usable and name in ("test", "write")
        self.refresh_bindings()

    @on(Button.Pressed, "#copy")
    def action_copy_lines(self) -> None:
        """Put the lines on the clipboard."""
        if self._settings is not None:
            self.app.copy_to_clipboard(self._settings.lines)
            number = len(self._settings.lines.splitlines())
            self.notify(f"{number} lines are on the clipboard, where your terminal permits that.", markup=False)

    @on(Button.Pressed, "#write")
    def action_write(self) -> None:
        """Show what writing them would change."""
        if self._settings is not None and not self._busy and not self._demo:
            path = self._written.path if self._written is not None else file_of_vestige(self._machine.home)
            source = self._state.source.path if self._state.source is not None else None
            self.app.push_screen(SettingsDialog(self._settings, path, source, self._machine), self._wrote)

    def _wrote(self, written: Written | None) -> None:
        if written is None:
            return
        self._written = written
        self._on_written(written.path)
        home = self._machine.home
        path = short_path(written.path, home)
        told = f"Written into {path}." if written.changed else f"{path} has these settings already."
        backup = f"As it was before: {short_path(written.backup, home)}" if written.backup is not None else ""
        self.query_one("#result", Notice).say(Tone.GOOD, told, backup, "Test it (t) connects with what the file says.")
        self.query_one("#test").focus()

    @on(Button.Pressed, "#test")
    def action_try_out(self) -> None:
        """Connect with exactly these lines: those of the file, once they are written."""
        settings = self._settings
        if settings is None or self._busy:
            return
        try:
            data = self._written.path.read_bytes() if self._written is not None else settings.lines.encode()
            tried = settings_in(data)
        except (OSError, UsageError) as error:
            what = error.what if isinstance(error, UsageError) else f"It cannot be read: {error.strerror}."
            self.query_one("#result", Notice).say(Tone.BAD, what)
            return
        password = self._target.dsn.all_parameters.get("password")
        given = Secret(password) if password else None
        self._busy = True
        self.query_one("#result", Notice).say(Tone.BUSY, f"Connecting with {self._lines_of}…")
        self._show_buttons()
        ask(self, lambda: try_settings(tried, given), lambda outcome: self.Tried(tried, outcome), name="try settings")

    @property
    def _lines_of(self) -> str:
        if self._written is None:
            return "these lines"
        return short_path(self._written.path, self._machine.home)

    @on(Tried)
    def _tried(self, event: Tried) -> None:
        self._busy = False
        notice = self.query_one("#result", Notice)
        if isinstance(event.outcome, MigrationError):
            notice.say(Tone.BAD, f"With {self._lines_of}: {event.outcome.what}", event.outcome.remedy)
        else:
            headline, *more = trial_in_words(event.outcome, event.settings)
            tone = Tone.GOOD if fits(event.outcome, event.settings) else Tone.WARNING
            notice.say(tone, f"With {self._lines_of}: {headline}", *more)
        self._show_buttons()
        self.query_one("#close" if self._written is not None or self._demo else "#write").focus()

    @on(Button.Pressed, "#keep")
    def action_keep(self) -> None:
        """Let the embedded server go on after this program."""
        host = self._machine.embedded
        if self._target.embedded and not self._demo and not host.kept:
            ask(self, host.keep, self.Kept, name="keep")

    @on(Kept)
    def _keeps(self, event: Kept) -> None:
        if event.failure is not None:
            self.query_one("#result", Notice).explain(event.failure)
        else:
            self.notify("It goes on when vestige-tui ends.", markup=False)
            if self.focused is self.query_one("#keep"):
                self.query_one("#write").focus()
        self._show_notes()
        self._show_buttons()

    @on(Button.Pressed, "#server")
    def _to_server(self) -> None:
        self.dismiss(Onward.SERVER)

    @on(Button.Pressed, "#source")
    def _to_source(self) -> None:
        self.dismiss(Onward.SOURCE)

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Back to the report."""
        self.dismiss(None)

    def action_onward(self, name: str) -> None:
        """Begin again from here."""
        self.dismiss(Onward[name])

    def action_scroll(self, columns: int, rows: int) -> None:
        """Show more of a long line, or of the text."""
        self.query_one("#lines").scroll_relative(x=columns, animate=False)
        self.query_one(".dialog-text").scroll_relative(y=rows, animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        if action in ("copy_lines", "try_out"):
            return self._settings is not None
        if action == "scroll":
            lines, text = self.query("#lines"), self.query(".dialog-text")
            return any(each.max_scroll_x > 0 for each in lines) or any(each.max_scroll_y > 0 for each in text)
        if action == "write":
            return self._settings is not None and not self._demo
        if action == "keep":
            return self._target.embedded and not self._demo and not self._machine.embedded.kept
        if action == "onward" and parameters == ("SERVER",):
            return self._target.embedded
        return super().check_action(action, parameters)
