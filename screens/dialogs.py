"""Dialogs over a step: help, questions, and waiting. Each is typed by its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.key_values import two_columns
from vestige_tui.screens.widgets.text import lines, paragraphs, plain
from vestige_tui.screens.work import QuitPrompt


class TextDialog(ModalScreen[None]):
    """A text that scrolls, and a button to close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll_text(1)", "Scroll", key_display="↑↓"),
        Binding("up", "scroll_text(-1)", "Scroll", show=False),
        Binding("pagedown,space", "scroll_text(8)", "Scroll", show=False),
        Binding("pageup", "scroll_text(-8)", "Scroll", show=False),
        Binding("home", "scroll_text(-1000000)", "To the top", show=False),
        Binding("end", "scroll_text(1000000)", "To the end", show=False),
        Binding("escape,f1", "dismiss", "Close"),
    ]

    SIZE: ClassVar[str]
    """The class that gives the dialog its size."""

    def compose(self) -> ComposeResult:
        """A title, the text, and how to leave."""
        with Vertical(classes=f"dialog {self.SIZE}"):
            yield Label(classes="dialog-title")
            with VerticalScroll(classes="dialog-text", can_focus=False):
                yield from self.compose_text()
            with ButtonRow(classes="dialog-buttons"):
                yield from self.compose_buttons()
                yield Static(classes="spacer")
                yield Button("Close", id="close", compact=True, classes="-primary")
        yield KeyBar()

    def compose_buttons(self) -> ComposeResult:
        """The buttons before Close."""
        yield from ()

    def compose_text(self) -> ComposeResult:
        """What there is to read."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Enter closes."""
        self.query_one("#close").focus()

    def action_scroll_text(self, lines_down: int) -> None:
        """Show more of the text."""
        self.query_one(VerticalScroll).scroll_relative(y=lines_down, animate=False)

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Back to the step."""
        self.dismiss()


class HelpDialog(TextDialog):
    """The help of a step.

    There is one for all steps, which the application keeps: it opens within the blink of an eye, also while a copy
    keeps the machine busy.
    """

    NAME = "help"
    SIZE = "-large"

    def __init__(self) -> None:
        super().__init__()
        self._title = self._text = ""
        self._keys: Sequence[tuple[str, str]] = ()

    def compose_text(self) -> ComposeResult:
        """The text, one paragraph below the other, and the keys."""
        yield Static(id="help")
        yield Static(id="keys")

    def explain(self, title: str, text: str, keys: Sequence[tuple[str, str]]) -> None:
        """Show the help of a step and its keys, now or once it is built."""
        self._title, self._text, self._keys = title, text, keys
        if self.is_mounted:
            self._show()

    def on_mount(self) -> None:
        """Show the text that was set before."""
        if self.children:  # an application that is closing composes nothing more
            self._show()

    def _show(self) -> None:
        self.query_one(".dialog-title", Label).update(plain(self._title))
        self.query_one("#help", Static).update(paragraphs(self._text))
        listed = two_columns((keys, word) for keys, word in self._keys)
        self.query_one("#keys", Static).update(Content.assemble(("\nKeys\n", "bold $accent"), listed))
        self.query_one(VerticalScroll).scroll_home(animate=False)


class ConfirmDialog(ModalScreen[bool]):
    """A question with two answers, both named by what they do; Escape keeps everything as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Close")]
    FOCUSED: ClassVar[str] = "#no"
    """The answer that has the focus: the safe one, unless yes can be taken back."""

    def __init__(self, question: str, text: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._text = text
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        """The question, what each answer means, and the two answers."""
        with Vertical(classes="dialog"):
            yield Label(plain(self._question), classes="dialog-title")
            yield Static(lines(self._text), classes="dialog-text")
            with ButtonRow(classes="dialog-buttons"):
                yield Button(Content(self._no), id="no", compact=True)
                yield Static(classes="spacer")
                yield Button(Content(self._yes), id="yes", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """The safe answer has the focus."""
        self.query_one(self.FOCUSED).focus()

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Close with the answer."""
        self.dismiss(event.button.id == "yes")


class UndoableDialog(ConfirmDialog):
    """A question whose yes can be taken back: Enter says yes."""

    FOCUSED = "#yes"


class QuitDialog(ConfirmDialog):
    """Whether to quit. Ctrl-C, which may have opened the dialog, also answers it with yes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "dismiss(True)", "Yes", show=False)]

    def __init__(self, words: QuitPrompt) -> None:
        super().__init__(words.question, words.text, yes=words.leave, no=words.stay)


class WaitDialog(ModalScreen[None]):
    """Says what has to end first; the operator cannot close it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The sentence alone."""
        with Vertical(classes="dialog"):
            yield Static(lines(self._text))
