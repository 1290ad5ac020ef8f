"""Indexes and foreign keys that are missing, or will be."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vestige_tui.core.explain.tense import Tense
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.rows.tables import BY_NAME, ForeignKey

_K = TypeVar("_K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Parts that are missing for one reason: a headline, their names, what to do about them, and the SQL for that."""

    headline: str
    names: tuple[str, ...]
    remedy: str
    sql: tuple[str, ...] = ()


def shortfalls(parts: Iterable[MissingPart], tense: Tense) -> Iterator[Shortfall]:
    """What is missing, by kind and reason, in words."""
    for (kind, reason, code), alike in _grouped(parts, lambda part: (part.kind, part.reason, part.sqlstate)):
        cause, what_to_do = _MISSING[reason]
        yield Shortfall(
            f"{_state(alike, kind, tense)}: {cause}{f' (SQLSTATE {code})' if code else ''}.",
            tuple(f"{part.name} of {part.table}" for part in alike),
            what_to_do,
            (_FIND,) if reason is Reason.TABLES_IN_USE else tuple(filter(None, map(_statement, alike))),
        )


def what_is_missing(parts: Iterable[MissingPart], tense: Tense) -> str:
    """How many of each kind: ``2 indexes are missing and 1 foreign key is not enforced``."""
    by_kind = _grouped(parts, lambda part: part.kind)
    return " and ".join(_state(alike, kind, tense) for kind, alike in by_kind)


def _grouped(parts: Iterable[MissingPart], by: Callable[[MissingPart], _K]) -> Iterable[tuple[_K, list[MissingPart]]]:
    groups: dict[_K, list[MissingPart]] = {}
    for part in parts:
        groups.setdefault(by(part), []).append(part)
    return groups.items()


def _state(alike: Sequence[MissingPart], kind: PartKind, tense: Tense) -> str:
    singular, plural, state = _STATES[kind]
    one = len(alike) == 1
    verb = {Tense.FORETOLD: "will"}.get(tense, "is" if one else "are")
    return f"{len(alike):,} {singular if one else plural} {verb} {state[tense is Tense.FORETOLD]}"


def _statement(part: MissingPart) -> str:
    """What adds a foreign key, or has it checked."""
    alter = f"ALTER TABLE {part.table}"
    match part.reason:
        case Reason.ABSENT:
            found = (one for one in BY_NAME[part.table].foreign_keys if one.constraint(part.table) == part.name)
            return " ".join(f"{alter} ADD FOREIGN KEY {_definition(foreign_key)};" for foreign_key in found)
        case Reason.NOT_VALID:
            return f'{alter} VALIDATE CONSTRAINT "{part.name}";'
        case Reason.NOT_ENFORCED:
            return f'{alter} ALTER CONSTRAINT "{part.name}" ENFORCED;'
        case Reason.SWITCHED_OFF:
            tables = dict.fromkeys((part.table, *(one.table for one in BY_NAME[part.table].foreign_keys)))
            return " ".join(f"ALTER TABLE {table} ENABLE TRIGGER ALL;" for table in tables)
        case _:
            return ""


def _definition(foreign_key: ForeignKey) -> str:
    cascade = " ON DELETE CASCADE" if foreign_key.cascade else ""
    return f"({', '.join(foreign_key.columns)}) REFERENCES {foreign_key.table}{cascade}"


_STATES = {
    PartKind.INDEX: ("index", "indexes", ("missing", "be missing")),
    PartKind.FOREIGN_KEY: ("foreign key", "foreign keys", ("not enforced", "not be enforced")),
}
_IN_SQL = "Let the owner of the tables change that in SQL."
_AGAIN = "run the copy again: it adds what is missing, and copies no row twice."
_FIND = "SELECT pid, usename, state, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL;"
_MISSING = {
    Reason.NOT_OWNER: ("only the owner of the tables can change that", f"Connect as their owner, and {_AGAIN}"),
    Reason.TABLES_IN_USE: (
        "another session keeps the tables locked",
        f"End the transaction of that session, and {_AGAIN}",
    ),
    Reason.VALUE_TOO_LARGE: (
        "a value in the table is too large for an index",
        f"Shorten the longest values at the destination, and {_AGAIN}",
    ),
    Reason.OUT_OF_MEMORY: (
        "the server has too little memory to build it",
        f"Give the server more memory, and {_AGAIN}",
    ),
    Reason.ROWS_IN_THE_WAY: (
        "rows at the destination refer to rows that were deleted there",
        f"Delete those rows, or bring back what they refer to, and {_AGAIN}",
    ),
    Reason.REMOVED: ("another session removed it during the copy", f"Find out why, and {_AGAIN}"),
    Reason.ABSENT: (
        "the tables were there before without it, and a copy adds none to such tables",
        _IN_SQL,
    ),
    Reason.NOT_VALID: ("it was added as NOT VALID, and not by a copy", _IN_SQL),
    Reason.NOT_ENFORCED: ("it was set to NOT ENFORCED, and not by a copy", _IN_SQL),
    Reason.SWITCHED_OFF: (
        "the triggers that check it are disabled, and not by a copy",
        "Let a superuser enable them.",
    ),
    Reason.REFUSED_BY_SERVER: (
        "the server refuses it for a reason of its own",
        f"The server's log has its message. Correct the cause, such as an event trigger, and {_AGAIN}",
    ),
}
"""Why it is so, and what to do."""
