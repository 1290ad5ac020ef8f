"""The file of repairs, format ``vestige-tui/repairs/1``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

from vestige_tui.core.files import replacing
from vestige_tui.core.repairs.errors import Flaw, RepairProblem, RepairsError
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID

FORMAT = "vestige-tui/repairs/1"

_OF_UPGRADE = (("owner_user_id", BOOTSTRAP_USER_ID), ("visibility", "private"), ("shared_with_groups", "[]"))

_KEYS = frozenset({"table", "row", "set", "leave_out", "fingerprint"})


@dataclass(frozen=True, slots=True)
class Repair:
    """What becomes of one row.

    ``row`` is the label that the report gives it. ``values`` are those that the destination shall have, by column: JSON
    as Python has it, numbers with a point or an exponent as ``Decimal``. ``leave_out`` is the reason why the row is not
    to be copied (None: it is). ``fingerprint`` is that of the source's row when the repair was made (None: any row with
    this label is meant). What was typed is in no ``repr``, which may end in a log.
    """

    table: str
    row: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    leave_out: str | None = field(default=None, repr=False)
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Repairs:
    """The repairs of one source, in the order of their file."""

    entries: tuple[Repair, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def of(self, table: str) -> list[Repair]:
        """The repairs of one table."""
        return [repair for repair in self.entries if repair.table == table]


NO_REPAIRS = Repairs()


def read_repairs(path: Path) -> Repairs:
    """Read a file of repairs. Raises ``RepairsError`` where it is none, or says something twice."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise RepairsError([RepairProblem(Flaw.FILE, f"{path} cannot be read: {error.strerror}")]) from None
    except _NoRepairs as error:
        raise RepairsError([RepairProblem(Flaw.FILE, f"{path} is no file of repairs: {error}")]) from None


def write_repairs(path: Path, repairs: Repairs) -> None:
    """Write a file of repairs, readable by its owner alone, whole or not at all. Raises ``OSError``."""
    with replacing(path) as partial:
        partial.write_bytes(as_file(repairs))


def parse(content: bytes) -> Repairs:
    """The repairs in a file's content. Raises ``RepairsError``, or an error of its own where it is no such file."""
    try:
        document = exact_json(content.decode(), parse_constant=_refuse, object_pairs_hook=_without_repeats)
    except ValueError as error:
        position = f", line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _NoRepairs(f"it is not JSON{position}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _NoRepairs(f'its "format" is not "{FORMAT}"')
    listed = document.get("repairs")
    if not isinstance(listed, list) or set(document) != {"format", "repairs"}:
        raise _NoRepairs('it has something else than "format" and a list of "repairs"')
    return Repairs(tuple(_entry(number, entry) for number, entry in enumerate(listed, start=1)))


def as_file(repairs: Repairs) -> bytes:
    """The content of a file, one line for each repair."""
    lines = ",\n".join(f"  {as_json(_as_dict(repair))}" for repair in repairs.entries)
    return f'{{"format": "{FORMAT}", "repairs": [\n{lines}\n]}}\n'.encode()


def exact_json(text: str, **options: Any) -> Any:
    """The value of a JSON document, numbers with a point or an exponent as ``Decimal``; ``options`` of ``json.loads``.

    Raises ``ValueError``, also where it is nested too deep or has an exponent that no ``Decimal`` can have.
    """
    try:
        return json.loads(text, parse_float=Decimal, **options)
    except (RecursionError, InvalidOperation):
        raise ValueError from None


def as_json(value: Any) -> str:
    """A value as JSON in ASCII, however deep it is nested; a ``Decimal`` keeps its digits."""
    written: list[str] = []
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        item, is_written = waiting.pop()
        if is_written:
            written.append(item)
        elif isinstance(item, dict | list | tuple):
            waiting.extend(reversed(_parts(item)))
        else:
            written.append(str(item) if isinstance(item, Decimal) else json.dumps(item, allow_nan=False))
    return "".join(written)


def _parts(value: dict[str, Any] | Sequence[Any]) -> list[tuple[Any, bool]]:
    """An object or a list in pieces, each with whether it is JSON already."""
    is_object = isinstance(value, dict)
    parts: list[tuple[Any, bool]] = [("{" if is_object else "[", True)]
    for place, name in enumerate(value):
        item, named = (value[name], f"{json.dumps(name)}: ") if isinstance(value, dict) else (name, "")
        parts += [((", " if place else "") + named, True), (item, False)]
    return [*parts, ("}" if is_object else "]", True)]


def fingerprint(values: Iterable[tuple[str, Any]]) -> str:
    """What tells whether a row of the source has changed, from its values as SQLite gives them, with their columns.

    TEXT that is not UTF-8 is an instance of a subclass of ``bytes``. Columns without a value do not count, nor what the
    upgrade to V15 adds: the file may be read before it or after it.
    """
    digest = hashlib.sha256()
    counting = {name: value for name, value in values if value is not None and (name, value) not in _OF_UPGRADE}
    for name, value in sorted(counting.items()):
        part = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        part = part if isinstance(part, bytes) else repr(part).encode()
        kind = "blob" if type(value) is bytes else "text" if isinstance(value, str | bytes) else type(value).__name__
        digest.update(f"{name} {kind} {len(part)} ".encode() + part)
    return digest.hexdigest()


class _NoRepairs(Exception):
    """The content of a file is no repairs at all."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NoRepairs("an object in it has a key twice")
    return found


def _entry(number: int, entry: Any) -> Repair:
    where = f"repair {number}"
    if not isinstance(entry, dict) or not set(entry) <= _KEYS:
        raise _NoRepairs(f'{where} has something else than "table", "row", "set", "leave_out" and "fingerprint"')
    table, row, values, reason = (entry.get(name) for name in ("table", "row", "set", "leave_out"))
    mark = entry.get("fingerprint")
    if not isinstance(table, str) or not isinstance(row, str) or not isinstance(mark, str | None):
        raise _NoRepairs(f'{where} has no "table" or no "row" of text')
    if (values is None) == (reason is None):
        raise _NoRepairs(f'{where} needs one of "set" and "leave_out"')
    if not isinstance(reason, str | None) or not isinstance(values, dict | None) or values == {}:
        raise _NoRepairs(f'{where} needs fields in "set", or a reason of text in "leave_out"')
    return Repair(table, row, values or {}, reason, mark)


def _as_dict(repair: Repair) -> dict[str, Any]:
    found: dict[str, Any] = {"table": repair.table, "row": repair.row}
    if repair.leave_out is None:
        found["set"] = dict(repair.values)
    else:
        found["leave_out"] = repair.leave_out
    return found if repair.fingerprint is None else found | {"fingerprint": repair.fingerprint}
