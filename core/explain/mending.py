"""Fields that were to be set in rows at the destination: what became of them, and why not."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.explain.tense import Tense
from vestige_tui.core.mending import MendedField, MendRefusal, MendState
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.text import count

_REFUSED = {
    MendRefusal.MISSING_REFERENCE: "the row that the new value refers to is not at the destination",
    MendRefusal.ALREADY_TAKEN: "another row there has the new value, which must be unique",
    MendRefusal.VALUE_NOT_ALLOWED: "the destination does not allow the new value",
    MendRefusal.MISSING_VALUE: "the destination requires a value",
    MendRefusal.REFUSED_BY_SERVER: "PostgreSQL refused the change",
    MendRefusal.REWRITTEN: "a trigger or a rule there changes the new value",
    MendRefusal.IGNORED: "a trigger, a rule or a policy there keeps the row as it is",
    MendRefusal.DATE: "a trigger there would change updated_at, and only the owner of the table can keep it from that",
    MendRefusal.PRIVILEGE: "the role may not change it (GRANT UPDATE)",
    MendRefusal.IN_USE: "other sessions keep the row locked",
    MendRefusal.KEY: "it is a part of the key, which is never changed",
    MendRefusal.NOT_IN_SOURCE: "the source has no such row",
    MendRefusal.STILL_DIFFERENT: "compared again, it still has another value",
}
_OTHERS = {
    MendState.CHANGED: "it has changed there meanwhile, and is not overwritten",
    MendState.MISSING: "the row is not at the destination",
}


def why_not_mended(field: MendedField) -> str:
    """Why a field does not have the wanted value, as a clause; empty where it has it."""
    if field.refusal is None:
        return _OTHERS.get(field.state, "")
    code = f" (SQLSTATE {field.sqlstate})" if field.refusal is MendRefusal.REFUSED_BY_SERVER and field.sqlstate else ""
    return f"{_REFUSED[field.refusal]}{code}"


def mended_words(rows: Mapping[str, int], tense: Tense) -> str:
    """How many rows that were there before have a field that was mended, by table; empty where none has.

    Such as: 5 memories and 1 user, which were there before, were mended.
    """
    parts = [count(number, BY_NAME[name].noun, BY_NAME[name].plural) for name, number in rows.items() if number]
    if not parts:
        return ""
    *first, last = parts
    listed = f"{', '.join(first)} and {last}" if first else last
    one = sum(rows.values()) == 1
    verb = "will be" if tense is Tense.FORETOLD else "was" if one else "were"
    return f"{listed} already there {verb} mended"
