"""A field for a password: shown as dots, and never copied to the clipboard."""

from __future__ import annotations

from textual.widgets import Input


class PasswordInput(Input):
    """The field. Its text is used for the connection only."""

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(password=True, placeholder=placeholder, compact=True, id=id)

    def action_copy(self) -> None:
        """A password is not copied."""
        self.app.bell()

    def action_cut(self) -> None:
        """Nor is it cut."""
        self.app.bell()
