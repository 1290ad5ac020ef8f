"""The keys that a screen has now, for its help and for the menu."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from vestige_tui.screens.dialogs import HelpDialog

if TYPE_CHECKING:
    from textual.binding import Binding

_OURS = "vestige_tui."


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """An action that has a name: its keys as they are written, and what carries it out."""

    keys: str
    word: str
    action: str
    node: DOMNode
    general: bool
    """It belongs to the screen or the program, and not to one of its fields and lists."""


def named_keys(screen: Screen[Any]) -> Iterator[NamedKeys]:
    """What can be done now: by the screen and the program first, then in each list and field of our own."""
    found: dict[tuple[bool, DOMNode, str], list[Binding]] = {}
    for active in screen.active_bindings.values():
        node, binding = active.node, active.binding
        general = not isinstance(node, Widget) or isinstance(node, Screen)
        if binding.description and (general or binding.action in _own_actions(node)):
            found.setdefault((general, node, binding.action), []).append(binding)
    for widget in screen.focus_chain:
        own = _own_actions(widget) if widget is not screen.focused else ()
        for binding in (one for bindings in widget._bindings.key_to_bindings.values() for one in bindings):
            if binding.description and binding.action in own and widget.check_action(binding.action, ()):
                found.setdefault((False, widget, binding.action), []).append(binding)
    app, said = screen.app, set()
    for (general, node, action), bindings in sorted(found.items(), key=lambda item: not item[0][0]):
        keys = " ".join(dict.fromkeys(app.get_key_display(binding) for binding in bindings))
        if (keys, bindings[0].description) not in said:
            said.add((keys, bindings[0].description))
            yield NamedKeys(keys, bindings[0].description, action, node, general)


def _own_actions(node: DOMNode) -> frozenset[str]:
    """What our own classes give a widget keys for. What Textual's fields have, such as Ctrl-A, is known anyway."""
    ours = [kind for kind in type(node).__mro__ if kind.__module__.startswith(_OURS)]
    declared = (binding for kind in ours for binding in vars(kind).get("BINDINGS", ()))
    return frozenset(binding.action for binding in declared)


def show_help(screen: Screen[Any], title: str, text: str) -> None:
    """Show the help of a screen, and the keys that it has now, in the dialog that the application keeps."""
    dialog = screen.app.get_screen(HelpDialog.NAME, HelpDialog)
    dialog.explain(title, text.strip(), [(each.keys, each.word) for each in named_keys(screen)])
    screen.app.push_screen(dialog)
