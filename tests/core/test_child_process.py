"""A run in a child process: what travels arrives intact, and whatever happens to either side, nothing is called done."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.support.children import Gate, held, patched
from tests.support.destination import fingerprint
from tests.support.disturbances import arrived, assert_equal, completed, wait_until
from tests.support.hostile import ROOT
from tests.support.runs import assert_adds_up, copy
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources
from vestige_tui.core import errors, events
from vestige_tui.core.errors import MigrationError, SourceError
from vestige_tui.core.events import Event, Phase
from vestige_tui.core.facts import DataState, EmbedderObstacle, IndexEstimate, Obstacle, Staleness
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.reading_reports import UnreadableReport
from vestige_tui.core.repairs.errors import RepairsError
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.run.child import process
from vestige_tui.core.run.child.messages import Happened
from vestige_tui.core.run.child.outbox import Outbox, Pipe
from vestige_tui.core.run.child.tasks import Copying, Verifying
from vestige_tui.core.secret import LatePassword, Secret
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.overview import file_usage
from vestige_tui.core.verify.receipt import ReceiptError
from vestige_tui.core.verify.result import VerificationOutcome

CANARY = "canary-51d7"
BATCHES_OF_TEN: dict[str, Any] = {"batch_size": 10, "max_connections": 1}
MODEL = ModelSignature("a", 8)
PROBLEM = events.RowProblem(RowError("edges", "1", None, Kind.MISSING_REFERENCE, "m", copied=False))

EVENTS: tuple[Event, ...] = (
    events.PhaseStarted(Phase.COPY),
    events.TablesPlanned({"edges": 3}),
    events.TableProgress("edges", 3, 2, 1, 0),
    events.TableFinished("edges", 0.5),
    PROBLEM,
    events.IndexForetold(IndexEstimate(20, 58, 256, 285, 1)),
    events.IndexProgress("i", 1, 2, 0.5),
    events.Waiting(("edges",), 3.0),
    events.VerificationPlanned({"edges": 3}),
    events.VerificationProgress("edges", 3, 2, 1, 0),
    events.TableVerified("edges", 0.5),
    events.FieldsMended(1, 2),
    events.Notice("n"),
)

ERRORS: tuple[MigrationError, ...] = (
    MigrationError("w", state=DataState.BATCHES_STAY, remedy="r"),
    errors.UsageError("w", remedy="r"),
    errors.SourceError("w", remedy="r"),
    errors.DestinationError("w", remedy="r", obstacle=next(iter(Obstacle)), recurs=True),
    errors.EmbedderError(next(iter(EmbedderObstacle)), "where", "detail"),
    errors.RefusedError("w", remedy="r"),
    errors.UpgradeNeededError("w", remedy="r"),
    errors.StaleSourceError("w", Staleness((), None)),
    errors.SchemaMismatchError(("d",), schema="public"),
    errors.DestinationBusyError(None),
    errors.ModelMismatchError(MODEL, replace(MODEL, dimension=9), holder="embedder presented"),
    RepairsError(()),
    UnreadableReport("w", remedy="r"),
    ReceiptError("w", remedy="r"),
)


@pytest.fixture
def long_source(sources: Sources) -> Path:
    """Thirty batches of ten memories."""
    return sources.seed(replace(SMALL_SPEC, memories=300))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate that a copy comes to when its first batch has arrived."""
    with held(monkeypatch, events.TableProgress, Phase.COPY, "knowledge_nodes", released_by_cancel=True) as made:
        yield made


class _Copy:
    """A copy that a thread follows; ``outcome`` is its report or its error."""

    def __init__(self, source: Path, database: Database, **parameters: str) -> None:
        self.cancel = threading.Event()
        self.outcome: MigrationReport | MigrationError | None = None
        plan = CopyPlan(source, database.dsn.with_parameters(**parameters), **BATCHES_OF_TEN)
        self._thread = threading.Thread(target=self._follow, args=(Copying(plan),), daemon=True)
        self._thread.start()

    def _follow(self, task: Copying) -> None:
        try:
            self.outcome = process.carry_out(task, cancel=self.cancel)
        except MigrationError as error:
            self.outcome = error

    def end(self) -> MigrationReport | MigrationError | None:
        self._thread.join(30)
        assert not self._thread.is_alive(), "it hangs"
        return self.outcome


