"""Both sides of a difference, next to each other: what the source says, and what is stored at the destination."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.sides import Excerpt, FieldSides, Sides
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import WIDE
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.table_groups import title_of
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.text import lines, plain

Read = Callable[[Difference], Sides]
"""Reads both sides of a difference. Raises ``MigrationError``."""

_NULL = "(NULL)"
_EMPTY = "(empty)"
_END = "(ends here)"
_NOT_IN_SOURCE = "The row is not in the source any more."
_NOT_STORED = "The row is not at the destination."
_NO_ROW = "(no row)"


class Wanted(NamedTuple):
    """What is to be set at the destination: the ``difference`` that was shown, with the digest of its stored value; or
    ``all_alike``: that of every row with a difference in the same field.
    """

    difference: Difference
    digest: str | None
    all_alike: bool = False


class SidesDialog(ModalScreen[Wanted | None]):
    """Shows the differences of a list, one at a time, beginning with the one at ``place``.

    Values are read when they are shown, and forgotten when the dialog closes. Hands over what is to be set, or None.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll_sides(1)", "Scroll", key_display="↑↓"),
        Binding("up", "scroll_sides(-1)", "Scroll", show=False),
        Binding("pagedown,space", "scroll_sides(8)", "Scroll", show=False),
        Binding("pageup", "scroll_sides(-8)", "Scroll", show=False),
        Binding("home", "scroll_sides(-1000000)", "To the top", show=False),
        Binding("end", "scroll_sides(1000000)", "To the end", show=False),
        Binding("d", "to_the_place", "First difference"),
        Binding("n", "turn(1)", "Next"),
        Binding("N", "turn(-1)", "Previous", key_display="N"),
        Binding("s", "set_it", "Set it"),
        Binding("a", "set_all", "All alike"),
        Binding("escape", "dismiss", "Close"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012  (Textual declares it otherwise)

    class Answered(Message):
        """Both sides of a difference, or why they cannot be read."""

        def __init__(self, place: int, sides: Sides | MigrationError) -> None:
            super().__init__()
            self.place = place
            self.sides = sides

    def __init__(self, differences: Sequence[Difference], place: int, read: Read) -> None:
        super().__init__()
        self._sides: Sides | None = None
        self._differences = differences
        self._place = place
        self._read = read

    def compose(self) -> ComposeResult:
        """What differs, both sides, and the ways on."""
        with Vertical(classes="dialog -whole"):
            yield Label(classes="dialog-title")
            yield Notice(id="said")
            with Container(id="sides"):
                yield Side("In the source", id="source")
                yield Side("At the destination", id="stored")
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Previous", id="previous", compact=True)
                yield Button("Next", id="next", compact=True)
                yield Button("Set it to your file's value", id="set", compact=True)
                yield Static(classes="spacer")
                yield Button("Close", id="close", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the first one. Enter closes."""
        self.query_one("#close").focus()
        self._ask()

    @property
    def _difference(self) -> Difference:
        return self._differences[self._place]

    def _ask(self) -> None:
        """Read beside the interface: a server may take its time."""
        difference, place = self._difference, self._place
        self._sides = None
        self.query_one("#set", Button).display = False
        self.query_one(".dialog-title", Label).update(plain(self._title()))
        self.query_one("#said", Notice).say(Tone.BUSY, "Reading both sides…")
        self.query_one("#previous", Button).disabled = place == 0
        self.query_one("#next", Button).disabled = place == len(self._differences) - 1
        for side in self.query(Side):
            side.clear()
        self.refresh_bindings()
        ask(self, lambda: self._read(difference), partial(self.Answered, place), name="read-sides")

    def _title(self) -> str:
        """Table, row and field; a long id takes a second line."""
        difference = self._difference
        of_how_many = f"{self._place + 1:,} of {len(self._differences):,}"
        return (
            f"{title_of(difference.table)}  {difference.row}  {difference.field or ''}".rstrip() + f"   {of_how_many}"
        )

    @on(Answered)
    def _show(self, event: Answered) -> None:
        if event.place != self._place:
            return  # the operator has gone on
        sides = event.sides
        if isinstance(sides, MigrationError):
            self.query_one("#said", Notice).explain(sides)
            return
        self._sides = sides
        self.query_one("#set", Button).display = self._settable
        tone, said = _said(sides)
        self.query_one("#said", Notice).say(tone, said)
        there = (("#source", sides.in_source), ("#stored", sides.at_destination))
        self.call_after_refresh(self.refresh_bindings)
        for name, is_there in there:
            side = self.query_one(name, Side)
            if not is_there:
                side.say(_NO_ROW)
            elif len(sides.fields) == 1:
                side.show(*sides.fields, stored=name == "#stored")
            else:
                side.list(sides.fields, stored=name == "#stored")

    @property
    def _settable(self) -> bool:
        """Whether one field was shown that differs; what is part of a key is never set, nor a row that is missing."""
        sides, field = self._sides, self._difference.field
        if sides is None or field is None or not (sides.in_source and sides.at_destination):
            return False
        return field not in BY_NAME[self._difference.table].key and not all(each.equal for each in sides.fields)

    @property
    def _alike(self) -> int:
        mine = self._difference
        return sum((each.table, each.field) == (mine.table, mine.field) for each in self._differences)

    @on(Button.Pressed, "#set")
    def action_set_it(self) -> None:
        """Set the value that is shown to what the file says."""
        if self._settable and self._sides is not None:
            self.dismiss(Wanted(self._difference, self._sides.fields[0].digest))

    def action_set_all(self) -> None:
        """Set that field of all rows in which it differs, after a question."""
        if not self._settable:
            return
        field, rows = self._difference.field, f"{self._alike:,} rows"
        question = ConfirmDialog(
            f"Set {field} of {rows} to your file's values?",
            "Each is read once more, and set only while it holds what is found then. What PostgreSQL holds now is gone "
            "after that: it cannot be taken back.",
            yes=f"Set {rows}",
            no="Back",
        )
        self.app.push_screen(question, self._set_all)

    def _set_all(self, really: bool | None) -> None:
        if really:
            self.dismiss(Wanted(self._difference, None, all_alike=True))

    def action_scroll_sides(self, lines_down: int) -> None:
        """Scroll both sides."""
        for side in self.query(Side):
            side.scroll_relative(y=lines_down, animate=False)

    def action_to_the_place(self) -> None:
        """Show the place where both begin to differ."""
        for side in self.query(Side):
            side.to_the_place()

    def action_turn(self, step: int) -> None:
        """Another difference of the list."""
        place = self._place + step
        if 0 <= place < len(self._differences):
            self._place = place
            self._ask()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that lead nowhere."""
        if action == "to_the_place":
            return any(side.has_place for side in self.query(Side))
        if action == "set_it":
            return self._settable
        if action == "set_all":
            return self._settable and self._alike > 1
        if action == "turn":
            return 0 <= self._place + int(str(parameters[0])) < len(self._differences)
        return super().check_action(action, parameters)

    @on(Button.Pressed, "#previous")
    def _previous(self) -> None:
        self.action_turn(-1)

    @on(Button.Pressed, "#next")
    def _next(self) -> None:
        self.action_turn(1)

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Back to the list."""
        self.dismiss()


class Side(VerticalScroll, can_focus=False):
    """One side: its title, and the value or the row. A long one scrolls."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id)
        self._title = title
        self._before: Content | None = None

    def compose(self) -> ComposeResult:
        """The text of the value."""
        yield Static(classes="value")

    def on_mount(self) -> None:
        """The title stands in the border."""
        self.border_title = self._title

    def clear(self) -> None:
        """Show nothing."""
        self._fill(Content(""))

    def say(self, text: str) -> None:
        """Show a sentence in place of a value."""
        self._fill(plain(text, "$muted"))

    def show(self, field: FieldSides, *, stored: bool) -> None:
        """Show one value; the place where both begin to differ is marked and in sight."""
        excerpt = field.stored if stored else field.source
        if excerpt is None or (not excerpt.text and field.first is None):
            self.say(_NULL if excerpt is None else _EMPTY)
            return
        before, rest = _parts(excerpt, field.first)
        self._fill(Content.assemble(before, rest), before if field.first is not None else None)

    def list(self, fields: Sequence[FieldSides], *, stored: bool) -> None:
        """Show the values of a whole row, each under its name."""
        self._fill(Content("\n").join(_listed(fields, stored=stored)))

    @property
    def has_place(self) -> bool:
        """Whether the place is known where both begin to differ."""
        return self._before is not None

    def to_the_place(self) -> None:
        """Scroll to where both begin to differ."""
        if self._before is not None:
            above = len(self._before.wrap(max(1, self.query_one(Static).size.width))) - 1
            self.scroll_to(y=max(0, above - self.size.height // 3), animate=False)

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the place in sight."""
        self.call_after_refresh(self.to_the_place)

    def _fill(self, content: Content, before: Content | None = None) -> None:
        self._before = before
        self.query_one(Static).update(content)
        self.scroll_home(animate=False)
        if before is not None:
            self.call_after_refresh(self.to_the_place)


def _said(sides: Sides) -> tuple[Tone, str]:
    """What there is to say of both sides as they are now."""
    if not sides.in_source:
        return Tone.WARNING, _NOT_IN_SOURCE
    if not sides.at_destination:
        return Tone.WARNING, _NOT_STORED
    if all(field.equal for field in sides.fields):
        return Tone.GOOD, "Both sides are equal now."
    return Tone.WARNING, _where(sides.fields)


def _where(fields: Sequence[FieldSides]) -> str:
    if len(fields) > 1:
        names = ", ".join(field.field for field in fields if not field.equal)
        return f"The row is at the destination now; these fields have other values: {names}."
    (field,) = fields
    if field.first is None or field.source is None:
        return "One side has a value, the other has none."
    before = field.source.text[: field.first]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    whole = field.source.before == 0
    return (
        f"They begin to differ in line {line:,}, at character {column:,}, as marked."
        if whole
        else (f"They begin to differ at character {field.source.before + field.first + 1:,}, as marked.")
    )


def _parts(excerpt: Excerpt, first: int | None) -> tuple[Content, Content]:
    """A value up to the place where both begin to differ, and from there on, with that character marked."""
    head = Content.styled(f"… {excerpt.before:,} characters before\n", "$muted") if excerpt.before else Content("")
    tail = Content.styled(f"\n… {excerpt.after:,} characters more", "$muted") if excerpt.after else Content("")
    if first is None:
        return head, Content.assemble(lines(excerpt.text), tail)
    letter, rest = excerpt.text[first : first + 1], excerpt.text[first + 1 :]
    mark = plain(letter or _END, "reverse bold")
    ended = Content("\n") if letter == "\n" else Content("")
    return Content.assemble(head, lines(excerpt.text[:first])), Content.assemble(mark, ended, lines(rest), tail)


def _listed(fields: Sequence[FieldSides], *, stored: bool) -> Iterator[Content]:
    for field in fields:
        excerpt = field.stored if stored else field.source
        mark = "! " if field.first is not None else "  "
        yield plain(f"{mark}{field.field}", "bold")
        if excerpt is None:
            yield plain(f"    {_NULL}", "$muted")
        else:
            _, value = _parts(excerpt, None)
            yield Content("\n").join(Content.assemble("    ", line) for line in value.split("\n"))
