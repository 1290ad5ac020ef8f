"""Pictures of the first two steps, at both sizes; nothing in them depends on the machine or the hour.

After a wanted change: ``pytest --snapshot-update``, and look at the report before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Label

from tests.support.pictures import BOTH, GROWING, Compare, look_the_same
from tests.support.states import probed
from tests.support.wizard import (
    LARGE,
    NO_KEYRING,
    NOW,
    SMALL,
    FakeHost,
    MemoryKeyring,
    WizardAt,
    machine,
    on_screen,
    until,
)
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, SourceError
from vestige_tui.core.facts import Obstacle, Sign, Staleness
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.source.contents import Contents
from vestige_tui.core.source.describe import Layout, SourceDescription
from vestige_tui.core.source.overview import FileOverview, FileUsage
from vestige_tui.screens import connecting, destination_boxes, source, source_details
from vestige_tui.screens.base import is_spacious
from vestige_tui.screens.destination import DestinationScreen
from vestige_tui.screens.new_database import NewDatabaseDialog
from vestige_tui.screens.source import SourceScreen
from vestige_tui.screens.source_details import SourceDetails
from vestige_tui.screens.stale_dialog import StaleDialog
from vestige_tui.screens.state import PasswordOrigin, Prefill, Target, WizardState
from vestige_tui.screens.steps import Step

HOME = Path("/home/operator")
URL = "postgresql://memory@db.example:5432/vestige"
MODEL = ModelSignature("nomic-ai/nomic-embed-text-v1.5", 256)
NEW = HOME / ".local/share/core/vestige.db"
STALE = HOME / ".vestige-4/vestige.db"
OLD = HOME / ".vestige/vestige.db"
BROKEN = HOME / "backup/vestige.db"
NO_DATABASE = SourceError(
    f"{BROKEN} is not a plain SQLite database; it may be encrypted (SQLCipher), damaged, or of another kind.",
    remedy="If it is encrypted, let Vestige export it without encryption; otherwise look for a backup.",
)


def description(path: Path) -> SourceDescription:
    """What a file is: a new one at V15, or an old one of published Vestige."""
    old = path == OLD
    rows = {"knowledge_nodes": 2_000, "scheduling": 2_000, "edges": 816, "review_events": 4_102, "domains": 5}
    others = (VectorGroup("node_embeddings", None, "all-MiniLM-L6-v2", 384, 50, Fate.OTHER_MODEL),) if old else ()
    return SourceDescription(
        path=path,
        size=18_400_000,
        modified=NOW - timedelta(hours=3),
        layout=Layout.PUBLISHED if old else Layout.SEED,
        user_version=0 if old else 15,
        schema_version=13 if old else None,
        missing_v15=("knowledge_nodes.codebase", "users") if old else (),
        rows=rows | {"users": 4, "groups": 2, "group_memberships": 4},
        registered=None if old else MODEL,
        profile=None,
        vectors=(VectorGroup("node_embeddings", None, MODEL.name, 256, 1_950, Fate.COPIED), *others),
        stale=Staleness((Sign.SEGMENTS, Sign.KEY), NOW - timedelta(minutes=5)) if path == STALE else None,
        left_behind={"insights": 3, "intentions": 14, "memory_states": 2_000} if old else {},
        journal_mode="wal",
        sources={},
    )


@pytest.fixture(autouse=True)
def _fixed_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are always the same."""

    def described(path: Path) -> SourceDescription:
        if path == BROKEN:
            raise NO_DATABASE
        return description(path)

    def overview(path: Path) -> FileOverview:
        problem = NO_DATABASE if path == BROKEN else None
        changed = NOW - timedelta(hours=3)
        return FileOverview(path, 18_400_000, changed, None if problem else 2_000, problem, stale=path == STALE)

    made = {f"2025-{month:02}": number for month, number in enumerate(range(20, 240, 20), start=1)} | {"2026-03": 780}
    kinds = {"fact": 702, "decision": 398, "event": 350, "note": 240, "pattern": 180, "concept": 90, "person": 40}
    monkeypatch.setattr(source_details, "contents", lambda *_: Contents(made, kinds))
    monkeypatch.setattr(destination_boxes, "free_at", lambda _: 24_100_000_000)
    monkeypatch.setattr(source, "locate", lambda *_args, **_more: (NEW, OLD, BROKEN))
    monkeypatch.setattr(source, "describe", described)
    monkeypatch.setattr(source, "file_overview", overview)
    monkeypatch.setattr(
        source, "file_usage", lambda path: FileUsage("vestige-mcp, process 4711", side_files=True, certain=True)
    )


class _Nothing:
    """Nothing was used before."""

    sources: tuple[Path, ...] = ()
    destination = theme = ""

    def remember_theme(self, name: str) -> None: ...

    def remember_source(self, path: Path) -> None: ...

    def remember_destination(self, destination: Dsn | None) -> None: ...


def at_source(*, chosen: Path | None = None, named: Path | None = None) -> WizardAt:
    """The first step, where a file has been chosen, or was named by a flag."""
    source = description(chosen) if chosen is not None else None
    state = WizardState(source=source, prefill=Prefill(sqlite_path=str(named or "")))
    return WizardAt(replace(machine(HOME), recent=_Nothing()), state)


