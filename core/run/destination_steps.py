"""The steps of a run that deal with the destination before anything is written: connect, inspect, agree on the model,
and stop where source and destination do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import psycopg
from psycopg import sql

from vestige_tui.core import notices
from vestige_tui.core.destination import checks
from vestige_tui.core.destination.indexes import takes_dimension
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.server_errors import explain_connecting, explained
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.explain import unknown_hash
from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.repairs.errors import Flaw, RepairProblem, RepairsError
from vestige_tui.core.report import DestinationReport
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.rows.vectors import VectorGroup, for_model
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.model_check import agree, expected
from vestige_tui.core.source.describe import SourceDescription


class Agreement(NamedTuple):
    """What source and destination agree on: the ``model`` (None: none is named) and what becomes of the ``vectors``.

    ``refusal`` is what stops a copy but not a dry run, which reads all the same and ends with it.
    """

    destination: Destination
    model: ModelSignature | None
    vectors: tuple[VectorGroup, ...]
    refusal: RefusedError | None

    @property
    def dimension(self) -> int | None:
        """The elements that every vector must have, None where any number will do."""
        return self.model.dimension if self.model else self.destination.dimension


@contextmanager
def connected(sessions: Sessions) -> Iterator[Session]:
    """The first session at the destination, while the block runs. psycopg's errors become ``DestinationError``."""
    dsn = sessions.dsn
    with ExitStack() as stack, explained(dsn):
        try:
            session = stack.enter_context(sessions.open())
        except psycopg.Error as error:
            raise explain_connecting(error, dsn) from None
        yield session


def look(session: Session, rows: Mapping[str, int], report: DestinationReport, announcer: Announcer) -> Destination:
    """Inspect a destination in order to read it; ``rows`` are those of the source by table. ``report`` gets what it is.

    Raises ``RefusedError`` where it cannot be used at all.
    """
    with session.watchdog.step():
        destination = checks.without_unneeded(inspect(session.connection), rows)
    report.server_version = destination.server.version
    report.pgvector_version = destination.pgvector_version or None
    checks.require(checks.server_refusals(destination, to_read=True))
    if secured := [name for name, found in destination.tables.items() if found.secured]:
        announcer.notice(notices.hidden_rows(secured))
    return destination


def agree_with_destination(run: Run, source: SourceDescription, control: Session) -> Agreement:
    """Inspect the destination and agree with it; nothing is written. Raises ``RefusedError`` where they do not fit."""
    with control.watchdog.step():
        destination = checks.without_unneeded(inspect(control.connection), source.rows)
        run.recorder.destination_inspected(destination)
        checks.require(checks.server_refusals(destination))
        model = agree(source, run.presented, destination.registered)
        vectors = for_model(source.vectors, expected(model, destination.dimension))
        run.recorder.model_agreed(model, vectors)
        checks.require(checks.table_refusals(control.connection, destination, model))
        _check_references(control, destination, source)
        for name, differences in destination.set_aside.items():
            run.recorder.notice(notices.set_aside(name, differences))
        if rules := checks.own_rules(destination):
            run.recorder.notice(notices.own_rules(rules))
        refusal = next(checks.privilege_refusals(destination, model), None)
    if refusal is not None and not run.plan.dry_run:
        raise refusal
    return Agreement(destination, model, vectors, refusal)


def _check_references(control: Session, destination: Destination, source: SourceDescription) -> None:
    """Refuse repairs that refer to what neither the source nor the destination has. Raises ``RepairsError``."""
    problems = []
    for repair, column, parent, key in source.elsewhere:
        query = sql.SQL("SELECT FROM {} WHERE {} = {}").format(
            sql.Identifier(destination.schema, parent),
            sql.Identifier(BY_NAME[parent].key[0]),
            sql.Literal(key),
        )
        if parent not in destination.tables or not control.connection.execute(query).rowcount:
            message = f"{column} refers to a {BY_NAME[parent].noun} that does not exist"
            problems.append(RepairProblem(Flaw.NO_SUCH_REFERENCE, message, repair.table, repair.row, column))
    if problems:
        raise RepairsError(problems)


def check_destination(run: Run, source: SourceDescription) -> None:
    """Find out, before the source is changed for a copy, what would stop that copy at the destination."""
    with connected(run.sessions) as control:
        destination = agree_with_destination(run, source, control).destination
        with locked(run.sessions, control, destination):
            pass


def note_findings(run: Run, source: SourceDescription, agreement: Agreement) -> None:
    """Say what the operator should know beforehand: shared names, and what is unusual about model and vectors."""
    destination, model, *_ = agreement
    for shared in source.shared_names if run.only is None else ():
        run.recorder.notice(notices.shared_name(shared.table, shared.column, shared.kept_as, shared.rows))
    if model is None:
        if source.dimension:
            run.recorder.notice(notices.UNNAMED_MODEL)
        return
    if model.hash == UNKNOWN_HASH:
        run.recorder.notice(unknown_hash(model, registered=destination.registered is not None))
    if not takes_dimension(model.dimension, destination.pgvector_version):
        run.recorder.notice(notices.no_vector_index(model.dimension, destination.pgvector_version))
