"""Radio buttons and check boxes that show a sign: ``(●)``, ``( )``, ``[x]``, ``[ ]``; and a drop-down list."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Checkbox, RadioButton, RadioSet, Select

_T = TypeVar("_T")


class Choice(RadioButton):
    """One radio button."""

    def render(self) -> Content:
        """The sign and the label."""
        return _with_sign(self, "(●)" if self.value else "( )")


class Choices(RadioSet):
    """Radio buttons; the arrow keys choose the next one at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right", "take(1)", "Choose", key_display="↑↓"),
        Binding("up,left", "take(-1)", "Choose", show=False),
    ]

    def __init__(self, *choices: Choice, id: str | None = None) -> None:
        super().__init__(*choices, id=id, compact=True)

    def action_take(self, step: int) -> None:
        """Choose the next button, or the previous one."""
        if step > 0:
            self.action_next_button()
        else:
            self.action_previous_button()
        if self._selected is not None and not (button := self.query(Choice)[self._selected]).value:
            button.value = True

    @property
    def taken(self) -> str | None:
        """The id of the chosen button."""
        return self.pressed_button.id if self.pressed_button is not None else None


class Tick(Checkbox):
    """A check box."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "toggle_button", "Tick", key_display="space")]

    def render(self) -> Content:
        """The sign and the label."""
        return _with_sign(self, "[x]" if self.value else "[ ]")


class Dropdown(Select[_T]):
    """One of several values, listed when it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down,space,up", "show_overlay", "Open list", key_display="⏎"),
    ]


def _with_sign(button: Choice | Tick, sign: str) -> Content:
    return Content.assemble(
        (sign, button.get_visual_style("toggle--button")),
        button.label.pad(1, 1).stylize_before(button.get_visual_style("toggle--label")),
    )
