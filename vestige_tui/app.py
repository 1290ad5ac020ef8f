"""The wizard as an application: it owns the state, the current screen, and work that outlives a screen."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pkgutil import resolve_name
from threading import Thread
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES, Theme
from textual.worker import Worker, WorkerState

from vestige_tui.core.explain import unexpected_fault
from vestige_tui.core.system import ending_signals
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.dialogs import HelpDialog, QuitDialog, WaitDialog
from vestige_tui.screens.keys import named_keys
from vestige_tui.screens.log_dialog import LogDialog
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step, next_step
from vestige_tui.screens.work import UNSAVED, QuitPrompt, Work, WorkRequested
from vestige_tui.terminal.control_characters import ControlCharacterFilter
from vestige_tui.terminal.lost_terminal import surviving_its_terminal
from vestige_tui.terminal.signals import on_signal
from vestige_tui.terminal.themes import DARK, LIGHT, legible
from vestige_tui.terminal.title import titled
from vestige_tui.user.logs import frames

WARM_UP_AFTER = 0.5
"""Seconds after the first screen."""

TITLE_EVERY = 1.0
"""Seconds."""

_ENDED = (WorkerState.SUCCESS, WorkerState.ERROR, WorkerState.CANCELLED)

LONG_WORK = 10.0
"""Seconds after which the end of work rings the bell: the operator may be looking elsewhere."""

_NOT_IN_MENU = ("command_palette", "app.focus_next", "app.focus_previous", "screen.copy_text", "interrupt")
"""What has a key and a name, and is of no use in the menu, which it may have opened."""


class VestigeApp(App[None], inherit_bindings=False):
    """The wizard. Its caller ends the process with ``return_code``."""

    TITLE = "vestige-tui"
    CSS_PATH = sorted(str(file) for file in files("vestige_tui.assets").iterdir() if file.name.endswith(".tcss"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "Menu", priority=True),
        Binding("ctrl+l", "log", "Log", show=False),
        Binding("ctrl+t", "toggle_theme", "Light or dark", show=False),
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("ctrl+c", "interrupt", show=False, system=True),
    ]

    def __init__(self, machine: Machine, state: WizardState | None = None) -> None:
        super().__init__()
        self.machine = machine
        self.state = state if state is not None else WizardState()
        self.work: Work | None = None
        self.done: list[Work] = []
        self._began = 0.0
        self.terminated = False
        self._leaving = False
        self._control_characters = ControlCharacterFilter()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        kept = machine.recent.theme
        self.theme = kept if kept in self.available_themes else DARK.name

    def get_driver_class(self) -> type[Driver]:
        """Textual's driver, made to survive a closed window, and to show the state in its title."""
        return titled(surviving_its_terminal(super().get_driver_class()))

    def on_mount(self) -> None:
        """Show the first step, and handle signals that end the program."""
        self.listen_to_signals()
        self.theme_changed_signal.subscribe(self, lambda theme: self.machine.recent.remember_theme(theme.name))
        self.install_screen(HelpDialog(), HelpDialog.NAME)
        self.push_screen(self.make_screen(Step.SOURCE))
        self.set_timer(WARM_UP_AFTER, self._warm_up)
        self.set_interval(TITLE_EVERY, self._show_title)

    def _warm_up(self) -> None:
        """While the operator reads the first step, build the help and load what the second one needs."""
        if not self.is_running:  # the operator quit at once
            return
        self._get_screen(HelpDialog.NAME)
        Thread(target=_screen_class, args=(Step.DESTINATION,), name="warm-up", daemon=True).start()

    def _show_title(self) -> None:
        """Show in the window's title where the wizard is, and how far its work has come."""
        show = getattr(self._driver, "show_title", None)
        if show is not None:
            show(self.window_title)

    @property
    def window_title(self) -> str:
        """``vestige-tui · Preview``, or while something runs ``vestige-tui 63 % · 0:12``."""
        if self.work is not None and self.work.running and (how_far := self.work.how_far):
            return f"{self.TITLE} {how_far}"
        step = self.current_step
        return f"{self.TITLE} · {step.title}" if step is not None else str(self.TITLE)

    def make_screen(self, step: Step) -> StepScreen:
        """The screen of a step, with the answers as they are now."""
        return _screen_class(step)(step, self.state, self.machine)

    def show_step(self, step: Step) -> None:
        """Replace the current step."""
        self.switch_screen(self.make_screen(step))

    @on(StepScreen.Replaced)
    def _replaced(self, event: StepScreen.Replaced) -> None:
        if event.step is self.current_step:  # a message of an earlier step is out of date
            self.state = event.state

    @on(StepScreen.Finished)
    def _finished(self, event: StepScreen.Finished) -> None:
        if event.step is self.current_step and (step := next_step(event.step, event.state)) is not None:
            self.state = event.state
            self.show_step(step)

    @on(StepScreen.Left)
    def _left(self, event: StepScreen.Left) -> None:
        if event.step is self.current_step:
            self.state = event.state
            self.show_step(event.to)

    @property
    def current_step(self) -> Step | None:
        """The current step, also while a dialog covers it."""
        shown = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, StepScreen)), None)
        return shown.step if shown is not None else None

    def action_toggle_theme(self) -> None:
        """Switch between our light theme and our dark one; all others are in the menu."""
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_log(self) -> None:
        """Show what a log file would say."""
        if not isinstance(self.screen, LogDialog):
            self.push_screen(LogDialog(self.machine.log))

    def get_theme(self, theme_name: str) -> Theme | None:
        """A theme of ours, or one of Textual's as the wizard can write with it."""
        return legible(theme_name) if theme_name in BUILTIN_THEMES else super().get_theme(theme_name)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the menu offers: the steps that can be reached, what can be done on this one, and themes."""
        if isinstance(screen, StepScreen):
            for step in screen.reachable_steps:
                yield SystemCommand(f"Go to {step.title}", "step", partial(screen.go_to, step))
        for each in named_keys(screen):
            if each.general and each.action not in _NOT_IN_MENU:
                yield SystemCommand(each.word, f"key {each.keys}", partial(self.run_action, each.action, each.node))
        yield SystemCommand("Theme", "choose one of all; it is kept", self.search_themes)

    def get_key_display(self, binding: Binding) -> str:
        """Write function keys as the keyboard does: F1."""
        shown = super().get_key_display(binding)
        return shown.upper() if shown[:1] == "f" and shown[1:].isdigit() else shown

    def _handle_exception(self, error: Exception) -> None:
        """Ignore errors while the program exits.

        Textual then mounts nothing more, so a step that is being built misses its widgets. No work is running by then.
        """
        if not self._exit:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Show where the error came from. Textual's own version shows variables, and one could be a password."""
        if self._exception is not None:
            self.panic(Text(f"{unexpected_fault(self._exception)} Please report it:\n{frames(self._exception)}"))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, and the one for control characters."""
        return [*super().get_line_filters(), self._control_characters]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The question whether to quit is not asked twice."""
        if action == "quit":
            return not isinstance(self.screen, QuitDialog)
        return super().check_action(action, parameters)

    async def action_quit(self) -> None:
        """Quit. Where something would be lost, ask first."""
        if self.work is not None and self.work.running:
            self._ask_to_leave(self.work.quit_prompt)
        elif self.state.unsaved:
            self._ask_to_leave(UNSAVED)
        else:
            self.leave()

    async def action_interrupt(self) -> None:
        """The same by Ctrl-C."""
        await self.action_quit()

    def _ask_to_leave(self, words: QuitPrompt) -> None:
        if not self._leaving and not isinstance(self.screen, QuitDialog):
            self.push_screen(QuitDialog(words), lambda leave: self.leave() if leave else None)

    def terminate(self) -> None:
        """Quit because of a signal; the exit code says so."""
        self.terminated = True
        self.leave()

    def leave(self) -> None:
        """Quit. Running work is cancelled, and the program ends when it has reached a safe point."""
        if self._leaving:
            return
        self._leaving = True
        if self.work is not None and self.work.running:
            self.work.cancel()
            self.push_screen(WaitDialog(self.work.quit_prompt.waiting))
        else:
            self.exit(return_code=self.return_code or 0)

    @on(WorkRequested)
    def _begin(self, event: WorkRequested) -> None:
        """Run work in a worker of the application, so that leaving a screen does not end it."""
        self.work = event.work
        self.done.append(event.work)
        self.machine.freeze_objects()
        self._began = time.monotonic()
        self.run_worker(event.work.carry_out, thread=True, exit_on_error=False, group="work")

    @on(Worker.StateChanged)
    def _work_ended(self, event: Worker.StateChanged) -> None:
        if event.state not in _ENDED or (self.work is not None and self.work.running):
            return
        if self._leaving:
            self.exit(return_code=self.return_code or 0)
        elif event.worker.group == "work" and time.monotonic() - self._began > LONG_WORK:
            self.bell()

    def listen_to_signals(self) -> None:
        """Let SIGTERM, SIGINT and a closed window quit without a question."""
        loop = asyncio.get_running_loop()
        for number in ending_signals():
            if signal.getsignal(number) is not signal.SIG_IGN:
                with suppress(RuntimeError, ValueError):  # not the main thread
                    on_signal(loop, number, self.terminate)


def _screen_class(step: Step) -> type[StepScreen]:
    """The class of a step's screen; its module is imported when it is first needed."""
    found: type[StepScreen] = resolve_name(f"vestige_tui.screens.{step.value.screen}")
    return found
