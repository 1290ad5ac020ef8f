"""Carrying a race out: its entrants take turns, each on a fresh database, and what they leave behind is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from bench.availability import reason_to_leave_out
from bench.child import RunFailed, measure
from bench.files import write_copy_files
from bench.link import SlowLink
from bench.races import FLOOR, Entrant, Race
from bench.results import Absence, Results, Run
from bench.server import Database, Server
from bench.sources import Source, source_for
from bench.stopwatch import COPY
from bench.tasks import Task
from vestige_tui.core.rows.tables import TABLES


@dataclass(frozen=True, slots=True)
class Bench:
    """What all races share. ``cache`` keeps sources for the next time; ``folder`` is for this time alone.

    ``show`` prints a line of progress.
    """

    server: Server
    cache: Path
    folder: Path
    rounds: int
    batch_size: int
    max_connections: int
    results: Results
    show: Callable[[str], None]

    def hold(self, race: Race) -> None:
        """Hold a race and enter its results; who fails is out of it, and the others go on."""
        self.show(f"== {race.title}: {race.recipe}")
        running = [entrant for entrant in race.entrants if self._can_run(race, entrant)]
        if len(running) < min(2, len(race.entrants)):
            return  # nothing to compare with
        source = source_for(race.recipe, self.cache, self.show)
        files = self._copy_files(source) if FLOOR in running else self.folder
        self.results.races.append(race)
        self.results.totals[race.name] = source.total
        for number in range(race.rounds or self.rounds):
            turns = number % len(running) if running else 0
            for entrant in running[turns:] + running[:turns]:
                try:
                    self._turn(race, entrant, source, files, number)
                except (RunFailed, psycopg.Error) as failure:
                    self._leave_out(race, entrant, str(failure), failed=True)
                    running = [other for other in running if other is not entrant]

    def _turn(self, race: Race, entrant: Entrant, source: Source, files: Path, number: int) -> None:
        """One entrant's run on a fresh database, and the one that follows on the same."""
        with self.server.database() as database:
            task = Task(
                contender=entrant.contender,
                source=source.path,
                files=files,
                destination=database.dsn.parameters,
                hnsw=race.hnsw,
                batch_size=self.batch_size,
                max_connections=self.max_connections,
            )
            database.settle()
            first = run(race, entrant, number, task)
            if entrant.copy:
                check(database, source, entrant, hnsw=race.hnsw)
            self._enter(first)
            if entrant.then is not None:
                database.vacuum()
                database.settle()
                before = database.traces()
                again = run(race, entrant.then, number, replace(task, contender=entrant.then.contender))
                after = database.traces()
                self._enter(replace(again, rows_written=after.rows - before.rows, wal_written=after.wal - before.wal))

    def _enter(self, done: Run) -> None:
        self.results.runs.append(done)
        self.show(f"   round {done.round + 1}  {done.entrant:<22} {done.measured.seconds:9.2f} s")

    def _can_run(self, race: Race, entrant: Entrant) -> bool:
        reason = reason_to_leave_out(entrant.contender)
        if reason is not None:
            self._leave_out(race, entrant, reason)
        return reason is None

    def _leave_out(self, race: Race, entrant: Entrant, reason: str, *, failed: bool = False) -> None:
        self.results.absences.append(Absence(race.name, entrant.name, reason, failed))
        self.show(f"   {entrant.name} {'failed' if failed else 'is left out'}: {reason}")

    def _copy_files(self, source: Source) -> Path:
        """The ready-made files of a source, made anew for each run of the benchmark: the converters may change."""
        folder = self.folder / source.path.stem
        if not folder.exists():
            self.show("   preparing the floor's files")
            write_copy_files(source.path, folder)
        return folder


def run(race: Race, entrant: Entrant, number: int, task: Task) -> Run:
    """One measured run, over a slow link where the entrant has one. Raises ``RunFailed``."""
    if not entrant.delay:
        return Run(race.name, entrant.name, number, measure(task))
    with SlowLink(task.dsn, entrant.delay) as link:
        measured = measure(replace(task, destination=link.dsn.parameters))
        copying = measured.phase(COPY)
        trips = link.trips_between(copying.started, copying.started + copying.seconds) if copying else None
    return Run(race.name, entrant.name, number, measured, trips=trips)


def check(database: Database, source: Source, entrant: Entrant, *, hnsw: bool) -> None:
    """A figure counts only where the work was done: all rows there, and the vector index as it should be."""
    tables = [table.name for table in TABLES] if entrant.comparable else ["knowledge_nodes"]
    contents = database.contents(tables)
    differing = {name: count for name, count in contents.items() if count != source.rows.get(name, 0)}
    if differing:
        raise RunFailed(f"rows at the destination {differing}, in the source {source.rows}")
    if entrant.comparable and database.has_hnsw() is not hnsw:
        raise RunFailed(f"the vector index is {'missing' if hnsw else 'there'}")
