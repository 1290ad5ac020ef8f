"""One memory whole: where it lies in PostgreSQL, what it says, and what it is connected to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Label, OptionList, Static
from textual.widgets.option_list import Option

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.search.answers import Connection, Memory
from vestige_tui.core.search.wording import date_of, no_connections
from vestige_tui.core.text import count
from vestige_tui.screens.background import ask
from vestige_tui.screens.inquiry import Searching
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.found_list import MemoryList, marked
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.key_values import two_columns
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.text import lines, plain

SHOWN = 20_000
"""Characters of a content that are shown; all of those that were read are copied."""


class MemoryDialog(ModalScreen[None]):
    """Shows a memory, and follows its connections. Escape goes back the same way."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown,space", "scroll_text(8)", "Scroll", key_display="PgDn"),
        Binding("pageup", "scroll_text(-8)", "Scroll", show=False),
        Binding("y", "copy_id", "Copy id"),
        Binding("Y", "copy_text", "Copy text", key_display="Y"),
        Binding("escape", "back", "Back"),
    ]

    class Read(Message):
        """A memory, or why there is none; and its place on the way through the connections."""

        def __init__(self, depth: int, memory: Memory | MigrationError | None) -> None:
            super().__init__()
            self.depth = depth
            self.memory = memory

    def __init__(self, searcher: Searching, memory: str) -> None:
        super().__init__()
        self._searcher = searcher
        self._way = [memory]
        self._memory: Memory | None = None

    def compose(self) -> ComposeResult:
        """The facts, the text, and the connections."""
        with Vertical(classes="dialog -whole", id="memory"):
            yield Label(classes="dialog-title")
            yield Notice(id="said")
            with VerticalScroll(classes="dialog-text", can_focus=False):
                yield Static(id="place")
                yield Static(id="content")
                yield Static(id="facts")
            yield Static(id="connected")
            yield MemoryList(id="connections", compact=True)
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Copy id", id="copy-id", compact=True)
                yield Button("Copy text", id="copy-text", compact=True)
                yield Static(classes="spacer")
                yield Button("Back", id="back", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Read it beside the interface."""
        self._ask()

    def _ask(self) -> None:
        id_, depth = self._way[-1], len(self._way)
        self._memory = None
        self.query_one(".dialog-title", Label).update(plain(f"Memory {id_}"))
        self.query_one("#said", Notice).say(Tone.BUSY, "Reading…")
        self.query_one("#back").focus()
        self.query_one(MemoryList).display = False
        for name in ("#place", "#content", "#facts", "#connected"):
            self.query_one(name, Static).update("")
        ask(self, lambda: self._searcher.read(id_), lambda memory: self.Read(depth, memory), name="read-memory")

    @on(Read)
    def _show(self, event: Read) -> None:
        if event.depth != len(self._way):
            return
        notice = self.query_one("#said", Notice)
        if isinstance(event.memory, MigrationError):
            notice.say(Tone.BAD, event.memory.what, event.memory.remedy)
            return
        if event.memory is None:
            notice.say(Tone.WARNING, "This memory is not there any more, or this role may not read it.")
            return
        notice.clear()
        memory = self._memory = event.memory
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self.query_one("#place", Static).update(two_columns(_place(memory)))
        self.query_one("#facts", Static).update(two_columns(_facts(memory)))
        self.query_one("#content", Static).update(_content(memory))
        self._show_connections(memory)
        self.refresh_bindings()

    def _show_connections(self, memory: Memory) -> None:
        number = len(memory.connections)
        said = f"{count(number, 'connection')}{', the heaviest of more' if memory.more_connections else ''}"
        self.query_one("#connected", Static).update(
            plain(said if number else no_connections(memory), "bold $accent" if number else "$muted")
        )
        connections = self.query_one(MemoryList)
        connections.display = bool(number)
        connections.set_options([Option(_line(each)) for each in memory.connections])
        if number:
            connections.highlighted = 0
            connections.focus()

    @on(OptionList.OptionSelected)
    def _follow(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self._memory is not None:
            self._way.append(self._memory.connections[event.option_index].other)
            self._ask()

    @on(Button.Pressed, "#back")
    def action_back(self) -> None:
        """The memory before, or the list."""
        self._way.pop()
        if self._way:
            self._ask()
        else:
            self.dismiss()

    def action_scroll_text(self, lines_down: int) -> None:
        """Show more of the text."""
        self.query_one(VerticalScroll).scroll_relative(y=lines_down, animate=False)

    @on(Button.Pressed, "#copy-id")
    def action_copy_id(self) -> None:
        """Copy its id."""
        copy_text(self, self._way[-1], f"Copied: {self._way[-1]}")

    @on(Button.Pressed, "#copy-text")
    def action_copy_text(self) -> None:
        """Copy its content."""
        if self._memory is not None:
            copied = count(len(self._memory.content), "character")
            copy_text(self, self._memory.content, f"Copied: {copied}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        if action == "copy_text":
            return self._memory is not None
        return super().check_action(action, parameters)


def copy_text(screen: Screen[None], text: str, said: str) -> None:
    """Put text into the clipboard of the terminal, and say so."""
    screen.app.copy_to_clipboard(text)
    screen.notify(said, markup=False)


def _place(memory: Memory) -> Iterator[tuple[str, str]]:
    """Where it lies, and whose it is; what is not there or may not be read is left out."""
    owner = memory.owner_handle or memory.owner
    parts = (f"of {owner}" if owner else "", memory.visibility or "", *(f"! {state}" for state in memory.states))
    yield "lies in", f"table {memory.table}, database {memory.database}"
    yield "kind", " · ".join(filter(None, (memory.kind, date_of(memory.created), *parts)))


def _facts(memory: Memory) -> Iterator[tuple[str, str]]:
    facts = (
        ("created", memory.created),
        ("updated", memory.updated or ""),
        ("tags", ", ".join(memory.tags)),
        ("groups", ", ".join(memory.groups)),
        ("codebase", memory.codebase or ""),
        ("vector", f"{memory.elements:,} elements" if memory.elements is not None else "none, or not readable"),
    )
    yield from ((name, value) for name, value in facts if value)


def _content(memory: Memory) -> Content:
    more = memory.length - min(len(memory.content), SHOWN)
    tail = Content.styled(f"\n… {more:,} characters more", "$muted") if more else Content("")
    return Content.assemble("\n", lines(memory.content[:SHOWN]), tail, "\n")


def _line(connection: Connection) -> Content:
    """``→ causal 0.80  fact · 2026-01-02`` and the beginning of the other memory."""
    arrow = "→" if connection.outgoing else "←"
    head = f"{arrow} {connection.type} {connection.weight:.2f}"
    return Content.assemble(
        plain(head, "bold"), plain(f"  {connection.kind} · {date_of(connection.created)}  ", "$muted"),
        marked(connection.snippet),
    )  # fmt: skip
