"""The receipt of a copy: what was at the destination at its end, so that it can be checked later without the source.

``docs/receipt.md`` describes the format. A receipt holds no content, no id and no password.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vestige_tui.core.errors import UsageError
from vestige_tui.core.report import MigrationReport, SourceReport, TableReport, stale_as_dict
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.source.file_hash import SourceHash
from vestige_tui.core.verify.digests import PART_DIGITS, Part, TableDigest, Taken

FORMAT = "vestige-tui/receipt/1"
LARGEST_FILE = 50_000_000
"""Bytes; a receipt has a thousandth of that."""

_FOUND_BY_VERIFICATION = frozenset({Kind.DIFFERS_AT_DESTINATION, Kind.GONE_AT_DESTINATION})
_SEALED = re.compile(rb'(?P<body>.*\n) "sha256": "(?P<digest>[0-9a-f]{64})"\n}\n', re.DOTALL)
_PAGE = re.compile(rb"(?P<body>.*\n)<!-- SHA-256 of the lines above: (?P<digest>[0-9a-f]{64}) -->\n", re.DOTALL)
_IN_PAGE = re.compile(rb".*\n```json\n(?P<json>.*\n)```\n", re.DOTALL)


class ReceiptError(UsageError):
    """A file is not a receipt, or not as it was written."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt. ``document`` are its JSON values; the others are what a check needs of them.

    ``tables`` have digests of parts that are cut to ``PART_DIGITS``. ``xid`` is that of ``Taken``.
    """

    document: Mapping[str, Any]
    tables: Mapping[str, TableDigest]
    ended_at: datetime
    xid: int

    def to_json(self) -> str:
        """The receipt as a file: ASCII, with the SHA-256 of all lines above it in the last line but one."""
        body = json.dumps(self.document, indent=1).removesuffix("\n}") + ",\n"
        return f'{body} "sha256": "{_sha256(body)}"\n}}\n'

    def to_page(self) -> str:
        """The receipt as Markdown, to read and to keep; it holds the JSON, and ends with the SHA-256 of its lines."""
        from vestige_tui.core.verify.receipt_page import page

        body = f"{page(self.document)}\n```json\n{self.to_json()}```\n"
        return f"{body}<!-- SHA-256 of the lines above: {_sha256(body)} -->\n"

    def for_file(self, path: Path) -> bytes:
        """What a file of this name holds: a page where the name ends in ``.md``, else JSON."""
        return (self.to_page() if path.suffix.lower() == ".md" else self.to_json()).encode()


def receipt_of(
    report: MigrationReport,
    schema: str,
    taken: Taken,
    before: SourceHash | None,
    after: SourceHash | None,
) -> Receipt:
    """The receipt of a copy that has ended; ``before`` and ``after`` are the source's files, None where not known."""
    ended_at = report.started_at + timedelta(milliseconds=report.duration_ms)
    return Receipt(
        {
            "format": FORMAT,
            "tool": f"vestige-tui {version('vestige-tui')}",
            "of": "copy",
            "outcome": report.outcome.value,
            "verified": report.verified,
            "started_at": _moment(report.started_at),
            "ended_at": _moment(ended_at),
            "source": _source(report.source, before, after) | _upgrade(report),
            "destination": asdict(report.destination) | {"schema": schema, "xid": str(taken.xid)},
            "tables": {
                name: _table(counts, taken.tables.get(name), _different(report.errors, name, verified=report.verified))
                for name, counts in report.tables.items()
            },
            "repaired": _by_kind(error for error in report.errors if error.copied),
            "left_out": _by_kind(error for error in report.errors if not error.copied),
            "left_behind": dict(report.left_behind),
            "vectors": [
                {name: value for name, value in asdict(group).items() if name != "named"} for group in report.vectors
            ],
            "incomplete": [asdict(part) for part in report.incomplete],
        },
        {name: _cut(digest) for name, digest in taken.tables.items()},
        ended_at,
        taken.xid,
    )


def _source(source: SourceReport, before: SourceHash | None, after: SourceHash | None) -> dict[str, Any]:
    """What the source was. ``unchanged`` is None where a hash is missing."""
    return {
        "path": source.path,
        "layout": source.layout,
        "version": source.version,
        "model": asdict(source.model) if source.model else None,
        "stale": stale_as_dict(source.stale) if source.stale else None,
        "before": asdict(before) if before else None,
        "after": asdict(after) if after else None,
        "unchanged": before == after if before and after else None,
    }


