"""The later steps at chosen moments: states, reports and progress that are always the same; a wizard that stands still."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.support.states import target
from tests.support.wizard import NOW, WizardAt
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.events import IndexProgress, Phase, Waiting
from vestige_tui.core.handover.address import url_of
from vestige_tui.core.handover.making import Handover, Note, Remark
from vestige_tui.core.handover.settings import VestigeSettings
from vestige_tui.core.left_behind import MEANINGS
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.protocol import Place
from vestige_tui.core.reembed.events import ReembedPhase
from vestige_tui.core.reembed.examples import WordedExample
from vestige_tui.core.reembed.profiles import EmbedderChoice
from vestige_tui.core.reembed.report import Action, NeighbourComparison, ReembedOutcome, ReembedReport
from vestige_tui.core.repairs.document import Repair, Repairs
from vestige_tui.core.report import DestinationReport, Estimate, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.tables import TABLES
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.secret import Secret
from vestige_tui.core.source.describe import Layout, SourceDescription
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import (
    Comparison,
    Difference,
    DifferenceKind,
    TableComparison,
    VerificationOutcome,
)
from vestige_tui.screens.embed_run import EMBEDDING, INDEX, STORING, EmbedProgress, Part
from vestige_tui.screens.embedding import Embedding
from vestige_tui.screens.progress import Compared, Pace, Progress
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.work import WorkRequested

HOME = Path("/home/operator")
MODEL = ModelSignature("nomic-ai/nomic-embed-text-v1.5", 256, "ab12" + "0" * 56 + "90ef")
OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1_024, "77c0" + "0" * 56 + "1d22")
ROWS = {
    "users": 4,
    "groups": 2,
    "group_memberships": 4,
    "knowledge_nodes": 2_000,
    "scheduling": 1_998,
    "edges": 816,
    "review_events": 4_102,
    "domains": 5,
}


class StillWizard(WizardAt):
    """A wizard that opens at a step and carries no work out."""

    def on_work_requested(self, event: WorkRequested) -> None:
        """Called instead of the application's own handler, which would start it."""
        event.prevent_default()


async def settle(pilot: Pilot[None]) -> None:
    """Stop whatever blinks, and wait until nothing is left to be drawn."""
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
        field._cursor_visible = True
    for area in pilot.app.screen.query(TextArea):
        area.cursor_blink = False
        area._cursor_visible = True
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


def vectors(*, named: bool = True) -> tuple[VectorGroup, ...]:
    """Those of the source."""
    table = "node_embeddings" if named else "knowledge_nodes"
    return (VectorGroup(table, None, MODEL.name if named else None, 256, 1_950, Fate.COPIED),)


def source(*, old: bool = False, named: bool = True) -> SourceDescription:
    """A file at V15, or an ``old`` one; one that is not ``named`` does not say which model made its vectors."""
    return SourceDescription(
        path=HOME / ".vestige/vestige.db",
        size=18_400_000,
        modified=NOW,
        layout=Layout.PUBLISHED if old else Layout.SEED,
        user_version=0 if old else 15,
        schema_version=13 if old else None,
        missing_v15=(
            *(f"knowledge_nodes.{name}" for name in ("owner_user_id", "visibility", "shared_with_groups", "codebase")),
            "users",
            "groups",
            "group_memberships",
        )
        if old
        else (),
        rows=ROWS,
        registered=MODEL if named else None,
        profile=None,
        vectors=vectors(named=named),
        left_behind={"intentions": 14, "insights": 3},
        journal_mode="wal",
        sources={},
    )


def state(
    *, old: bool = False, named: bool = True, presented: ModelSignature | None = None,
    registered: ModelSignature | None = None,
) -> WizardState:  # fmt: skip
    """Source and destination chosen."""
    return WizardState(source=source(old=old, named=named), target=target(registered=registered), presented=presented)


def embedded_dsn(home: Path = HOME) -> Dsn:
    """The embedded server of a user."""
    folder = str(home / ".local/share/vestige-tui/postgres")
    return Dsn({"host": folder, "port": "5432", "user": "postgres", "dbname": "vestige"})


