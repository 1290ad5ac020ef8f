"""The bounds, beside what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from bench.races import (
    AGAIN,
    FIRST_SCREEN,
    FLOOR,
    FLOOR_FOREIGN_KEYS_LAST,
    FRESH,
    HEADLESS,
    INSPECTED,
    LARGE,
    MENDED,
    PLAIN,
    PRESSED,
    PRESSED_APART,
    PRESSES,
    PRESSES_APART,
    PREVIEW,
    PREVIEWED,
    REEMBED,
    REEMBED_DROP_FIRST,
    REEMBED_SQL,
    REEMBED_SQL_KEEP,
    REEMBEDDED,
    SEARCH,
    SEARCHED,
    SLOW,
    SLOW_LINK,
    SPECIFICATION,
    SPECIFICATION_LIBPQ,
    SPECIFIED,
    SPECIFIED_PLAIN,
    VERIFICATION,
    VERIFY,
    WIZARD,
    WORKBENCH,
    Entrant,
)
from bench.results import Results, Run, peak, phase_of, seconds
from bench.stopwatch import ANSWERS, BY_BOTH, BY_MEANING, BY_WORDS, KEYS, KEYS_HELD, KEYS_LONGEST, KEYS_P95, OPENS

MEGABYTE = 10**6

_SIZES = {
    FIRST_SCREEN: 10_000,
    INSPECTED: 300_000,
    LARGE: 1_000_000,
    SPECIFIED: 10_000,
    SPECIFIED_PLAIN: 10_000,
    REEMBEDDED: 10_000,
    MENDED: 10_000,
}
_OURS = (HEADLESS.name, REEMBED.name)
"""How the names of this tool's entrants begin."""

_USUAL_SIZE = 100_000
_DIMENSION = 256


class Verdict(StrEnum):
    """Whether a bound holds."""

    HELD = "held"
    BROKEN = "NOT HELD"
    OPEN = "not judged"
    """It was measured, but not on what the bound is for."""

    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Bound:
    """One line: what was compared, the figure, what it was measured on, and the bound."""

    what: str
    bound: str
    verdict: Verdict = Verdict.UNKNOWN
    figure: str = ""
    size: str = ""


def bounds(results: Results) -> list[Bound]:
    """All of them, in the order in which they are shown."""
    return [
        _against_floor(results),
        _against_floor_plain(results),
        _against_fair_floor(results),
        _against_specification(results),
        _preview(results),
        _again(results),
        _wizard(results),
        _keys(results),
        _keys_apart(results),
        _memory(results),
        _flat_memory(results),
        _flat_time(results),
        _slow_link(results),
        _verification(results),
        _verification_memory(results),
        _reembedding(results),
        _search(results),
        _workbench(results),
        Bound("the copier's promises (kill, restart, equality)", "hold with any number of connections: see tests/"),
    ]


def _against_floor(results: Results) -> Bound:
    line = Bound("fresh destination, against the floor", "at most 0.95×, stretch 0.9×")
    return _at_most(results, line, 0.95, results.ratio(FRESH, HEADLESS.name, FLOOR.name), (FRESH,))


def _against_floor_plain(results: Results) -> Bound:
    line = Bound("the same without HNSW on either side", "at most 0.75×")
    return _at_most(results, line, 0.75, results.ratio(PLAIN, HEADLESS.name, FLOOR.name), (PLAIN,))


def _against_fair_floor(results: Results) -> Bound:
    """A floor that enforces foreign keys after the rows, as the tool does."""
    line = Bound("the same, against the floor with foreign keys last", "at most 1.0×, stretch 0.9×")
    return _at_most(results, line, 1.0, results.ratio(PLAIN, HEADLESS.name, FLOOR_FOREIGN_KEYS_LAST.name), (PLAIN,))


def _against_specification(results: Results) -> Bound:
    """Figures that are only ever quoted together: of the form with psycopg, and of the one without."""
    line = Bound("faster than the specification's algorithm", "at least 10×, and 7× through libpq itself")
    races = (SPECIFIED, SPECIFIED_PLAIN)
    written, plain = (results.ratio(race, SPECIFICATION.name, HEADLESS.name) for race in races)
    bare, bare_plain = (results.ratio(race, SPECIFICATION_LIBPQ.name, HEADLESS.name) for race in races)
    if written is None or plain is None or bare is None or bare_plain is None:
        return line
    figure = (
        f"{written:.1f}× as written, {plain:.1f}× with HNSW on neither side; through libpq itself {bare:.1f}× and "
        f"{bare_plain:.1f}×"
    )
    return _judged(results, line, figure, races, held=min(written, plain) >= 10 and min(bare, bare_plain) >= 7)


