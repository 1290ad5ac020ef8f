"""The fields of a server: a URL and its parts, kept in sync, and the password apart from them."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalGroup
from textual.message import Message
from textual.widgets import Input, Label, Select

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import UsageError
from vestige_tui.screens.dsn_fields import (
    FIELDS,
    TLS_MODES,
    fields_of,
    looks_like_connection_string,
    url_of,
    with_fields,
    with_password,
    without_secrets,
)
from vestige_tui.screens.keyring_row import KeyringRow
from vestige_tui.screens.machine import PasswordStore
from vestige_tui.screens.widgets.choice import Dropdown
from vestige_tui.screens.widgets.dsn_input import DsnInput
from vestige_tui.screens.widgets.password_field import PasswordField

_INPUTS = tuple(name for name in FIELDS if name != "sslmode")
_DEFAULT_TLS = next(iter(TLS_MODES))


class ServerForm(VerticalGroup):
    """Server, user and password, and what the keyring has of it."""

    class Edited(Message):
        """A field changed: the last test no longer holds."""

    class Submitted(Message):
        """Enter was pressed in a field."""

    class Left(Message):
        """A field lost the focus: the keyring account may have changed."""

    def __init__(self, environment: Mapping[str, str], passwords: PasswordStore) -> None:
        super().__init__(id="server")
        self._environment = environment
        self._passwords = passwords
        self._dsn = Dsn({})
        self.problem: UsageError | None = None
        """Why the URL cannot be read, None where it can."""

    def compose(self) -> ComposeResult:
        """A line for the URL, three for its parts, one for the keyring."""
        with Horizontal(classes="field-row"):
            yield Label("URL")
            yield DsnInput(placeholder="postgresql://user@host:5432/database", compact=True, id="url")
        for left, right in (("host", "port"), ("dbname", "user")):
            with Horizontal(classes="field-row"):
                yield from self._field(left)
                yield from self._field(right)
        with Horizontal(classes="field-row"):
            yield Label("Password")
            yield PasswordField(placeholder=self._password_hint, id="password")
            yield Label("TLS", classes="second")
            yield Dropdown(
                [(text, mode) for mode, text in TLS_MODES.items()],
                value=_DEFAULT_TLS,
                allow_blank=False,
                compact=True,
                id="sslmode",
            )
        yield KeyringRow(self._passwords)

    def _field(self, name: str) -> ComposeResult:
        title, hint = {
            "host": ("Host", "db.example.org"),
            "port": ("Port", "5432"),
            "dbname": ("Database", "vestige"),
            "user": ("User", "your login"),
        }[name]
        yield Label(title, classes="second" if name in ("port", "user") else "")
        yield Input(placeholder=hint, compact=True, id=name)

    @property
    def _password_hint(self) -> str:
        return "from PGPASSWORD" if self._environment.get("PGPASSWORD") else ""

    @property
    def dsn(self) -> Dsn:
        """The destination that the fields describe, password included."""
        return with_password(self._dsn, self.query_one("#password", Input).value)

    def fill(self, dsn: Dsn, *, with_its_password: bool = True) -> None:
        """Show a destination."""
        self._dsn = without_secrets(dsn)
        password = dsn.parameters.get("password", "") if with_its_password else ""
        with self.prevent(Input.Changed, Select.Changed):
            self.query_one("#password", Input).value = password
            self.query_one("#url", Input).value = url_of(self._dsn)
        self._show_fields()

    def expect_stored(self, stored: bool) -> None:
        """Say in the field of the password that the keyring has it, or no longer."""
        self.query_one("#password", Input).placeholder = "from the keyring" if stored else self._password_hint

    def tidy(self) -> None:
        """Remove the password from the URL; it is already in its own field."""
        if self.problem is None:
            with self.prevent(Input.Changed):
                self.query_one("#url", Input).value = url_of(self._dsn)

    @on(Input.Changed, "#url")
    def _url_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.problem = None
        try:
            read = Dsn.parse(event.value) if event.value.strip() else Dsn({})
        except UsageError as error:
            self.problem = error
        else:
            self._dsn = without_secrets(read)
            if password := read.parameters.get("password"):
                with self.prevent(Input.Changed):
                    self.query_one("#password", Input).value = password
            self._show_fields()
        self.query_one("#url").set_class(self.problem is not None, "-invalid")
        self.post_message(self.Edited())

    @on(Input.Changed)
    def _field_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id in _INPUTS and looks_like_connection_string(event.value):
            self._move_to_url(event.input)
            return
        if event.input.id in _INPUTS:
            self._take_fields()
        if event.input.id != "url":
            self.post_message(self.Edited())

    @on(Select.Changed)
    def _tls_changed(self, event: Select.Changed) -> None:
        event.stop()
        if self._sslmode() != self._dsn.parameters.get("sslmode", ""):
            self._take_fields()
            self.post_message(self.Edited())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.tidy()
        self.post_message(self.Submitted())

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The operator went to another field."""
        if event.widget.id == "url":
            self.tidy()
        self.post_message(self.Left())

    def _take_fields(self) -> None:
        """The parts changed: update the URL."""
        values = {name: self.query_one(f"#{name}", Input).value for name in _INPUTS}
        self._dsn = with_fields(self._dsn, values | {"sslmode": self._sslmode()})
        self.problem = None
        self.query_one("#url").remove_class("-invalid")
        with self.prevent(Input.Changed):
            self.query_one("#url", Input).value = url_of(self._dsn)

    def _move_to_url(self, field: Input) -> None:
        """A whole connection string was put into the field of one part: it belongs into that of the URL."""
        url = self.query_one(DsnInput)
        text = field.value if "=" in field.value or "://" in field.value else f"postgresql://{field.value}"
        with self.prevent(Input.Changed):
            field.value = ""
        self._dsn = Dsn({})
        url.take(text)

    def _show_fields(self) -> None:
        """The URL changed: update the parts."""
        values = fields_of(self._dsn)
        with self.prevent(Input.Changed, Select.Changed):
            for name in _INPUTS:
                self.query_one(f"#{name}", Input).value = values[name]
            mode = values["sslmode"] or _DEFAULT_TLS
            if mode in TLS_MODES:
                self.query_one(Select).value = mode

    def _sslmode(self) -> str:
        """The chosen mode; empty for libpq's default, unless the URL names it."""
        chosen = str(self.query_one(Select).value)
        named = self._dsn.parameters.get("sslmode", "")
        return named if chosen == _DEFAULT_TLS and named in ("", _DEFAULT_TLS) else chosen