def test_every_event_travels() -> None:
    assert {type(event) for event in EVENTS} == {*get_args(Event)}
    assert pickle.loads(pickle.dumps(EVENTS)) == EVENTS


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_travels(error: MigrationError) -> None:
    error.report, error.memories, error.backup = {"a": 1}, (3, 4), Path("b")
    arrives = pickle.loads(pickle.dumps(error))
    assert type(arrives) is type(error)
    assert vars(arrives) == vars(error)
    assert (str(arrives), arrives.args) == (str(error), (error.what,))


def test_no_class_of_errors_is_left_out() -> None:
    def classes(kind: type[MigrationError]) -> set[type[MigrationError]]:
        return {kind}.union(*map(classes, kind.__subclasses__()))

    ours = {kind for kind in classes(MigrationError) if kind.__module__.startswith("vestige_tui.core")}
    assert {type(error) for error in ERRORS} == ours


def test_a_late_password_travels_once_it_is_found() -> None:
    looked: list[int] = []
    late = LatePassword(lambda: looked.append(1) or Secret(CANARY))  # type: ignore[func-returns-value]
    arrives = pickle.loads(pickle.dumps(late))
    assert arrives.found == Secret(CANARY)
    assert (looked, CANARY in repr(arrives)) == ([1], False)


def test_totals_replace_each_other_and_nothing_else_does() -> None:
    written = BytesIO()
    many = [events.TableProgress("edges", number, number, 0, 0) for number in range(1_000)]
    told = [events.PhaseStarted(Phase.COPY), *many[:500], PROBLEM, PROBLEM, *many[500:], *EVENTS[3:]]
    with Outbox(Pipe(written)) as outbox:
        for event in told:
            outbox.watch(event)
    written.seek(0)
    news: list[object] = []
    while written.tell() < len(written.getvalue()):
        message = pickle.load(written)
        assert isinstance(message, Happened)
        news += message.news
    kept = [event for event in news if not isinstance(event, events.TableProgress)]
    assert kept == [told[0], PROBLEM, PROBLEM, *EVENTS[3:]]
    progress = [event for event in news if isinstance(event, events.TableProgress)]
    assert progress[-1] == many[-1]
    assert len(progress) < 20
    problems = [place for place, event in enumerate(news) if event == PROBLEM]
    assert news.index(many[-1]) > problems[1], "a total stands after what was told before it"


