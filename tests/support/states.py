"""States of the wizard for tests, made without any server."""

from __future__ import annotations

from pathlib import Path

from tests.support.sources import signature
from vestige_tui.core.destination.inspection import Destination, Privileges, Server
from vestige_tui.core.destination.probe import Probe
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import DestinationReport, MigrationReport, Outcome, SourceReport
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.state import ModelAgreement, Target, UpgradeChoice, WizardState


def probed(
    *,
    registered: ModelSignature | None = None,
    rows: dict[str, int | None] | None = None,
    refusals: tuple[RefusedError, ...] = (),
    pgvector: str = "0.8.5",
    tls: str | None = "TLSv1.3",
) -> Probe:
    """What a test of an ordinary server finds."""
    return Probe(
        Destination(
            Server("18.4", 18_00_04, "UTF8", database="vestige", user="memory", tls=tls, local=False),
            Privileges(create=True, temporary=True, extension=True),
            schema="public",
            pgvector_version=pgvector,
            vector_schema="public" if pgvector else None,
            tables={},
            registry=None,
            registered=registered,
            dimension=None,
            pooled=False,
            limited=False,
            populated=frozenset(),
        ),
        rows or {},
        refusals,
    )


def target(
    host: str = "db.example", *, registered: ModelSignature | None = None, password: str = "", embedded: bool = False
) -> Target:
    """An ordinary destination."""
    parameters = {"host": host, "port": "5432", "dbname": "vestige", "user": "memory"}
    dsn = Dsn(parameters | ({"password": password} if password else {}))
    return Target(dsn, probed(registered=registered), embedded=embedded)


def report(state: WizardState, outcome: Outcome = Outcome.CLEAN, *, dry_run: bool = False) -> MigrationReport:
    """The report of a run that did nothing."""
    plan = state.plan(dry_run=dry_run)
    return MigrationReport(
        plan, SourceReport(str(plan.sqlite_path)), DestinationReport(plan.postgres_url.masked), outcome=outcome
    )


def settled_state(source: Path) -> WizardState:
    """Every answer given, everything found out."""
    description = describe(source)
    state = WizardState(source=description, target=target(registered=description.model))
    state = state.with_upgrade(UpgradeChoice.IN_PLACE).with_model(ModelAgreement(signature(8), None))
    state = state.with_preview(report(state, dry_run=True))
    return state.with_report(report(state))
