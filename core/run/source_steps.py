"""The steps of a run that deal with the source: open it, look whether it is stale, upgrade it where that is allowed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vestige_tui.core import notices
from vestige_tui.core.errors import StaleSourceError, UpgradeNeededError
from vestige_tui.core.events import Phase
from vestige_tui.core.explain import STALE_MEANS, stale_source
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.model_check import check_presented
from vestige_tui.core.source.describe import SourceDescription, describe_open, with_repairs
from vestige_tui.core.source.opening import Reading, keeps_from_writing, open_source
from vestige_tui.core.source.overview import file_usage
from vestige_tui.core.source.scratch import private_folder
from vestige_tui.core.source.upgrade import check_changeable, upgrade_in_place, upgraded_copy

CheckBeforehand = Callable[[SourceDescription], None]
"""Finds out what would stop a copy, before its source is changed for it."""


@contextmanager
def readable_source(run: Run, check_beforehand: CheckBeforehand) -> Iterator[tuple[Reading, SourceDescription]]:
    """The source, opened and described; an old one, as far as that is allowed, after its upgrade.

    One read transaction lasts as long as the block. Raises ``SourceError`` or ``RefusedError``.
    """
    path = run.plan.sqlite_path
    with open_source(path) as reading:
        source = _describe(run, reading)
        check_stale(source, run.recorder, allowed=run.plan.allow_stale_source)
        if source.has_v15:
            note_waiting_writer(path, reading, run.recorder)
            check_presented(source, run.presented)
            yield reading, _repaired(run, reading, source)
            return
    with _upgraded(run, source, check_beforehand) as upgraded, open_source(upgraded, copy_of=path) as reading:
        source = _describe(run, reading)
        note_waiting_writer(path, reading, run.recorder)
        check_presented(source, run.presented)
        yield reading, _repaired(run, reading, source)


def _describe(run: Run, reading: sqlite3.Connection) -> SourceDescription:
    source = describe_open(reading, run.plan.sqlite_path)
    run.recorder.source_described(source)
    return source


def _repaired(run: Run, reading: sqlite3.Connection, source: SourceDescription) -> SourceDescription:
    """The source with the operator's repairs laid over it. Raises ``RepairsError`` where one does not fit."""
    source = with_repairs(reading, source, run.plan.repairs)
    run.recorder.repairs_laid(source)
    return source


def check_stale(source: SourceDescription, announcer: Announcer, *, allowed: bool) -> None:
    """Refuse a file that Vestige 4 has moved on from; where it is allowed, say so."""
    if source.stale is None:
        return
    said = stale_source(source.stale, source.modified)
    if not allowed:
        raise StaleSourceError(f"{source.path} is stale. {said} {STALE_MEANS}", source.stale)
    announcer.notice(notices.stale_source_allowed(said))


def note_waiting_writer(path: Path, reading: sqlite3.Connection, announcer: Announcer) -> None:
    """Say so where a program has the source open that cannot write to it while this run reads."""
    if not keeps_from_writing(reading, path):
        return
    used = file_usage(path)
    if used.process is not None or (used.side_files and not used.certain):
        announcer.notice(notices.writer_waits(used.process))


@contextmanager
def _upgraded(run: Run, source: SourceDescription, check_beforehand: CheckBeforehand) -> Iterator[Path]:
    """The file to read: the upgraded source, or an upgraded private copy of it. Refuses where neither is allowed."""
    plan = run.plan
    if plan.allow_source_upgrade:
        check_changeable(plan.sqlite_path)
    if plan.upgrade_copy or (plan.allow_source_upgrade and plan.dry_run):
        run.progress.begin(Phase.UPGRADE)
        with private_folder() as folder:
            yield upgraded_copy(plan.sqlite_path, folder)
    elif plan.allow_source_upgrade:
        run.progress.begin(Phase.UPGRADE)
        check_presented(source, run.presented)
        check_beforehand(source)
        _check_repairs(plan)
        run.progress.backup = backup = upgrade_in_place(plan.sqlite_path)
        run.recorder.notice(notices.source_upgraded(backup))
        yield plan.sqlite_path
    else:
        raise UpgradeNeededError(
            f"{source.path} is a database from before V15: it lacks {', '.join(source.missing_v15)}.",
            remedy="Run again with --upgrade-copy to upgrade a private copy and leave this file untouched, "
            "or with --allow-source-upgrade to upgrade this file itself.",
        )


def _check_repairs(plan: CopyPlan) -> None:
    """See that the repairs fit, on a private copy: a source is not upgraded for a copy that they would stop."""
    if not plan.repairs:
        return
    with (
        private_folder() as folder,
        open_source(upgraded_copy(plan.sqlite_path, folder), copy_of=plan.sqlite_path) as c,
    ):
        with_repairs(c, describe_open(c, plan.sqlite_path), plan.repairs)
