"""The writing part of a run: rows over several connections, indexes beside them, and foreign keys last of all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from vestige_tui.core.destination.build_observer import BuildObserver
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.events import Phase
from vestige_tui.core.missing import MissingPart
from vestige_tui.core.run.index_builder import IndexBuilder
from vestige_tui.core.run.table_pass import Transfer, stages
from vestige_tui.core.run.writers import Writers


class Loaded(NamedTuple):
    """The indexes and foreign keys that are missing after all, and how many rows were found by their keys alone."""

    missing: tuple[MissingPart, ...]
    found_by_key: int


def load(transfer: Transfer, sessions: Sessions, opened: Sequence[Session], destination: Destination) -> Loaded:
    """Copy every table, build the missing indexes, and enforce the foreign keys that are pending.

    The first of the ``opened`` sessions builds the indexes of tables that are complete while the others write the last
    tables.
    """
    progress = transfer.progress
    control, *others = opened
    *first, last = stages()
    found = 0
    with Writers(opened, destination, progress) as writers:
        for tables in (*first, *(() if others else (last,))):
            found += transfer.run(tables, writers, writers)
    builder = IndexBuilder(control, destination, progress, sessions.waits)
    observer = BuildObserver(others, sessions)
    filling = {table.name for table in last} if others else set()
    with builder.in_background(filling) as full, closing(observer):
        if others:
            with Writers(others, destination, progress) as writers:
                found += transfer.run(last, writers, writers)
        progress.begin(Phase.INDEXES)
        full.set()
        builder.watch(observer)
    return Loaded(builder.missing(), found)
