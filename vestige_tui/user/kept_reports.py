"""The reports of earlier runs that are kept in the user's state folder, newest first.

A list is made from the names of files alone; what a report says at its beginning is read when it is asked for, and the
whole of it when it is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vestige_tui.user.settings import receipts_folder, reports_folder

if TYPE_CHECKING:
    from vestige_tui.core.reading_reports import ReadReport
    from vestige_tui.core.verify.receipt import Receipt

_NAME = re.compile(r"(?P<moment>\d{8}T\d{6}Z)-(?P<kind>[a-z-]+)-[0-9a-f]{4}\.json")
_HEAD = 16_384
"""Bytes of a report that are read for its headline."""


class RunKind(StrEnum):
    """What a run was."""

    COPY = "copy"
    PREVIEW = "preview"
    VERIFICATION = "verification"
    RECEIPT_CHECK = "receipt check"
    REEMBEDDING = "re-embedding"
    REEMBEDDING_PREVIEW = "re-embedding preview"
    MENDING = "mending"
    UNKNOWN = "unknown"


_KINDS = {
    "copy": RunKind.COPY,
    "dry-run": RunKind.PREVIEW,
    "verify": RunKind.VERIFICATION,
    "verify-receipt": RunKind.RECEIPT_CHECK,
    "reembed": RunKind.REEMBEDDING,
    "only-missing": RunKind.REEMBEDDING,
    "rollback": RunKind.REEMBEDDING,
    "finish": RunKind.REEMBEDDING,
    "abandon": RunKind.REEMBEDDING,
    "reembed-dry-run": RunKind.REEMBEDDING_PREVIEW,
    "mend": RunKind.MENDING,
}
"""By the word in a file's name."""

_COUNTERS = ("_copied", "scheduling_rows", "problems")
"""Endings of the counters in the report of a copy."""

_OPENED = (RunKind.COPY, RunKind.PREVIEW, RunKind.VERIFICATION, RunKind.MENDING)


@dataclass(frozen=True, slots=True)
class Headline:
    """What a report says first. ``source`` and ``destination`` are None where the run had none; the latter is masked.

    ``counts`` are by name: of a copy its counters and ``problems``, of a verification the rows of all tables, of a
    mending its fields by state, of a re-embedding ``memories`` and ``rows_updated``.
    """

    outcome: str
    source: str | None
    destination: str | None
    counts: Mapping[str, int]
    verified: bool | None = None


@dataclass(frozen=True)
class KeptReport:
    """One kept report: its file, what the run was, and when it began, by the name of the file."""

    path: Path
    kind: RunKind
    started_at: datetime
    _receipts: Path

    @cached_property
    def headline(self) -> Headline | None:
        """What the report says first; None where the file is damaged or gone."""
        try:
            return _headline(_head(self.path))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None

    @property
    def opens(self) -> bool:
        """Whether ``open`` gives a report of this kind of run."""
        return self.kind in _OPENED

    @property
    def receipt_file(self) -> Path | None:
        """The receipt of the run, where one was kept."""
        file = self._receipts / self.path.name
        return file if file.is_file() else None

    def open(self) -> ReadReport:
        """The whole report, problems included. Raises ``UnreadableReport``."""
        from vestige_tui.core.reading_reports import read_report

        return read_report(self.path)

    def receipt(self) -> Receipt | None:
        """The receipt of the run; None where none was kept. Raises ``ReceiptError`` where it is damaged."""
        from vestige_tui.core.verify.receipt import load_receipt

        file = self.receipt_file
        return None if file is None else load_receipt(file)


def kept_reports() -> list[KeptReport]:
    """All kept reports, newest first. No file is opened; a folder that cannot be read counts as empty."""
    receipts = receipts_folder()
    found: list[KeptReport] = []
    with suppress(OSError), os.scandir(reports_folder()) as entries:
        found += (report for entry in entries if (report := _listed(entry, receipts)) is not None)
    return sorted(found, key=lambda report: (report.started_at, report.path.name), reverse=True)


def _listed(entry: os.DirEntry[str], receipts: Path) -> KeptReport | None:
    if not entry.name.endswith(".json"):
        return None
    name = _NAME.fullmatch(entry.name)
    if name is not None:
        with suppress(ValueError):
            moment = datetime.strptime(name["moment"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return KeptReport(Path(entry.path), _KINDS.get(name["kind"], RunKind.UNKNOWN), moment, receipts)
    try:
        changed = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
    except OSError:
        return None
    return KeptReport(Path(entry.path), RunKind.UNKNOWN, changed, receipts)


def _head(path: Path) -> dict[str, Any]:
    """The first members of a file's JSON. Raises ``OSError``, or ``ValueError`` where it is not whole."""
    with path.open("rb") as file:
        start = file.read(_HEAD)
        if len(start) == _HEAD:
            file.seek(-2, os.SEEK_END)
            if not file.read().rstrip().endswith(b"}"):
                raise ValueError
        else:
            return dict(json.loads(start))
    return _members(start.decode(errors="replace"))


def _members(text: str) -> dict[str, Any]:
    """The members of an object whose text may end anywhere, as far as they are complete."""
    found: dict[str, Any] = {}
    read = json.JSONDecoder().raw_decode
    place = text.index("{") + 1
    with suppress(ValueError, IndexError):
        while True:
            name, place = read(text, _token(text, place))
            value, place = read(text, _token(text, place))
            if place == len(text):  # a number may go on
                break
            found[name] = value
    return found


def _token(text: str, place: int) -> int:
    """Where the next name or value begins."""
    while text[place] in " \r\n\t,:":
        place += 1
    return place


def _headline(members: Mapping[str, Any]) -> Headline:
    made = _COUNTS[members["format"]]
    source, destination = members.get("source"), members.get("destination")
    where = destination["url"] if destination is not None else members.get("url")
    verified = members.get("verified")
    return Headline(
        str(members["outcome"]),
        None if source is None else str(source["path"]),
        None if where is None else str(where),
        made(members),
        None if verified is None else bool(verified),
    )


def _of_copy(members: Mapping[str, Any]) -> dict[str, int]:
    counts = {name: value for name, value in members.items() if name.endswith(_COUNTERS)}
    if "errors" in members:
        counts.setdefault("problems", len(members["errors"]))
    return counts


def _of_tables(members: Mapping[str, Any]) -> dict[str, int]:
    names = ("source", "left_out", "compared", "equal", "different", "missing", "extra")
    tables = members.get("tables", {}).values()
    return {name: sum(table[name] for table in tables) for name in names}


def _of_mending(members: Mapping[str, Any]) -> dict[str, int]:
    return dict(members["counts"])


def _of_reembedding(members: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(members[name]) for name in ("memories", "rows_updated") if name in members}


_COUNTS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, int]]] = {
    "vestige-tui/report/1": _of_copy,
    "vestige-tui/verification/1": _of_tables,
    "vestige-tui/mending/1": _of_mending,
    "vestige-tui/reembed/1": _of_reembedding,
    "vestige-tui/receipt-check/1": lambda _: {},
}
