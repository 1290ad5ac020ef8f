"""One row in the workbench: what is wrong, the broken value with the place of its error, and what was answered."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from vestige_tui.core.explain import fate_in_full, remedy, tense_of
from vestige_tui.core.repairs.broken_json import JsonError
from vestige_tui.core.repairs.document import Repair, as_json
from vestige_tui.core.rows.problems import EXPLANATIONS
from vestige_tui.core.source.broken_rows import BrokenRow
from vestige_tui.screens.cases import Case, Cases, Status, waiting_words
from vestige_tui.screens.offers import json_place
from vestige_tui.screens.widgets.text import lines, plain

_LINES = 6
"""Lines of a value that are shown, around its error."""

_LONGEST = 600
"""Characters of a value that are shown."""


def row_text(cases: Cases, case: Case, row: BrokenRow | None, width: int, *, dry: bool) -> Content:
    """All that is known of a row. ``row`` is None while it is read, or where the source does not have it."""
    return Content("\n").join(_parts(cases, case, row, max(30, width), dry=dry))


def _parts(cases: Cases, case: Case, row: BrokenRow | None, width: int, *, dry: bool) -> Iterator[Content]:
    error, status = case.error, cases.status(case)
    yield Content.assemble(
        (f"{status.sign} ", "bold"), plain(f"{cases.outcome(case)}", "bold"), plain(f"   {error.message}.")
    )
    if waiting := waiting_words(case):
        yield plain(f"{waiting[:1].upper()}{waiting[1:]}.")
    yield from _why(cases, case, status, dry=dry)
    if row is not None and error.field is not None:
        yield Content("")
        yield from _value(case, row, width)
    if (repair := cases.repair_of(case)) is not None:
        yield Content("")
        yield from _answer(repair, width)


def _why(cases: Cases, case: Case, status: Status, *, dry: bool) -> Iterator[Content]:
    if (refusal := cases.refusal_of(case)) is not None:
        yield plain(f"Your answer does not fit: {refusal.message}. Take it back (d), or answer anew.", "$text-error")
    elif status is Status.OPEN and case.of_one_row and not case.earlier:
        still = cases.still(case) if cases.repair_of(case) is not None else None
        if still is not None:
            yield plain(f"Your answer is not enough: {still.message}.", "$text-error")
        yield plain(fate_in_full(case.error, tense_of(dry=dry)), "$muted")
    elif not case.of_one_row:
        yield plain(EXPLANATIONS[case.error.kind].meaning)
        yield plain(remedy(case.error, tense_of(dry=dry)))


def _value(case: Case, row: BrokenRow, width: int) -> Iterator[Content]:
    error = case.error
    yield plain(f"{error.field} in the source", "bold $accent")
    text = row.text
    if text is None:
        yield plain(_untextual(row), "$muted")
    elif not text:
        yield plain("(empty)", "$muted")
    else:
        yield from _with_place(text, json_place(case, row), width)


def _untextual(row: BrokenRow) -> str:
    if row.value is None:
        return "(nothing)"
    return f"{len(row.value):,} bytes" if isinstance(row.value, bytes) else str(row.value)


def _with_place(text: str, place: JsonError | None, width: int) -> Iterator[Content]:
    """The lines around the place of an error, with a mark under it; without one, the start."""
    if place is None:
        cut = text[:_LONGEST]
        shown = cut.split("\n")[:_LINES]
        more = len(text) - len("\n".join(shown))
        yield lines("\n".join(shown))
        if more > 0:
            yield plain(f"… {more:,} characters more", "$muted")
        return
    every = text.split("\n")
    at = min(place.line, len(every)) - 1
    first = max(0, at - _LINES // 2)
    if first:
        yield plain(f"… {first:,} lines before", "$muted")
    for number, line in enumerate(every[first : at + 1], start=first):
        column = place.column - 1 if number == at else 0
        start = max(0, column - width * 2 // 3) if column >= width - 2 else 0
        yield plain(("…" if start else "") + line[start : start + width - 2])
        if number == at:
            said = f"▲ line {place.line:,}, column {place.column:,}: {place.expected}"
            offset = min(column - start + bool(start), max(0, width - len(said)))
            mark = " " * (column - start + bool(start)) + "▲"
            yield plain(" " * offset + said if offset == column - start + bool(start) else mark, "bold $text-error")
            if offset != column - start + bool(start):
                yield plain(said[2:], "$text-error")
    if at + 1 < len(every):
        yield plain(f"… {len(every) - at - 1:,} lines after", "$muted")


def _answer(repair: Repair, width: int) -> Iterator[Content]:
    yield plain("your answer", "bold $accent")
    if repair.leave_out is not None:
        yield plain(f"left out: {repair.leave_out}")
    for name, value in repair.values.items():
        said = as_json(value) if not isinstance(value, str) else value
        said = said if len(said) <= _LONGEST else said[:_LONGEST] + "…"
        yield lines(f"{name}  {said}")