def _again(results: Results) -> Bound:
    line = Bound("run again with everything present", "at least 250,000 rows/s, nothing written")
    took = results.median(FRESH, AGAIN.name, seconds)
    if took is None:
        return line
    rate = results.totals[FRESH] / took
    runs = results.of(FRESH, AGAIN.name)
    written = max(run.rows_written or 0 for run in runs)
    log = max(run.wal_written or 0 for run in runs) / MEGABYTE
    figure = f"{rate:,.0f} rows/s, {written:,} rows written (the log grew by {log:.1f} MB)"
    return _judged(results, line, figure, (FRESH,), held=rate >= 250_000 and written == 0)


def _preview(results: Results) -> Bound:
    line = Bound("a preview, against the copy without HNSW", "at most 0.6×")
    return _at_most(results, line, 0.6, results.ratio(PREVIEWED, PREVIEW.name, HEADLESS.name), (PREVIEWED,))


def _wizard(results: Results) -> Bound:
    line = Bound("under the wizard, against headless", "at most 1.05×")
    return _at_most(results, line, 1.05, results.ratio(FRESH, WIZARD.name, HEADLESS.name), (FRESH,))


def _keys(results: Results) -> Bound:
    """With the embedded server, which shares the processors."""
    line = Bound("a key during a copy, nineteen of twenty, server on the same processors", "at most 110 ms")
    return _pressed(results, line, PRESSED, PRESSES, most=0.11)


def _keys_apart(results: Results) -> Bound:
    """With a server that does not share the processors."""
    line = Bound("the same, server on a processor of its own", "at most 50 ms, none of 1,000 over 150 ms")
    return _pressed(results, line, PRESSED_APART, PRESSES_APART, most=0.05, limit=0.15)


def _pressed(
    results: Results, line: Bound, race: str, entrant: Entrant, *, most: float, limit: float = math.inf
) -> Bound:
    """Seconds: ``most`` for nineteen of twenty keys, ``limit`` for any."""
    took = results.median(race, entrant.name, phase_of(KEYS_P95))
    if took is None:
        return line
    longest = max(results.values(race, entrant.name, phase_of(KEYS_LONGEST)))
    pressed = sum(run.measured.batches for run in results.of(race, entrant.name))
    figure = f"{took * 1000:.0f} ms, the longest of {pressed:,} {longest * 1000:.0f} ms"
    return _judged(results, line, figure, (race,), held=took <= most and longest <= limit)


def _memory(results: Results) -> Bound:
    """Of every run of this tool, whatever it did."""
    line = Bound("client memory, whatever the tool does", "at most 200 MB")
    ours = [run for run in results.runs if run.entrant.startswith(_OURS)]
    if not ours:
        return line
    most = max(ours, key=peak)
    figure = f"{peak(most) / MEGABYTE:,.0f} MB ({most.entrant}, {most.race})"
    return _judged(results, line, figure, (most.race,), held=peak(most) <= 200 * MEGABYTE)


def _flat_memory(results: Results) -> Bound:
    """Without ``--full``, the usual source stands in for the large one, and nothing is judged."""
    line = Bound("client memory, very many memories against few", "at most 1.2×, and 200 MB")
    small = results.median(SPECIFIED_PLAIN, HEADLESS.name, peak)
    for race in (LARGE, PLAIN):
        large = results.median(race, HEADLESS.name, peak)
        if small is not None and large is not None:
            figure = f"{large / small:.2f}×, {large / MEGABYTE:,.0f} MB"
            held = large <= 1.2 * small and large <= 200 * MEGABYTE if race == LARGE else None
            return _judged(results, line, figure, (race, SPECIFIED_PLAIN), held=held)
    return line


def _flat_time(results: Results) -> Bound:
    line = Bound("time a memory, very many memories against the usual number, without HNSW", "at most 1.3×")
    large, usual = (results.median(race, HEADLESS.name, seconds) for race in (LARGE, PLAIN))
    if large is None or usual is None:
        return line
    memories = {race.name: race.recipe.memories for race in results.races}
    ratio = (large / memories[LARGE]) / (usual / memories[PLAIN])
    return _at_most(results, line, 1.3, ratio, (LARGE, PLAIN))


def _slow_link(results: Results) -> Bound:
    line = Bound("slow link, against direct", "at most 1.5×, with few round trips a batch")
    ratio = results.ratio(SLOW_LINK, SLOW.name, HEADLESS.name)
    trips = results.median(SLOW_LINK, SLOW.name, trips_a_batch)
    if ratio is None or trips is None:
        return line
    figure = f"{ratio:.2f}×, {trips:.1f} round trips a batch"
    return _judged(results, line, figure, (SLOW_LINK,), held=ratio <= 1.5)


