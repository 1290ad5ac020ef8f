"""Picks one of several values, or some of them: an owner, a visibility, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Label, OptionList, Static
from textual.widgets.option_list import Option

from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.text import plain


class PickerDialog(ModalScreen[list[str] | None]):
    """Hands over the ids that were picked, or None. ``choices`` are ids with a name each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Tick"),
        Binding("ctrl+n", "use", "Use"),
        Binding("escape", "dismiss(None)", "Back"),
    ]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], *, several: bool = False) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._several = several
        self._picked: set[int] = set()

    def compose(self) -> ComposeResult:
        """The values, and both ways out."""
        with Vertical(classes="dialog -broad"):
            yield Label(plain(self._title), classes="dialog-title")
            yield OptionList(*(Option(self._line(place)) for place in range(len(self._choices))), id="choices")
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Back", id="leave", compact=True)
                yield Static(classes="spacer")
                if self._several:
                    yield Button("Use these", id="use", compact=True, classes="-primary")
        yield KeyBar()

    def _line(self, place: int) -> Content:
        identifier, name = self._choices[place]
        tick = ("[x] " if place in self._picked else "[ ] ") if self._several else ""
        return plain(f"{tick}{name}   {identifier}" if name != identifier else f"{tick}{name}")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one(OptionList).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only where several can be picked are there ticks."""
        return self._several if action == "tick" else super().check_action(action, parameters)

    def action_tick(self) -> None:
        """Pick the value at the cursor, or not."""
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self._picked ^= {place}
            self.query_one(OptionList).replace_option_prompt_at_index(place, self._line(place))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if self._several:
            self.action_tick()
        else:
            self.dismiss([self._choices[event.option_index][0]])

    @on(Button.Pressed, "#use")
    def action_use(self) -> None:
        """Hand over what is ticked, and nothing ticked is an empty list; or the one at the cursor."""
        at = self.query_one(OptionList).highlighted
        places = sorted(self._picked) if self._several else [] if at is None else [at]
        if places or self._several:
            self.dismiss([self._choices[place][0] for place in places])

    @on(Button.Pressed, "#leave")
    def leave(self) -> None:
        """Pick nothing."""
        self.dismiss(None)
