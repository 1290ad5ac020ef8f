"""What an operator waits for, from the first screen to the first question, each beside what bounds it: one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import races
from bench.bounds import MEGABYTE
from bench.races import Entrant
from bench.results import Results, peak, phase_of, seconds
from bench.stopwatch import BY_BOTH, BY_MEANING, BY_WORDS, KEYS, KEYS_LONGEST, KEYS_P95, OPENS

HEADINGS = ("what", "seconds", "spread", "against", "its seconds", "ratio", "spread of ratios", "peak MB", "source")


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the way: an entrant of a race, and the ``bound`` that it is measured against, in words."""

    what: str
    race: str
    entrant: Entrant
    reference: Entrant
    bound: str


LEGS = (
    Leg("first screen", races.FIRST_SCREEN, races.SCREEN, races.EMPTY_APP, "an app of Textual with one word"),
    Leg("first screen", races.FIRST_SCREEN, races.SCREEN, races.IMPORT_TEXTUAL, "`import textual`"),
    Leg("`inspect`", races.INSPECTED, races.INSPECTION, races.READ_FILE, "reading the file once"),
    Leg("preview", races.PREVIEWED, races.PREVIEW, races.PLAIN_READ, "one plain read of all rows, one lookup of keys"),
    Leg("preview", races.PREVIEWED, races.PREVIEW, races.HEADLESS, "the copy without the vector index"),
    Leg("copy", races.FRESH, races.HEADLESS, races.FLOOR, "`COPY` of ready-made files, all indexes"),
    Leg("copy without the vector index", races.PLAIN, races.HEADLESS, races.FLOOR, "the same without it"),
    Leg(
        "copy without the vector index",
        races.PLAIN,
        races.HEADLESS,
        races.FLOOR_FOREIGN_KEYS_LAST,
        "the same, foreign keys last",
    ),
    Leg("copy in the wizard", races.FRESH, races.WIZARD, races.HEADLESS, "the copy headless"),
    Leg("verify", races.VERIFY, races.VERIFICATION, races.HEADLESS, "the copy without the vector index"),
    Leg("copy again, all rows there", races.FRESH, races.AGAIN, races.HEADLESS, "the copy"),
    Leg(
        "re-embedding", races.REEMBEDDED, races.REEMBED_DROP_FIRST, races.REEMBED_SQL, "`UPDATE … FROM`, index by hand"
    ),
    Leg(
        "re-embedding, searching goes on",
        races.REEMBEDDED,
        races.REEMBED,
        races.REEMBED_SQL_KEEP,
        "the same, old index kept",
    ),
)
"""In the order of the wizard."""

LIMITS = (
    (races.MENDED, races.WORKBENCH, OPENS, "the workbench opens", "0.5"),
    (races.MENDED, races.WORKBENCH, KEYS, "a key in the workbench, 19 of 20", "0.1"),
    (races.PRESSED, races.PRESSES, KEYS_P95, "a key during a copy, 19 of 20", "0.11"),
    (races.PRESSED, races.PRESSES, KEYS_LONGEST, "a key during a copy, the longest", "–"),
    (races.PRESSED_APART, races.PRESSES_APART, KEYS_P95, "the same, server apart, 19 of 20", "0.05"),
    (races.PRESSED_APART, races.PRESSES_APART, KEYS_LONGEST, "the same, server apart, the longest", "0.15"),
    (races.SEARCHED, races.SEARCH, BY_WORDS, f"a question {BY_WORDS}, 19 of 20", "0.1"),
    (races.SEARCHED, races.SEARCH, BY_MEANING, f"a question {BY_MEANING}, 19 of 20", "0.15"),
    (races.SEARCHED, races.SEARCH, BY_BOTH, f"a question {BY_BOTH}, 19 of 20", "–"),
)
"""What is measured against a number of seconds: race, entrant, phase, in words, and that number."""


def journey(results: Results) -> Iterator[Sequence[str]]:
    """The rows of the table; a part that was not measured has none."""
    for leg in LEGS:
        took = results.values(leg.race, leg.entrant.name, seconds)
        ratios = results.ratios(leg.race, leg.entrant.name, leg.reference.name)
        if took and ratios:
            memory = max(results.values(leg.race, leg.entrant.name, peak)) / MEGABYTE
            yield (
                leg.what,
                f"{results.median(leg.race, leg.entrant.name, seconds):.2f}",
                _spread(took),
                leg.bound,
                f"{results.median(leg.race, leg.reference.name, seconds):.2f}",
                f"{results.ratio(leg.race, leg.entrant.name, leg.reference.name):.2f}×",
                _spread(ratios),
                f"{memory:,.0f}",
                results.recipe(leg.race),
            )
    yield from _limited(results)


def _limited(results: Results) -> Iterator[Sequence[str]]:
    for race, entrant, phase, what, most in LIMITS:
        took = results.values(race, entrant.name, phase_of(phase))
        if took:
            median = results.median(race, entrant.name, phase_of(phase)) or 0.0
            memory = max(results.values(race, entrant.name, peak)) / MEGABYTE
            limit = ("a limit", most, "–", "–")
            yield (what, f"{median:.3f}", _spread(took, 3), *limit, f"{memory:,.0f}", results.recipe(race))


def _spread(values: Sequence[float], digits: int = 2) -> str:
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}"