def handover(dsn: Dsn, model: str | None, home: Path) -> Handover:
    """What is handed over where nothing is asked: two notes of a server whose URL is longer than a line."""
    if "/" in dsn.parameters["host"]:
        return Handover(VestigeSettings(url_of(dsn.parameters), model))
    files = {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/certs/company-root.crt"}
    notes = (
        Note(Remark.PASSWORD, ("db.example:5432:vestige:memory",)),
        Note(Remark.FILES, ("/etc/ssl/certs/company-root.crt",)),
    )
    return Handover(VestigeSettings(url_of({**dsn.parameters, **files}), model), None, notes)


SERVED = Place("https://api.example.com/v1", leaves_machine=True)


def embedding(*, only_missing: bool = False) -> Embedding:
    """An embedder that was tried out: a provider's for all memories, or for those without a vector."""
    signature = MODEL if only_missing else OTHER
    choice = EmbedderChoice(signature.name, url="https://api.example.com/v1", key=Secret("sk-1"))
    return Embedding(choice, signature, SERVED, rate=62.5, memories=32 if only_missing else 2_000,
                     only_missing=only_missing)  # fmt: skip


def embed_progress() -> EmbedProgress:
    """Everything is stored, the index is built, and neighbours have been compared."""
    parts = {
        EMBEDDING: Part(2_000, 2_000, 61.8),
        STORING: Part(2_000, 2_000, 5_310.0),
        INDEX: Part(1, 1),
    }
    example = WordedExample(
        "Decision for lantern-ui: the dark theme moves\x1b[2J to tokens.",
        ("Bug in lantern-ui: [/bold] contrast fails in the dark theme.", "Zoë owns the roll-out of the dark theme."),
        ("Zoë owns the roll-out of the dark theme.", "Design tokens for harbor: colours, spaces, and the names of all "
         "shades that a theme may use"),
    )  # fmt: skip
    neighbours = NeighbourComparison(200, 10, 2_000, 1_340)
    return EmbedProgress(ReembedPhase.COMPARE, parts, neighbours=neighbours, examples=(example,) * 3)


def embedded(outcome: ReembedOutcome = ReembedOutcome.CLEAN) -> ReembedReport:
    """All memories were embedded anew, or 1,280 of them before it was cancelled."""
    done = outcome is ReembedOutcome.CLEAN
    made = ReembedReport(Action.REEMBED, "postgresql://memory@db.example:5432/vestige", target=OTHER, outcome=outcome)
    made.embedded = made.rows_updated = 2_000
    if not done:
        made.embedded, made.rows_updated = 1_280, 0
    made.disk_held = 21_300_000 if done else None
    return made


def _id(number: int) -> str:
    return f"{number * 0x1F3D5B79:08x}-0000-4000-8000-{number * 0x2468ACE13579:012x}"


def errors() -> list[RowError]:
    """Nine rows with problems, of many kinds."""
    repaired: list[tuple[str, Kind, str]] = [
        ("metadata", Kind.MALFORMED_JSON, "metadata is not valid JSON"),
        ("metadata", Kind.MALFORMED_JSON, "metadata is not valid JSON"),
        ("shared_with_groups", Kind.BAD_UUID, "shared_with_groups holds something that is not a UUID"),
        ("embedding", Kind.WRONG_DIMENSION, "embedding has 384 dimensions where the model makes 256"),
        ("metadata", Kind.MALFORMED_JSON, "metadata is not valid JSON"),
    ]
    memories = "knowledge_nodes"
    return [
        RowError(memories, "note-7", "id", Kind.BAD_UUID, "id is not a UUID: 'note-7'", copied=False),
        *(RowError(memories, _id(n), *words, copied=True) for n, words in enumerate(repaired, start=1)),
        RowError(memories, _id(7), "content", Kind.EMPTY_CONTENT, "content is empty", copied=False),
        RowError("scheduling", _id(7), "memory_id", Kind.MISSING_REFERENCE,
                 "memory_id refers to a memory that is neither copied nor at the destination", copied=False),
        RowError("edges", f"{_id(7)}→{_id(8)}", "source_id", Kind.MISSING_REFERENCE,
                 "source_id refers to a memory that is neither copied nor at the destination", copied=False),
    ]  # fmt: skip


def report(
    outcome: Outcome = Outcome.ERRORS, *, dry_run: bool = False, tables: dict[str, TableReport] | None = None
) -> MigrationReport:
    """A run with ``errors`` unless it is a clean one; ``tables`` replaces some of its counts."""
    plan = state().plan(dry_run=dry_run)
    made = MigrationReport(plan, SourceReport(str(plan.sqlite_path)), DestinationReport(plan.postgres_url.masked))
    made.outcome = outcome
    made.errors = errors() if outcome is Outcome.ERRORS else []
    made.tables = {name: TableReport(rows, rows, rows, 0, seconds=0.5) for name, rows in ROWS.items()}
    made.tables["users"] = TableReport(4, 4, 3, 1)
    if made.errors:
        made.tables["knowledge_nodes"] = TableReport(2_000, 2_000, 1_998, failed=2, repaired=5, seconds=1.2)
        made.tables["scheduling"] = TableReport(1_998, 1_998, 1_997, failed=1)
        made.tables["edges"] = TableReport(816, 816, 815, failed=1)
    made.tables |= tables or {}
    made.left_behind = source().left_behind
    made.duration_ms = 41_300
    made.started_at = datetime(2026, 11, 22, 13, 4, 19, tzinfo=UTC)
    if dry_run:
        made.estimate = Estimate(seconds=6.2, size=18_000_000)
    return made


def verified(outcome: Outcome = Outcome.CLEAN, **changes: int) -> MigrationReport:
    """A run after which every value was compared; ``changes`` are how many rows of a table were there, different."""
    made = report(outcome)
    made.verified = True
    made.errors = [error for error in made.errors if error.kind is not Kind.DANGLING_REFERENCE]
    for name, rows in changes.items():
        table = made.tables[name]
        table.already_present, table.inserted = table.inserted, 0
        table.already_equal, table.already_different = table.already_present - rows, rows
    if changes:
        made.differences = differences()
        made.outcome = Outcome.DIFFERENT
    return made


def differences() -> tuple[Difference, ...]:
    """Values of a memory and a domain, and a missing connection."""
    kind = DifferenceKind.DIFFERENT
    return (
        Difference("knowledge_nodes", _id(3), "content", kind, (_id(3),), was_there=True),
        Difference("knowledge_nodes", _id(3), "updated_at", kind, (_id(3),), was_there=True),
        Difference("knowledge_nodes", _id(9), "metadata", kind, (_id(9),), was_there=True),
        Difference("edges", f"{_id(7)}→{_id(8)}", None, DifferenceKind.MISSING, (_id(7), _id(8))),
        Difference("domains", "d1", "label", kind, ("d1",), was_there=True),
    )


def verification(*, different: bool = True) -> VerificationReport:
    """A comparison after a copy."""
    plan = state().verification_plan()
    made = VerificationReport(plan, SourceReport(str(plan.sqlite_path)), DestinationReport(plan.postgres_url.masked))
    tables = {name: TableComparison(rows, compared=rows, equal=rows) for name, rows in ROWS.items()}
    if different:
        tables["knowledge_nodes"] = TableComparison(2_000, compared=2_000, equal=1_998, different=2)
        tables["edges"] = TableComparison(816, compared=815, equal=815, missing=1)
        tables["domains"] = TableComparison(5, compared=5, equal=4, different=1)
    made.comparison = Comparison(tables, differences() if different else (), complete=True)
    made.outcome = VerificationOutcome.DIFFERENT if different else VerificationOutcome.EQUAL
    return made


MISSING = (
    MissingPart(PartKind.INDEX, "idx_edges_edge_type", "edges", Reason.NOT_OWNER),
    MissingPart(PartKind.INDEX, "idx_knowledge_nodes_embedding_hnsw", "knowledge_nodes", Reason.NOT_OWNER),
)
"""What a role that does not own the tables cannot add."""

UNENFORCED = tuple(
    MissingPart(PartKind.FOREIGN_KEY, foreign_key.constraint(table.name), table.name, Reason.TABLES_IN_USE)
    for table in TABLES
    for foreign_key in table.foreign_keys
)
"""What is left where another session keeps all tables locked."""

LEFT_BEHIND = {name: 3 + 1_234 * (place % 4) for place, name in enumerate(sorted(MEANINGS))} | {
    "a_table_of_another_program_with_a_name_as_long_as_this": 7,
    "edges.strength_before": 816,
}
"""All that published Vestige leaves, a table of another program, and a column."""


def incomplete(parts: tuple[MissingPart, ...], *, dry_run: bool = False) -> MigrationReport:
    """A run without errors, at whose end these parts are missing."""
    made = report(Outcome.INCOMPLETE, dry_run=dry_run)
    made.incomplete = parts
    return made


def previewed(found: MigrationReport) -> WizardState:
    """After a preview."""
    return state().with_preview(found).with_known((*found.errors,))


def answered() -> WizardState:
    """After a preview with answers: a memory with JSON of its own, another one left out."""
    found = report(dry_run=True)
    rows = [error.row for error in found.errors if error.kind is Kind.MALFORMED_JSON]
    repairs = Repairs(
        (
            Repair("knowledge_nodes", rows[1], {"metadata": {"source": "chat"}}, fingerprint="ab"),
            Repair("knowledge_nodes", rows[2], leave_out="imported twice", fingerprint="ab"),
        )
    )
    found.plan = replace(found.plan, repairs=repairs)
    found.errors = [error for error in found.errors if error.row not in rows[1:]]
    found.repaired_by_operator, found.left_out_by_operator = {"knowledge_nodes": 1}, {"knowledge_nodes": 1}
    return state().with_repairs(repairs).with_preview(found).with_known((*errors(),))


def reported(done: MigrationReport) -> WizardState:
    """After a copy, its report saved."""
    kept, name = HOME / ".local/state/vestige-tui", "20261122T130419Z-copy-1a2b.json"
    receipt = kept / "receipts" / name if done.verified else None
    return previewed(report(dry_run=True)).with_report(done, saved=kept / "reports" / name, receipt=receipt)


def progress(
    phase: Phase = Phase.COPY, *, index: IndexProgress | None = None, waiting: Waiting | None = None
) -> Progress:
    """A copy of 600,000 rows: memories done, connections half done; or all rows done, and an index being built."""
    done = index is not None
    paces = {
        "users": Pace(4, 4, timed=4, seconds=0.1, finished=True),
        "groups": Pace(2, 2, finished=True),
        "group_memberships": Pace(4, 4, finished=True),
        "knowledge_nodes": Pace(100_000, 100_000, timed=100_000, seconds=10.6, finished=True),
        "scheduling": Pace(99_998, 99_998, timed=99_998, seconds=1.4, finished=True),
        "edges": Pace(200_000, 200_000 if done else 98_500, timed=98_500, seconds=1.85, finished=done),
        "review_events": Pace(200_000, 200_000 if done else 0, timed=200_000, seconds=3.1 * done, finished=done),
        "domains": Pace(5, 5 if done else 0, finished=done),
    }
    paces = {name: replace(pace, inserted=pace.read) for name, pace in paces.items()}
    rates = tuple(41_200.0 * (1 + place % 7) / 7 for place in range(28))
    return Progress(phase, paces, index, waiting, copying=13.9, dimension=256, rates=rates)


def comparing(*, different: int = 0) -> Progress:
    """The last part of that copy."""
    done = progress(Phase.VERIFY, index=IndexProgress("idx_embedding_hnsw", 24, 24, 1.0))
    found = Compared(600_013, 251_300, 251_300 - different, different, 0, seconds=2.9, fraction=0.52)
    return replace(done, compared=found)
