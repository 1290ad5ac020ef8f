"""On the report: what was embedded after the copy, and a button for what can still be embedded."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from vestige_tui.core.errors import MigrationError, RefusedError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.tables import KNOWLEDGE_NODES
from vestige_tui.core.rows.vectors import Fate
from vestige_tui.core.text import count
from vestige_tui.screens.background import ask
from vestige_tui.screens.embedder_dialog import EmbedderDialog
from vestige_tui.screens.embedding import Embedding, outcome_in_words, without_vector
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.widgets.text import plain


class EmbedOffer(Horizontal):
    """One line: a sentence, a button, both, or nothing."""

    class Counted(Message, bubble=False):
        """How many memories at the destination have no vector, or why that is not known."""

        def __init__(self, missing: int | MigrationError) -> None:
            super().__init__()
            self.missing = missing

    class Chosen(Message):
        """The operator wants this to be embedded now."""

        def __init__(self, embedding: Embedding) -> None:
            super().__init__()
            self.embedding = embedding

    def __init__(self, state: WizardState, machine: Machine, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state
        self._machine = machine
        self._missing = 0

    def compose(self) -> ComposeResult:
        """The sentence and the button."""
        yield Static(id="embedded")
        yield Button("", id="embed", compact=True)

    def on_mount(self) -> None:
        """Show what is known, and ask for what is not."""
        self._show()
        state, model = self._state, self._model
        if model is not None and state.target is not None and self._may_lack_vectors:
            dsn = state.target.dsn
            ask(self, lambda: without_vector(dsn, model), self.Counted, name="memories without a vector")

    @property
    def _model(self) -> ModelSignature | None:
        """The model that the destination has registered now."""
        if self._state.swapped is not None:
            return self._state.swapped
        return self._state.report.destination.model if self._state.report is not None else None

    @property
    def _may_lack_vectors(self) -> bool:
        report = self._state.report
        if report is None or not report.outcome.finished or self._stopped is not None:
            return False
        memories = report.tables.get(KNOWLEDGE_NODES.name)
        copied = sum(group.count for group in report.vectors if group.fate is Fate.COPIED)
        return memories is not None and copied < memories.source

    @property
    def _stopped(self) -> Embedding | None:
        """What was begun and can go on. Where a check refused an embedder, another one can be named."""
        state, failure = self._state, self._state.embedding_failure
        if isinstance(failure, RefusedError) and state.embedding is not None and state.embedding.only_missing:
            return None
        unfinished = state.embedded is not None and not state.embedded.outcome.finished
        return state.embedding if unfinished or failure is not None else None

    def _show(self) -> None:
        state = self._state
        words = Content()
        if state.embedding_failure is not None:
            words = Content.assemble(("✗ ", "bold $error"), plain(state.embedding_failure.what))
        elif state.embedded is not None:
            whole = state.embedded.outcome.finished and not state.embedded.refused_count
            mark = ("✓ ", "bold $success") if whole else ("! ", "bold $warning")
            words = Content.assemble(mark, plain(outcome_in_words(state.embedded)))
        button = self.query_one("#embed", Button)
        button.label = Content(self._label)
        button.display = bool(self._label)
        button.refresh(layout=True)
        self.query_one("#embedded", Static).update(words)
        self.query_one("#embedded").display = bool(words.plain)
        self.display = bool(words.plain or self._label)

    @property
    def _label(self) -> str:
        if self._stopped is not None:
            return "Go on embedding"
        if self._missing:
            return f"Embed the {count(self._missing, 'memory', 'memories')} without a vector"
        return ""

    @on(Counted)
    def _counted(self, event: Counted) -> None:
        if isinstance(event.missing, int):
            self._missing = event.missing
            self._show()

    @on(Button.Pressed, "#embed")
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if self._stopped is not None:
            self.post_message(self.Chosen(self._stopped))
        elif self._missing:
            dialog = EmbedderDialog(self._model, self._missing, self._machine.find_key, only_missing=True)
            self.app.push_screen(dialog, self._named)

    def _named(self, embedding: Embedding | None) -> None:
        if embedding is not None:
            self.post_message(self.Chosen(embedding))
