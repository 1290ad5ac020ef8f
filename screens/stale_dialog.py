"""Asks whether to copy a database that Vestige 4 has moved on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from vestige_tui.core.explain import STALE_MEANS, stale_source
from vestige_tui.core.text import count
from vestige_tui.screens.dialogs import ConfirmDialog

if TYPE_CHECKING:
    from vestige_tui.core.source.describe import SourceDescription

_YES = "Use it all the same"


class StaleDialog(ConfirmDialog):
    """Says what a copy would lack, and asks for confirmation."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "dismiss(True)", _YES)]

    def __init__(self, source: SourceDescription) -> None:
        said = stale_source(source.stale, source.modified) if source.stale is not None else ""
        memories = count(source.rows.get("knowledge_nodes", 0), "memory", "memories")
        super().__init__(
            "Use a stale database?",
            f"{said}\n\n{STALE_MEANS} Here that is {memories}.",
            yes=_YES,
            no="Choose another one",
        )