def _verification(results: Results) -> Bound:
    line = Bound("every value compared, against the copy without HNSW", "at most 0.5×, stretch 0.35×, nothing written")
    ratio = results.ratio(VERIFY, VERIFICATION.name, HEADLESS.name)
    if ratio is None:
        return line
    written = max(run.rows_written or 0 for run in results.of(VERIFY, VERIFICATION.name))
    return _judged(
        results, line, f"{ratio:.2f}×, {written:,} rows written", (VERIFY,), held=ratio <= 0.5 and not written
    )


def _verification_memory(results: Results) -> Bound:
    """Without ``--full``, the usual source stands in for the large one, and nothing is judged."""
    line = Bound("client memory of a verification, very many memories", "at most 200 MB, and 1.2× the usual number")
    usual = results.median(VERIFY, VERIFICATION.name, peak)
    large = results.median(LARGE, VERIFICATION.name, peak)
    if usual is None:
        return line
    if large is None:
        return _judged(results, line, f"{usual / MEGABYTE:,.0f} MB", (VERIFY,), held=None)
    held = large <= 200 * MEGABYTE and large <= 1.2 * usual
    return _judged(results, line, f"{large / MEGABYTE:,.0f} MB, {large / usual:.2f}×", (LARGE, VERIFY), held=held)


def _reembedding(results: Results) -> Bound:
    """Judged where both do the same with the old index: keeping it costs an entry for each row that moves."""
    line = Bound("re-embedding, against UPDATE … FROM and the index by hand", "at most 1.5×, and 200 MB")
    kept = results.ratio(REEMBEDDED, REEMBED.name, REEMBED_SQL_KEEP.name)
    dropped = results.ratio(REEMBEDDED, REEMBED_DROP_FIRST.name, REEMBED_SQL.name)
    crossed = results.ratio(REEMBEDDED, REEMBED.name, REEMBED_SQL.name)
    memory = results.median(REEMBEDDED, REEMBED.name, peak)
    if kept is None or dropped is None or crossed is None or memory is None:
        return line
    figure = (
        f"{kept:.2f}× where both keep the old index until the end, {dropped:.2f}× where both drop it first, "
        f"{memory / MEGABYTE:,.0f} MB ({crossed:.2f}× where only the tool keeps it, so that searching goes on)"
    )
    held = max(kept, dropped) <= 1.5 and memory <= 200 * MEGABYTE
    return _judged(results, line, figure, (REEMBEDDED,), held=held)


def _search(results: Results) -> Bound:
    line = Bound("a question to the store, nineteen of twenty", "under 100 ms by words, 150 ms by meaning")
    took = [results.median(SEARCHED, SEARCH.name, phase_of(name)) for name in (BY_WORDS, BY_MEANING, BY_BOTH)]
    words, meaning, both = took
    if words is None or meaning is None or both is None:
        return line
    written = max(run.rows_written or 0 for run in results.of(SEARCHED, SEARCH.name))
    figure = (
        f"{words * 1000:.0f} ms by words, {meaning * 1000:.0f} ms by meaning, {both * 1000:.0f} ms by both, "
        f"{written:,} rows written"
    )
    return _judged(results, line, figure, (SEARCHED,), held=words < 0.1 and meaning < 0.15 and not written)


def _workbench(results: Results) -> Bound:
    line = Bound("the workbench with ten thousand problems", "opens in 0.5 s, nineteen of twenty keys in 100 ms")
    took = [results.median(MENDED, WORKBENCH.name, phase_of(name)) for name in (OPENS, KEYS, KEYS_HELD, ANSWERS)]
    opens, keys, held_down, question = took
    if opens is None or keys is None or held_down is None or question is None:
        return line
    figure = (
        f"{opens:.2f} s, {keys * 1000:.0f} ms and {held_down * 1000:.0f} ms of a key that is held down, "
        f"{question:.2f} s until all of a kind of half of them are asked about"
    )
    return _judged(results, line, figure, (MENDED,), held=opens < 0.5 and max(keys, held_down) < 0.1)


def trips_a_batch(run: Run) -> float:
    """Round trips of the copy itself, by batch."""
    return (run.trips or 0) / max(1, run.measured.batches)


def _at_most(results: Results, line: Bound, most: float, ratio: float | None, on: tuple[str, ...]) -> Bound:
    return line if ratio is None else _judged(results, line, f"{ratio:.2f}×", on, held=ratio <= most)


def _judged(results: Results, line: Bound, figure: str, on: tuple[str, ...], *, held: bool | None) -> Bound:
    """The line with its figure, judged only where all these races had the sizes that the bound is for."""
    recipes = {race.name: race.recipe for race in results.races}
    meant = all(
        recipes[race].memories == _SIZES.get(race, _USUAL_SIZE) and recipes[race].dimension == _DIMENSION for race in on
    )
    verdict = Verdict.OPEN if held is None or not meant else Verdict.HELD if held else Verdict.BROKEN
    size = " and ".join(str(recipes[race]) for race in on)
    return Bound(line.what, line.bound, verdict, figure, size)
