"""Asks for an embedder, and tries it out: a server or a model on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, RadioSet, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.reembed.profiles import EmbedderChoice
from vestige_tui.core.search.wording import words_go_to
from vestige_tui.core.secret import Secret
from vestige_tui.screens.background import ask
from vestige_tui.screens.embedding import Embedding, FindKey, tried
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.choice import Choice, Choices
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.password_input import PasswordInput
from vestige_tui.screens.widgets.path_input import expanded

_SERVER, _HERE = "server", "here"
_TEST, _USE = "Test", "Use this embedder"
_QUESTIONS = {True: "Which embedder makes the new vectors?", False: "Which embedder makes vectors of your words?"}


class EmbedderDialog(ModalScreen[Embedding | None]):
    """Hands over an embedder that was tried out, or None.

    ``model`` is suggested; with ``only_missing`` it is the only one. ``memories`` are to be embedded; with 0 of them,
    the words of questions are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]

    class Tried(Message):
        """The answer of a test, and which test it was."""

        def __init__(self, number: int, found: Embedding | MigrationError) -> None:
            super().__init__()
            self.number = number
            self.found = found

    def __init__(
        self, model: ModelSignature | None, memories: int, find_key: FindKey | None, *, only_missing: bool = False
    ) -> None:
        super().__init__()
        self._model = model
        self._memories = memories
        self._find_key = find_key
        self._only_missing = only_missing
        self._test = 0
        self._found: Embedding | None = None

    def compose(self) -> ComposeResult:
        """The fields, what the test found, and both ways out."""
        with Vertical(classes="dialog -broad", id="embedder"):
            yield Label(_QUESTIONS[bool(self._memories)], classes="dialog-title")
            yield Choices(
                Choice("a server of the OpenAI form: Ollama, LM Studio, llama.cpp, …", value=True, id=_SERVER),
                Choice("a model on this machine", id=_HERE),
                id="where",
            )
            yield from self._field("Model", Input(self._model.name if self._model else "", id="model", compact=True))
            yield from self._field("URL", Input(placeholder="http://localhost:11434/v1", id="url", compact=True))
            key = PasswordInput(placeholder="none, or VESTIGE_EMBEDDER_API_KEY, or the keyring", id="key")
            yield from self._field("Key", key)
            folder = Input(placeholder="empty: Vestige's cache, or fetched into it", id="folder", compact=True)
            yield from self._field("Folder", folder)
            yield Notice(id="found")
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Close", id="close", compact=True)
                yield Static(classes="spacer")
                yield Button(_TEST, id="test", compact=True, classes="-primary")
        yield KeyBar()

    def _field(self, title: str, field: Input) -> ComposeResult:
        with Horizontal(classes="field", id=f"of-{field.id}"):
            yield Label(title)
            yield field

    def on_mount(self) -> None:
        """The first empty field has the focus. The registered model cannot be changed."""
        self.query_one("#model", Input).disabled = self._only_missing
        self.query_one("#url" if self._model is not None else "#model").focus()
        self._show_fields()

    @property
    def _served(self) -> bool:
        return self.query_one(Choices).taken != _HERE

    @on(RadioSet.Changed)
    def _show_fields(self) -> None:
        for name in ("url", "key"):
            self.query_one(f"#of-{name}").display = self._served
        self.query_one("#of-folder").display = not self._served
        self._forget()

    @on(Input.Changed)
    def _forget(self) -> None:
        """What was found is of other answers."""
        self._found = None
        self._test += 1
        self.query_one("#found", Notice).clear()
        self._label(_TEST)

    def _label(self, text: str) -> None:
        button = self.query_one("#test", Button)
        button.label = Content(text)
        button.disabled = False
        button.refresh(layout=True)

    @property
    def _choice(self) -> EmbedderChoice:
        def text(name: str) -> str | None:
            return self.query_one(f"#{name}", Input).value.strip() or None

        model, key, folder = text("model"), text("key"), text("folder")
        known = self._model if self._model is not None and self._model.name == model else None
        return EmbedderChoice(
            model,
            dimension=known.dimension if known else None,
            hash=known.hash if known else UNKNOWN_HASH,
            url=(text("url") or "") if self._served else None,
            path=expanded(folder, Path.home(), Path()) if folder and not self._served else None,
            key=Secret(key) if key and self._served else None,
        )

    @on(Button.Pressed, "#test")
    @on(Input.Submitted)
    def proceed(self) -> None:
        """Test what the fields say; or once it works, use it."""
        if self._found is not None:
            self.dismiss(self._found)
            return
        if self.query_one("#test", Button).disabled:
            return
        self._forget()
        number, choice = self._test, self._choice
        self.query_one("#test", Button).disabled = True
        self.query_one("#found", Notice).say(Tone.BUSY, "Trying it with a few texts of our own…")
        ask(
            self,
            lambda: tried(choice, self._find_key, self._memories, only_missing=self._only_missing),
            lambda found: self.Tried(number, found),
            name="embedder test",
        )

    @on(Tried)
    def _tried(self, event: Tried) -> None:
        if event.number != self._test:
            return
        notice = self.query_one("#found", Notice)
        if isinstance(event.found, MigrationError):
            notice.say(Tone.BAD, event.found.what, event.found.remedy)
            self._label(_TEST)
            return
        found = self._found = event.found
        notice.say(
            Tone.GOOD,
            f"It works: vectors of {found.signature.dimension:,} elements.",
            *((found.costs, found.contents_go) if self._memories else (words_go_to(found.place),)),
        )
        self._label(_USE)
        self.query_one("#test").focus()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Choose none."""
        self.dismiss(None)
