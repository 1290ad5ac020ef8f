"""The upgrade step: what a source from before V15 lacks, and where to add it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Label, RadioSet, Static

from vestige_tui.core.source.upgrade import COLUMNS, TABLES, VERSION, backup_path
from vestige_tui.core.text import count, size
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.in_place_upgrade import InPlaceUpgrade
from vestige_tui.screens.state import UpgradeChoice
from vestige_tui.screens.widgets.choice import Choice, Choices
from vestige_tui.screens.widgets.key_values import two_columns
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.text import lines, plain, short_path
from vestige_tui.screens.work import WorkRequested

if TYPE_CHECKING:
    from vestige_tui.core.source.describe import SourceDescription

CONFIRMATION = "upgrade"

_COLUMN_WORDS = {
    "owner_user_id": "the user local",
    "visibility": "private",
    "shared_with_groups": "none",
    "codebase": "from metadata or tags",
}
_TABLE_WORDS = {"users": "users (1 row: local)"}


class UpgradeScreen(StepScreen):
    """Asks where to add the parts that V15 has and the source lacks."""

    HELP = """
Schema 15 of Vestige added users, groups and four facts about each memory. PostgreSQL stores them; your file is from
before.

A private copy is the safe way. The upgrade happens in a temporary copy, which is deleted afterwards. Your file is
only read, and your Vestige goes on using it as it is.

In place, your file itself is upgraded. A backup is made beside it first, and checked. Then everything is added in one
transaction: wholly, or not at all. Vestige's own version mark (schema_version) is left alone, so that your Vestige
still does the upgrades of its own.

Either way, nothing that is in the file is changed or removed.
"""

    _upgrade: InPlaceUpgrade | None = None

    @property
    def _source(self) -> SourceDescription:
        if self.state.source is None:
            raise ValueError("the upgrade needs a source")
        return self.state.source

    @property
    def lead(self) -> str:
        """What the file is."""
        version = self._source.version
        return "Nothing that is in your file changes." if version is None else f"This file has schema {version}."

    def compose_body(self) -> ComposeResult:
        """What is missing, and what can be done about it."""
        source = self._source
        yield Notice(id="notice")
        yield Static(lines(introduction(source)), classes="paragraph")
        yield Static(additions(source), id="additions")
        yield Choices(
            Choice("Upgrade a private copy", value=True, id="private"),
            Choice("Upgrade my file in place", id="in-place"),
            id="ways",
        )
        yield Static(id="meaning", classes="indented")
        with Horizontal(id="confirm", classes="indented"):
            yield Label(f"Type  {CONFIRMATION}  to confirm")
            yield Input(id="word", compact=True, max_length=20)

    def on_mount(self) -> None:
        """The first choice has the focus."""
        self.query_one(Choices).focus()
        self._show_way()

    @property
    def _in_place(self) -> bool:
        return self.query_one(Choices).taken == "in-place"

    @property
    def _busy(self) -> bool:
        return self._upgrade is not None and self._upgrade.running

    @property
    def primary_label(self) -> str:
        """What will happen, depending on the choice."""
        if self._busy:
            return "Upgrading…"
        return "Upgrade my file" if self.is_mounted and self._in_place else "Upgrade a private copy"

    @property
    def primary_ready(self) -> bool:
        """An upgrade in place has to be confirmed by typing a word."""
        if self._busy:
            return False
        return not self._in_place or self.query_one("#word", Input).value.strip().lower() == CONFIRMATION

    @property
    def back_ready(self) -> bool:
        """The operator cannot leave during an upgrade in place."""
        return not self._busy

    def primary(self) -> None:
        """Go on with a private copy, or upgrade the file."""
        if not self.primary_ready:
            return
        if not self._in_place:
            self.advance(self.state.with_upgrade(UpgradeChoice.PRIVATE_COPY))
            return
        self._upgrade = InPlaceUpgrade(self._source.path, self.post_message)
        self.query_one("#notice", Notice).say(
            Tone.BUSY, "Backing up your file, then upgrading it.", "It takes a moment, and is not interrupted."
        )
        self._enable(False)
        self.post_message(WorkRequested(self._upgrade))
        self.refresh_shell()
        self._to_the_top()

    def explain_unready(self) -> None:
        """Ask for the word that confirms an upgrade in place."""
        if not self._busy:
            self.query_one("#word").focus()
            self.notify(f"Type {CONFIRMATION} to confirm that your file is upgraded in place.")

    def _to_the_top(self) -> None:
        """Scroll to the notice."""
        body = self.query_one("#body")
        self.call_after_refresh(body.scroll_home, animate=False)

    def _enable(self, enabled: bool) -> None:
        for selector in ("#ways", "#word"):
            self.query_one(selector).disabled = not enabled

    @on(RadioSet.Changed)
    def _show_way(self) -> None:
        self.query_one("#confirm").display = self._in_place
        where = (
            f"A backup is made first:  {short_path(backup_path(self._source.path), self.machine.home)}"
            if self._in_place
            else "Your file stays exactly as it is; it is only read.\n"
            f"Needs {size(self._source.size)} in {tempfile.gettempdir()} while preview and copy run."
        )
        self.query_one("#meaning", Static).update(lines(where))
        self.refresh_shell()

    @on(Input.Changed, "#word")
    def _typed(self) -> None:
        self.refresh_shell()

    @on(Input.Submitted, "#word")
    def _confirmed(self) -> None:
        self.primary()

    @on(InPlaceUpgrade.Ended)
    def _ended(self, event: InPlaceUpgrade.Ended) -> None:
        upgrade = event.upgrade
        if upgrade.source is not None:
            self.advance(self.state.with_upgraded_source(upgrade.source, upgrade.backup))
            return
        if upgrade.failure is not None:
            self.query_one("#notice", Notice).explain(upgrade.failure)
        self._enable(True)
        self.query_one("#ways").focus(scroll_visible=False)
        self._show_way()
        self._to_the_top()


def introduction(source: SourceDescription) -> str:
    """What is missing, in a sentence."""
    columns, tables = _missing(source)
    parts = [count(len(columns), "column") if columns else "", count(len(tables), "table") if tables else ""]
    return (
        f"PostgreSQL needs {' and '.join(filter(None, parts))} that this file does not have yet. They are added, "
        "and nothing that is there changes."
    )


def additions(source: SourceDescription) -> Content:
    """Everything that an upgrade adds to a file, and with which values."""
    columns, tables = _missing(source)
    width = max(map(len, COLUMNS)) + 2
    facts = [
        ("" if number else "+ on each memory", Content.assemble(f"{name:<{width}}", (_COLUMN_WORDS[name], "$muted")))
        for number, name in enumerate(columns)
    ]
    if tables:
        facts.append(("+ tables", plain(", ".join(_TABLE_WORDS.get(name, name) for name in tables))))
    if source.user_version < VERSION:
        facts.append(("+ mark", Content.assemble(f"{'user_version':<{width}}", (f"becomes {VERSION}", "$muted"))))
    return two_columns(facts)


def _missing(source: SourceDescription) -> tuple[list[str], list[str]]:
    columns = [name for name in COLUMNS if f"knowledge_nodes.{name}" in source.missing_v15]
    return columns, [name for name in TABLES if name in source.missing_v15]