def test_the_report_is_that_of_this_process(
    sources: Sources, database: Database, other_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """With problems, notices and a receipt; the next run has the same child, and the log is one."""
    source = sources.seed(replace(SMALL_SPEC, broken_rows=True))
    seen: list[Event] = []
    with caplog.at_level(logging.INFO, "vestige_tui"):
        found = process.carry_out(Copying(CopyPlan(source, database.dsn, receipt=True)), on_event=seen.append)
    there = copy(source, other_database, receipt=True)
    assert_adds_up(found)
    assert (found.errors, found.notices, found.outcome) == (there.errors, there.notices, there.outcome)
    assert found.counters() == there.counters()
    assert found.receipt is not None
    assert there.receipt is not None
    assert found.receipt.tables == there.receipt.tables
    assert [event.error for event in seen if isinstance(event, events.RowProblem)] == found.errors
    assert any("migrate: complete" in record.getMessage() for record in caplog.records)
    (child,) = process._idle
    verified = process.carry_out(Verifying(VerificationPlan(source, database.dsn)))
    assert verified.outcome is VerificationOutcome.EQUAL
    assert process._idle == [child]


def test_an_error_brings_its_report(tmp_path: Path, database: Database) -> None:
    with pytest.raises(SourceError, match="does not exist") as raised:
        process.carry_out(Copying(CopyPlan(tmp_path / "none.db", database.dsn)))
    assert isinstance(raised.value.report, MigrationReport)
    assert raised.value.report.failure == raised.value.what


def test_a_fault_is_logged_without_its_message(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code = f"def fail(*_): raise RuntimeError({CANARY!r})\nfrom vestige_tui.core.run.child.tasks import Copying\n"
    with patched(monkeypatch, code + "Copying.run = fail"), pytest.raises(MigrationError) as raised:
        process.carry_out(Copying(CopyPlan(small_source, database.dsn)))
    assert "RuntimeError" in raised.value.what
    assert raised.value.state is DataState.BATCHES_STAY, "rows may have arrived"
    (record,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "RuntimeError" in record.__dict__["frames"]
    assert CANARY not in str(raised.value) + record.__dict__["frames"] + caplog.text


def test_cancelling(long_source: Path, database: Database, gate: Gate) -> None:
    following = _Copy(long_source, database)
    wait_until(gate.reached)
    following.cancel.set()
    report = following.end()
    assert isinstance(report, MigrationReport)
    assert report.outcome is Outcome.CANCELLED
    assert 0 < arrived(database) < 300
    completed(long_source, database)


@pytest.mark.parametrize("how", ["killed", "silent"])
def test_a_child_that_is_lost(
    how: str, long_source: Path, database: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy fails with a name, never waits, and the next one completes it."""
    following = _Copy(long_source, database)
    wait_until(gate.reached)
    if how == "silent":
        monkeypatch.setattr(process, "_MOST_SILENT", 1.0)
    (child,) = gate.children
    os.kill(child._process.pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    error = following.end()
    assert isinstance(error, MigrationError)
    what = "ended before it was done." if how == "killed" else "has told nothing for"
    assert error.what.startswith(f"The process of the copy {what}")
    assert error.state is DataState.BATCHES_STAY
    assert child.ended
    gate.open()
    assert 0 < arrived(database) < 300
    completed(long_source, database)
    assert_equal(long_source, database)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.usefixtures("takes_any_password")
def test_a_password_is_in_no_list_of_processes(long_source: Path, database: Database, gate: Gate) -> None:
    following = _Copy(long_source, database, password=CANARY)
    wait_until(gate.reached)
    (child,) = gate.children
    shown = [Path(f"/proc/{child._process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    assert all(shown)
    assert not [text for text in shown if CANARY.encode() in text]
    following.cancel.set()
    gate.open()
    following.end()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not name the program")
def test_no_part_of_us_is_another_program_that_uses_the_source(
    long_source: Path, database: Database, gate: Gate
) -> None:
    with closing(sqlite3.connect(long_source)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # a reader keeps writers waiting, and they are named
    with open_source(long_source):  # as the wizard may, while its child begins
        following = _Copy(long_source, database)
        wait_until(gate.reached)
        assert file_usage(long_source).process is None
        following.cancel.set()
        gate.open()
        report = following.end()
    assert isinstance(report, MigrationReport)
    assert "has it open" not in " ".join(map(str, report.notices))


def test_one_that_dies_between_two_runs_is_replaced(small_source: Path, database: Database) -> None:
    plan = CopyPlan(small_source, database.dsn, dry_run=True)
    process.carry_out(Copying(plan))
    (child,) = process._idle
    child._process.kill()
    child._process.wait()
    assert process.carry_out(Copying(plan)).outcome is Outcome.CLEAN


def test_one_that_cannot_be_started(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = fingerprint(database)
    process.end_idle()
    monkeypatch.setattr(process, "COMMAND", (str(tmp_path / "none"),))
    with pytest.raises(MigrationError, match="process of the copy cannot be started: No such file") as raised:
        process.carry_out(Copying(CopyPlan(small_source, database.dsn)))
    assert raised.value.state is DataState.NOTHING_CHANGED
    assert fingerprint(database) == before


PARENT = """
import os, pathlib, sys
from vestige_tui.core import events
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.run.child import process
from vestige_tui.core.run.child.tasks import Copying
children = []
take = process._take
process._take = lambda: children.append(take()) or children[0]
def tell(event):
    if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes":
        os.write(1, f"{children[0]._process.pid}\\n".encode())
process.carry_out(
    Copying(CopyPlan(pathlib.Path(sys.argv[1]), Dsn.parse(sys.stdin.readline()), batch_size=1)), on_event=tell
)
"""


def test_a_child_ends_with_its_parent(sources: Sources, database: Database) -> None:
    """A parent that is killed can tell it nothing; the copy ends, what has arrived stays, the next one completes it."""
    source = sources.seed(replace(SMALL_SPEC, memories=3_000))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(source)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent:
        parent.stdin.write(f"{database.url}\n".encode())
        parent.stdin.flush()
        child = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not _runs(child))
    assert 0 < arrived(database) < 3_000
    completed(source, database)
    assert_equal(source, database)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{number}/stat")
    return not status.exists() or ") Z " not in status.read_text()  # a zombie of an init that does not wait