def at_destination(
    *,
    url: str = "",
    target: Target | None = None,
    keyring: MemoryKeyring | None = None,
    host: FakeHost | None = None,
) -> WizardAt:
    """The second step, with its fields filled in, or with a target that has been tested."""
    on = replace(
        machine(HOME),
        recent=_Nothing(),
        passwords=keyring or MemoryKeyring(),
        embedded=host or FakeHost(HOME / "postgres"),
    )
    state = WizardState(source=description(NEW), target=target, prefill=Prefill(postgres_url=url))
    return WizardAt(on, state, Step.DESTINATION)


async def source_screen(pilot: Pilot[None], *, ready: bool = True) -> SourceScreen:
    """The first step, as soon as it has looked at its file."""
    screen = await on_screen(pilot, "SourceScreen")
    assert isinstance(screen, SourceScreen)
    await until(pilot, lambda: screen.primary_ready is ready and not screen._looking)
    if ready and is_spacious(pilot.app.size):
        await until(pilot, lambda: screen.query_one(SourceDetails).has_class("-counted"))
    return screen


async def destination_screen(pilot: Pilot[None]) -> DestinationScreen:
    """The second step, as soon as the keyring has answered."""
    screen = await on_screen(pilot, "DestinationScreen")
    assert isinstance(screen, DestinationScreen)
    await until(pilot, lambda: bool(screen.query_one("#account", Label).content))
    return screen


@pytest.mark.parametrize("path", [NEW, OLD, BROKEN], ids=["new", "old", "broken"])
def test_source(snap_compare: Compare, path: Path) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await source_screen(pilot, ready=path != BROKEN)

    chosen = path if path != BROKEN else None
    assert all(look_the_same(snap_compare, at_source(chosen=chosen, named=path), (size,), prepare) for size in BOTH)


@pytest.mark.parametrize("asked", [False, True], ids=["shown", "asked"])
def test_source_stale(snap_compare: Compare, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "locate", lambda *_args, **_more: (STALE, NEW))

    async def prepare(pilot: Pilot[None]) -> None:
        await source_screen(pilot)
        if asked:
            await pilot.press("ctrl+n")
            await until(pilot, lambda: isinstance(pilot.app.screen, StaleDialog))

    assert all(look_the_same(snap_compare, at_source(chosen=STALE, named=STALE), (size,), prepare) for size in BOTH)


def test_source_in_rollback_journal_mode(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "describe", lambda path: replace(description(path), journal_mode="delete"))

    async def prepare(pilot: Pilot[None]) -> None:
        await source_screen(pilot)

    assert all(look_the_same(snap_compare, at_source(chosen=NEW, named=NEW), (size,), prepare) for size in BOTH)


def test_source_nothing_found(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "locate", lambda *_args, **_more: ())

    async def prepare(pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.focused is screen.query_one("#path"))

    assert all(look_the_same(snap_compare, at_source(), (size,), prepare) for size in BOTH)


def test_destination_empty(snap_compare: Compare) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        screen = await destination_screen(pilot)
        screen.query_one("#user", Input).placeholder = "your login"
        screen.query_one("#account", Label).update("keyring: vestige-tui, me@localhost:5432/me")

    assert look_the_same(snap_compare, at_destination(), BOTH, prepare)


@pytest.mark.parametrize("stored", [False, True], ids=["typed", "stored"])
def test_destination_tested(snap_compare: Compare, stored: bool) -> None:
    origin = PasswordOrigin.KEYRING if stored else PasswordOrigin.TYPED
    target = Target(Dsn.parse(URL), probed(registered=MODEL, rows={"knowledge_nodes": 250}), password=origin)

    async def prepare(pilot: Pilot[None]) -> None:
        await destination_screen(pilot)

    assert look_the_same(snap_compare, at_destination(target=target), GROWING, prepare)


def test_destination_without_its_database(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(dsn: Dsn, **_: object) -> Any:
        error = DestinationError("That database does not exist on the server.", remedy="?")
        error.obstacle = Obstacle.DATABASE_MISSING
        raise error

    monkeypatch.setattr(connecting, "probe", missing)

    async def prepare(pilot: Pilot[None]) -> None:
        screen = await destination_screen(pilot)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: screen.focused is screen.query_one("#create"))

    app = at_destination(url=URL, keyring=MemoryKeyring(trouble=NO_KEYRING))
    assert look_the_same(snap_compare, app, BOTH, prepare)


def test_sql_for_a_new_database(snap_compare: Compare) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await destination_screen(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewDatabaseDialog))

    assert look_the_same(snap_compare, at_destination(url=URL), (SMALL,), prepare)


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "missing"])
def test_destination_embedded(snap_compare: Compare, installed: bool) -> None:
    host = FakeHost(HOME / ".local/share/vestige-tui/postgres", Dsn({}) if installed else None)

    async def prepare(pilot: Pilot[None]) -> None:
        screen = await destination_screen(pilot)
        screen.query_one("#kind").focus()
        await pilot.press("down")

    assert look_the_same(snap_compare, at_destination(host=host), BOTH, prepare)


def test_help(snap_compare: Compare) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await source_screen(pilot)
        await pilot.press("f1")

    assert look_the_same(snap_compare, at_source(chosen=NEW), (SMALL,), prepare)


def test_light_theme(snap_compare: Compare) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await source_screen(pilot)
        await pilot.press("ctrl+t")

    assert look_the_same(snap_compare, at_source(chosen=NEW), (LARGE,), prepare)


def test_too_small(snap_compare: Compare) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")

    assert look_the_same(snap_compare, at_source(chosen=NEW), ((60, 15),), prepare)
