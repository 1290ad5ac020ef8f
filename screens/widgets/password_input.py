"""A field for a password: shown as dots until the operator wants to see it, and never copied to the clipboard."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class PasswordInput(Input):
    """The field. Its text is used for the connection only."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r", "reveal", "Show it")]

    class Revealed(Message):
        """The password is shown now, or hidden again."""

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(password=True, placeholder=placeholder, compact=True, id=id)

    def action_reveal(self) -> None:
        """Show the password, or hide it again."""
        self.password = not self.password
        self.post_message(self.Revealed())

    def action_copy(self) -> None:
        """A password is not copied."""
        self.app.bell()

    def action_cut(self) -> None:
        """Nor is it cut."""
        self.app.bell()
