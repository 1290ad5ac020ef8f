"""``vestige-tui search``: what it prints, its JSON, its exit codes, and what it keeps to itself."""

from __future__ import annotations

import json
from contextlib import closing
from uuid import UUID

import pytest

from tests.cli.commands import VestigeTui
from tests.support.embedders import Endpoint
from tests.support.servers import Database
from vestige_tui.cli.exit_codes import ExitCode
from vestige_tui.core.search.answers import CONNECTIONS_FORMAT, FORMAT

ONE, TWO = str(UUID(int=1)), str(UUID(int=2))


@pytest.fixture
def store(copied_database: Database) -> Database:
    """The small source's copy, and two memories that are connected; a terminal would obey one of them."""
    copied_database.rows(
        "INSERT INTO knowledge_nodes (id, content, created_at) VALUES (%s, %s, '2099-01-01'), (%s, %s, '2099-01-02')"
        " RETURNING id",
        (ONE, "wombats \x1b]0;owned\x07 [red]dig[/]\nby night", TWO, "The giraffe sleeps."),
    )
    copied_database.execute(
        f"INSERT INTO edges (source_id, target_id, edge_type, weight) VALUES ('{ONE}', '{TWO}', 'causal', 0.5)"
    )
    return copied_database


def test_by_words(vestige_tui: VestigeTui, store: Database) -> None:
    shown = vestige_tui("search", "--postgres-url", store.url, "wombat", "nights")
    assert (shown.code, shown.err) == (ExitCode.CLEAN, "")
    assert "1. wombats ␛]0;owned␇ [red]dig[/] by night" in shown.out
    assert f"fact · 2099-01-01 · {ONE} · by words" in shown.out
    assert "\x1b]" not in shown.out

    document = json.loads(vestige_tui("search", "--postgres-url", store.url, "--json", "wombat").out)
    (found,) = document["results"]
    assert (document["format"], document["by"], document["notices"]) == (FORMAT, "words", [])
    assert (found["id"], found["marks"], found["found_by"], found["distance"]) == (ONE, [[0, 7]], ["words"], None)

    nothing = vestige_tui("search", "--postgres-url", store.url, "unicorn")
    assert (nothing.code, "No memory that this role can read has all of these words." in nothing.out) == (0, True)
    newest = vestige_tui("search", "--postgres-url", store.url, "--limit", 1)
    assert (TWO in newest.out, ONE in newest.out) == (True, False)


def test_connections(vestige_tui: VestigeTui, store: Database) -> None:
    shown = vestige_tui("search", "--postgres-url", store.url, "--connections", ONE)
    assert shown.code == ExitCode.CLEAN
    assert "→ causal 0.50 The giraffe sleeps." in shown.out
    assert "public.knowledge_nodes" in shown.out
    document = json.loads(vestige_tui("search", "--postgres-url", store.url, "--connections", TWO, "--json").out)
    assert document["format"] == CONNECTIONS_FORMAT
    assert [(each["id"], each["direction"]) for each in document["connections"]] == [(ONE, "from")]
    for wrong in (("--connections", UUID(int=9)), ("--connections", "note-7"), ("--connections", ONE, "wombat")):
        assert vestige_tui("search", "--postgres-url", store.url, *wrong).code == ExitCode.USAGE


def test_by_meaning(vestige_tui: VestigeTui, store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is the registered one unless another one is named; another one is refused."""
    monkeypatch.setenv("VESTIGE_EMBEDDER_API_KEY", "sk-canary")
    store.execute("UPDATE embedding_model SET name = 'test/small', hash = 'unknown'")
    with closing(Endpoint(8)) as endpoint:
        ends = ("search", "--postgres-url", store.secret.conninfo(), "--embedder-url", endpoint.url)
        shown = vestige_tui(*ends, "--json", "wombat", "digs")
        document = json.loads(shown.out)
        assert (document["by"], document["model"], shown.code) == ("both", "test/small", ExitCode.CLEAN)
        assert {tuple(found["found_by"]) for found in document["results"]} == {("words",), ("meaning",)}
        assert all(found["distance"] is not None for found in document["results"] if "meaning" in found["found_by"])
        assert endpoint.asked[-1].texts == ["wombat digs"]
        assert {asked.body["model"] for asked in endpoint.asked} == {"test/small"}

        other = vestige_tui(*ends, "--model", "another", "--dimension", 8, "wombat")
        assert (other.code, "Distances between them mean nothing" in other.err) == (ExitCode.REFUSED, True)
        assert "neither in the source" not in other.err
        assert vestige_tui(*ends, "--by", "words", "wombat").code == ExitCode.USAGE
    assert "canary" not in shown.said + other.said
    assert store.password not in shown.said + other.said
