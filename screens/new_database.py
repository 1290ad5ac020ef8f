"""The SQL with which an administrator makes role and database for this move: a box of the form, and a dialog."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Label, Static

from vestige_tui.core.destination.creation import RefusedNameError, creation_sql
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.explain.connecting import NAME_FAULTS
from vestige_tui.core.facts import NameFault
from vestige_tui.screens.dialogs import TextDialog
from vestige_tui.screens.widgets.text import plain

_NAME = "vestige"
"""The name of role and database where the form has none."""


def script_for(dsn: Dsn) -> str | NameFault:
    """The SQL with the names of a destination, or what is wrong with one of them."""
    user = dsn.parameters.get("user") or _NAME
    try:
        return creation_sql(user, dsn.parameters.get("dbname") or user)
    except RefusedNameError as error:
        return error.fault


def how_to_run(dsn: Dsn) -> Content:
    """Where these lines are pasted, and what is left to do in the form."""
    host, port = dsn.parameters.get("host", ""), dsn.parameters.get("port", "")
    there = f" -h {host}" if host.replace("-", "").replace(".", "").isalnum() else ""
    there += f" -p {port}" if there and port.isdecimal() else ""
    missing = [title for title, key in (("User", "user"), ("Database", "dbname")) if not dsn.parameters.get(key)]
    said = ["An administrator pastes it into psql, for example after:", f"psql{there} -U postgres"]
    if missing:
        name = dsn.parameters.get("user") or _NAME
        said.append(f"Then put “{name}” into {' and '.join(missing)} here.")
    return Content("\n").join(map(plain, said))


class NewDatabaseBox(Vertical):
    """What the names in the form need at the server, while nothing has been found there."""

    class Copied(Message):
        """The lines are wanted in the clipboard."""

    def __init__(self) -> None:
        super().__init__(id="new-database", classes="box")
        self.border_title = "No database for it yet?"

    def compose(self) -> ComposeResult:
        """The lines, and a button that copies them."""
        yield Static(id="script", classes="script")
        with Horizontal():
            yield Static(id="how")
            yield Button("Copy SQL", id="copy-sql", compact=True)

    def show(self, dsn: Dsn | None) -> None:
        """Show the lines for a destination, or why there are none; None hides the box."""
        script = script_for(dsn) if dsn is not None else None
        self.set_class(script is None, "-empty")
        self.query_one(Horizontal).display = isinstance(script, str)
        if isinstance(script, NameFault):
            self.query_one("#script", Static).update(plain(NAME_FAULTS[script]))
        elif dsn is not None and script is not None:
            self.query_one("#script", Static).update(in_colours(script))
            self.query_one("#how", Static).update(how_to_run(dsn).stylize("$muted"))

    @on(Button.Pressed, "#copy-sql")
    def _copy(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Copied())


class NewDatabaseDialog(TextDialog):
    """The same where the form has no room for it. ``script`` are the lines for ``dsn``."""

    SIZE = "-script"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "Copy")]

    def __init__(self, dsn: Dsn, script: str) -> None:
        super().__init__()
        self._dsn = dsn
        self._script = script

    def compose_text(self) -> ComposeResult:
        """The lines, and where they belong."""
        yield Static(in_colours(self._script), classes="script")
        yield Static(how_to_run(self._dsn))

    def compose_buttons(self) -> ComposeResult:
        """The lines can be copied."""
        yield Button("Copy", id="copy", compact=True)

    def on_mount(self) -> None:
        """Enter copies."""
        self.query_one(".dialog-title", Label).update("A role and a database for it")
        self.call_after_refresh(self.query_one("#copy").focus)

    @on(Button.Pressed, "#copy")
    def action_copy(self) -> None:
        """Put the lines on the clipboard."""
        copy_script(self.app, self._script)


def copy_script(app: App[object], script: str) -> None:
    """Put the lines on the clipboard, and say so."""
    app.copy_to_clipboard(script)
    number = len(script.splitlines())
    app.notify(f"{number} lines are on the clipboard, where your terminal permits that.", markup=False)


def in_colours(script: str) -> Content:
    """The lines, comments muted."""
    each = (line.partition("--") for line in script.rstrip().split("\n"))
    return Content("\n").join(
        Content.assemble(plain(code, "$accent"), plain(f"{dashes}{comment}", "$muted"))
        for code, dashes, comment in each
    )
