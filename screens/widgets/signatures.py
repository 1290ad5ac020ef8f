"""Model signatures side by side, the fields that differ marked with a sign and a word."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.screens.model_question import Holder
from vestige_tui.screens.widgets.text import plain, shortened

_LABEL = 12
_NAME = 22  # columns in which the names of most models fit whole
_NARROWEST, _WIDEST = 12, 34
_MARK = "← differs"
_DIFFERS = "bold $warning"


class Signatures(Static):
    """A column each; the name of a model takes two lines, its publisher and itself."""

    def __init__(self, holders: Sequence[Holder], differing: frozenset[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._holders = holders
        self._differing = differing

    def render(self) -> Content:
        """The table, as wide as there is room; where that is little, the sign of a difference stands on the left."""
        room, number = self.size.width - _LABEL, max(1, len(self._holders))
        narrow = (room - len(_MARK)) // number < _NAME
        width = min(max(_NARROWEST, (room if narrow else room - len(_MARK)) // number), _WIDEST)
        publishers, names, dimensions, hashes = zip(
            *(_cells(holder.signature) for holder in self._holders), strict=True
        )
        titles = [plain(f"{holder.title:<{width}}", "$muted") for holder in self._holders]
        table = [Content("").join([Content(" " * _LABEL), *titles])]
        if any(publishers):
            table.append(self._line("model", "", publishers, width, narrow))
        table += [
            self._line("" if any(publishers) else "model", "name", names, width, narrow),
            self._line("dimension", "dimension", dimensions, width, narrow),
            self._line("hash", "hash", hashes, width, narrow),
        ]
        if narrow and self._differing:
            table.append(Content.styled("≠ differs", _DIFFERS))
        return Content("\n").join(table)

    def _line(self, label: str, field: str, cells: Sequence[str], width: int, narrow: bool) -> Content:
        differs = field in self._differing
        style = _DIFFERS if differs else "$foreground"
        return Content.assemble(
            ("≠ " if differs and narrow else "  ", _DIFFERS),
            plain(f"{label:<{_LABEL - 2}}", "$muted"),
            *(plain(f"{shortened(cell, width - 1):<{width}}", style) for cell in cells),
            (_MARK if differs and not narrow else "", _DIFFERS),
        )


def _cells(signature: ModelSignature | None) -> tuple[str, str, str, str]:
    """Publisher, name, dimension and hash."""
    if signature is None:
        return "", "(not recorded)", "–", "–"
    publisher, slash, name = signature.name.rpartition("/")
    digest = signature.hash if signature.hash == UNKNOWN_HASH else f"{signature.hash[:4]}…{signature.hash[-4:]}"
    return publisher + slash, name, f"{signature.dimension:,}", digest