def _upgrade(report: MigrationReport) -> dict[str, str]:
    """How an old file was permitted to be upgraded; nothing where it was not."""
    if report.plan.upgrade_copy:
        return {"upgrade": "private copy"}
    return {"upgrade": "in place"} if report.plan.allow_source_upgrade else {}


def _table(counts: TableReport, taken: TableDigest | None, different: Mapping[str, int | None]) -> dict[str, Any]:
    """The counts of a table, and the digest of all its rows at the destination."""
    names = ("source", "inserted", "already_present", "already_equal", "already_different")
    entry = {name: getattr(counts, name) for name in names} | {"left_out": counts.failed, **different}
    if taken is None:
        return entry | {"at_destination": None, "digest": None, "parts": {}}
    return entry | {
        "at_destination": taken.rows,
        "digest": taken.digest,
        "parts": {name: f"{part.rows} {part.digest}" for name, part in _cut(taken).parts.items()},
    }


def _cut(digest: TableDigest) -> TableDigest:
    parts = {name: Part(part.rows, part.digest[:PART_DIGITS]) for name, part in digest.parts.items()}
    return TableDigest(digest.rows, digest.digest, parts)


def _different(errors: Iterable[RowError], table: str, *, verified: bool) -> dict[str, int | None]:
    """Rows that this copy inserted and that the comparison found changed or gone; None where nothing was compared."""
    rows = {kind: {error.row for error in errors if (error.table, error.kind) == (table, kind)} for kind in Kind}
    return {
        "changed": len(rows[Kind.DIFFERS_AT_DESTINATION]) if verified else None,
        "gone": len(rows[Kind.GONE_AT_DESTINATION]) if verified else None,
    }


def _by_kind(errors: Iterable[RowError]) -> dict[str, dict[str, int]]:
    """Problems by table and kind; what only the comparison found is counted with the tables."""
    counts: dict[str, Counter[str]] = {}
    for error in errors:
        if error.kind not in _FOUND_BY_VERIFICATION:
            counts.setdefault(error.table, Counter())[error.kind.value] += 1
    return {table: dict(kinds) for table, kinds in counts.items()}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load_receipt(path: Path) -> Receipt:
    """Read a receipt from a file. Raises ``ReceiptError`` where it is none, cannot be read, or has another byte."""
    try:
        with path.open("rb") as file:
            return read_receipt(file.read(LARGEST_FILE), str(path))
    except OSError as error:
        raise ReceiptError(
            f"The receipt {path} cannot be read: {error.strerror or error}.",
            remedy="Check the path and the permissions of the file.",
        ) from None


def read_receipt(data: bytes, name: str) -> Receipt:
    """A receipt from the bytes of a file in either form. Raises ``ReceiptError`` where one byte is not as written."""
    if FORMAT.rpartition("/")[0].encode() not in data:
        raise ReceiptError(
            f"{name} is not a receipt of vestige-tui.",
            remedy="Name the file of a receipt: JSON, or a page that ends in .md.",
        )
    if page := _PAGE.fullmatch(data):
        _check_digest(page, name)
        inside = _IN_PAGE.fullmatch(page["body"])
        data = inside["json"] if inside else b""
    sealed = _SEALED.fullmatch(data)
    if sealed is None:
        raise _changed(name)
    _check_digest(sealed, name)
    try:
        return _parse(json.loads(sealed["body"].removesuffix(b",\n") + b"\n}"), name)
    except (ValueError, KeyError, TypeError, AttributeError):  # the digest fits, so it was made by hand
        raise _changed(name) from None


def _check_digest(found: re.Match[bytes], name: str) -> None:
    if hashlib.sha256(found["body"]).hexdigest().encode() != found["digest"]:
        raise _changed(name)


def _changed(name: str) -> ReceiptError:
    return ReceiptError(
        f"The receipt {name} is not as it was written: its own digest does not fit.",
        remedy="Look for another copy of it. Mail programs and editors may change line ends and blanks.",
    )


def _parse(document: dict[str, Any], name: str) -> Receipt:
    if document["format"] != FORMAT:
        raise ReceiptError(
            f"The receipt {name} has a format that this version does not know.",
            remedy=f"Check it with the version that made it, or a newer one: {document['tool']}.",
        )
    tables = {}
    for table, entry in document["tables"].items():
        if entry["digest"] is not None:
            split = {part: text.split() for part, text in entry["parts"].items()}
            parts = {part: Part(int(rows), digest) for part, (rows, digest) in split.items()}
            tables[str(table)] = TableDigest(entry["at_destination"], entry["digest"], parts)
    ended_at = datetime.fromisoformat(document["ended_at"])
    return Receipt(document, tables, ended_at, int(document["destination"]["xid"]))
