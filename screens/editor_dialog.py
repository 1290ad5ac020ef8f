"""Types a value in place of a broken one: says at every key whether the destination takes it, and where it is wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static, TextArea

from vestige_tui.core.repairs.broken_json import json_error
from vestige_tui.core.repairs.typed import JSON_TYPES, typed
from vestige_tui.core.repairs.values import Unfit
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import Column
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.text import plain

_FORMS = {
    PgType.JSONB: "JSON, such as an object.",
    PgType.TEXT_ARRAY: 'A JSON list of texts, such as ["a", "b"].',
    PgType.UUID_ARRAY: "A JSON list of UUIDs.",
    PgType.TIMESTAMPTZ: "A date, such as 2026-02-13T10:11:12Z.",
    PgType.UUID: "A UUID.",
    PgType.FLOAT8: "A number.",
    PgType.INT4: "A whole number.",
    PgType.INT2: "A whole number.",
}


class EditorDialog(ModalScreen[list[Any] | None]):
    """Hands over a list with the value that was typed, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "use", "Use this value"),
        Binding("f4", "to_error", "To the error"),
        Binding("escape", "leave", "Back", priority=True),
    ]

    def __init__(self, column: Column, title: str, text: str) -> None:
        super().__init__()
        self._column = column
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """The value, what is wrong with it, and both ways out."""
        with Vertical(classes="dialog -whole"):
            yield Label(plain(self._title), classes="dialog-title")
            yield Static(_FORMS.get(self._column.type, "The text itself."), id="form")
            yield TextArea(self._text, id="value", show_line_numbers=True, tab_behavior="focus")
            yield Notice(id="judgement")
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Back", id="leave", compact=True)
                yield Static(classes="spacer")
                yield Button("Use this value", id="use", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keys."""
        self.query_one(TextArea).focus()
        self._judge()

    @on(TextArea.Changed)
    def _judge(self) -> None:
        """Say whether the value can be used; one that cannot is never saved."""
        unfit = self._unfit()
        button = self.query_one("#use", Button)
        button.disabled = unfit is not None
        if unfit is None:
            self.query_one(Notice).say(Tone.GOOD, "PostgreSQL takes this value.")
        else:
            self.query_one(Notice).say(Tone.WARNING, f"{self._column.name} {unfit}.")
        self.refresh_bindings()

    def _unfit(self) -> Unfit | None:
        try:
            typed(self._column, self.query_one(TextArea).text)
        except Unfit as unfit:
            return unfit
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An invalid value cannot be used."""
        if action == "use":
            return (self.is_mounted and not self.query_one("#use", Button).disabled) or None
        if action == "to_error":
            return self.is_mounted and self._error_place() is not None
        return super().check_action(action, parameters)

    def _error_place(self) -> tuple[int, int] | None:
        if self._column.type not in JSON_TYPES or (error := json_error(self.query_one(TextArea).text)) is None:
            return None
        return error.line - 1, error.column - 1

    def action_to_error(self) -> None:
        """Put the cursor where the JSON is wrong."""
        if (place := self._error_place()) is not None:
            self.query_one(TextArea).cursor_location = place

    @on(Button.Pressed, "#use")
    def action_use(self) -> None:
        """Hand the value over."""
        if self._unfit() is None:
            self.dismiss([typed(self._column, self.query_one(TextArea).text)])

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        """Go back; what was typed is dropped only after a question."""
        if self.query_one(TextArea).text == self._text:
            self.dismiss(None)
            return
        question = ConfirmDialog(
            "Drop what you have typed?", "The row stays as it was.", yes="Drop it", no="Go on typing"
        )
        self.app.push_screen(question, self._drop)

    def _drop(self, really: bool | None) -> None:
        if really:
            self.dismiss(None)
