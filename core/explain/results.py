"""What a copy brought, what comparing every value found, and why that was not done."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.facts import NotVerified
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.text import count

_NOT_VERIFIED = {
    NotVerified.NOT_ASKED: "no value was compared with the source, as --no-verify asks",
    NotVerified.CANCELLED: "the comparison with the source was stopped before its end",
    NotVerified.FAILED: "the comparison with the source did not reach its end",
}


def not_verified(reason: NotVerified, failure: str | None = None) -> str:
    """Why the values of a copy are not verified, and what verifies them; ``failure`` ended the comparison."""
    return f"{why_not_verified(reason, failure)}. The copy is finished; vestige-tui verify compares it."


def why_not_verified(reason: NotVerified, failure: str | None = None) -> str:
    """Why the values of a copy are not verified, without a full stop; ``failure`` ended the comparison."""
    why = f" ({failure.rstrip('.')})" if failure else ""
    return f"{_NOT_VERIFIED[reason]}{why}"


def memories_there(there: int, source: int, *, equal: bool) -> str:
    """How many of the source's memories are at the destination; ``equal``: so is every value of every table."""
    if not source:
        memories = "The source holds no memories"
        return f"{memories}; every other value was compared and is equal." if equal else f"{memories}."
    verb = "is" if source == 1 else "are"
    compared = ", every value compared and equal" if equal else ""
    return f"{there:,} of {count(source, 'memory', 'memories')} {verb} at the destination{compared}."


def need_you(memories: int) -> str:
    """How many memories were not copied and wait for the operator."""
    return f"{memories:,} {'was not copied and needs' if memories == 1 else 'were not copied and need'} you."


def arrived_different(rows: int) -> str:
    """How many rows that the copy wrote have other values now."""
    return (
        f"{count(rows, 'row')} arrived with other values: a trigger, a rule or another program changes "
        f"{'it' if rows == 1 else 'them'} there."
    )


def already_different(rows: Mapping[str, int]) -> str:
    """How many rows that were there before have other values, by the title of their table."""
    whole = sum(rows.values())
    tables = ", ".join(f"{title} {number:,}" for title, number in rows.items())
    return f"Already there, different: {count(whole, 'row')} ({tables}). A copy never overwrites what is there."


def by_operator(repaired: Mapping[str, int], left_out: Mapping[str, int]) -> str:
    """What an operator's repairs were, from rows by table; empty where there are none."""
    parts = []
    for counts, done in ((repaired, "repaired"), (left_out, "left out knowingly")):
        tables = [(BY_NAME[name], number) for name, number in counts.items()]
        if tables:
            parts.append(f"{', '.join(count(rows, table.noun, table.plural) for table, rows in tables)} {done}")
    return "; ".join(parts)
