"""Embedding from the wizard: the other model after a copy, memories without a vector, and what is cancelled."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from tests.support.embedders import Answer, Asked, Endpoint
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources
from tests.support.tiny_model import TinyModel
from tests.support.walking import chosen, forward, walk
from tests.support.wizard import on_screen, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.treatment import from_values
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.embedder_dialog import EmbedderDialog
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.choice import Choice

SERVED = ModelSignature("test/served", 4, "ab" * 32)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server that makes vectors of 4 elements."""
    served = Endpoint()
    yield served
    served.close()


async def name_embedder(pilot: Pilot[None], endpoint: Endpoint) -> None:
    """Fill in the dialog, test it, and use what was tested."""
    await until(pilot, lambda: isinstance(pilot.app.screen, EmbedderDialog))
    dialog = pilot.app.screen
    dialog.query_one("#url", Input).value = endpoint.url
    await pilot.press("enter")
    await shown(pilot, f"It works: vectors of {endpoint.dimension} elements.")
    await shown(pilot, "The model runs on this machine")
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is not dialog)


def test_copy_then_embed_anew(home: Path, small_source: Path, database: Database, endpoint: Endpoint) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ModelScreen")
        await pilot.press("down")
        await shown(pilot, "Name the embedder")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(app.screen, EmbedderDialog))
        app.screen.query_one("#url", Input).value = "nonsense"
        await pilot.press("enter")
        await shown(pilot, "cannot be used")
        await name_embedder(pilot, endpoint)
        assert screen.primary_label == "Copy, then embed anew"
        await shown(pilot, "30 memories take about")
        assert not {*_contents(small_source)} & {text for asked in endpoint.asked for text in asked.texts}
        await forward(pilot, "PreviewScreen")
        await forward(pilot, "ReportScreen")
        await shown(pilot, "30 memories have a new vector of test/served")
        assert not app.screen.query_one("#again").display, "a copy would be refused: the models differ now"
        assert app.state.embedded is not None
        assert app.state.embedded.neighbours is not None

    walk(scenario, home, chosen(small_source, database, SERVED), first=Step.MODEL)
    assert database.rows("SELECT name, dimension, hash FROM embedding_model") == [
        (SERVED.name, SERVED.dimension, SERVED.hash)
    ]
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE vector_dims(embedding) = 4") == 30
    assert json.loads((home / "embedding.json").read_text())["outcome"] == "clean"


def test_memories_without_a_vector(
    home: Path, sources: Sources, database: Database, tmp_path: Path, endpoint: Endpoint
) -> None:
    """They get theirs from a model in a folder, which has made those in place: to it all words of a memory are alike.

    A server of the same name is refused before: it makes others.
    """
    endpoint.dimension = SMALL_SPEC.dimension
    model = TinyModel(tmp_path / "model", SMALL_SPEC.dimension)
    source = sources.seed(replace(SMALL_SPEC, model_name=SERVED.name))
    with closing(sqlite3.connect(source)) as connection, connection:
        stored = "UPDATE knowledge_nodes SET embedding = ? WHERE embedding IS NOT NULL"
        connection.execute(stored, (from_values(model.mean("[UNK]")),))
        connection.execute("UPDATE knowledge_nodes SET embedding = NULL WHERE rowid % 10 = 0")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await forward(pilot, "ReportScreen")
        await shown(pilot, "Embed the 4 memories without a vector")
        app.screen.query_one("#embed", Button).press()
        await name_embedder(pilot, endpoint)
        await shown(pilot, "The embedder makes other")
        await shown(pilot, "Embed the 4 memories without a vector")
        app.screen.query_one("#embed", Button).press()
        await until(pilot, lambda: isinstance(app.screen, EmbedderDialog))
        dialog = app.screen
        assert dialog.query_one("#model", Input).disabled, "only the registered model may be used"
        dialog.query_one("#here", Choice).value = True
        await until(pilot, lambda: dialog.query_one("#of-folder").display)
        assert not dialog.query_one("#of-url").display
        folder = dialog.query_one("#folder", Input)
        folder.focus()
        for nothing in ("~unknown/model", str(tmp_path / "nothing")):
            folder.value = nothing
            await pilot.press("enter")
            await shown(pilot, "whole model")
        folder.value = str(model.folder)
        await pilot.press("enter")
        await shown(pilot, f"It works: vectors of {SMALL_SPEC.dimension} elements.")
        await pilot.press("enter")
        await shown(pilot, "4 memories have a new vector")
        assert app.screen.query_one("#again").display

    walk(scenario, home, chosen(source, database), first=Step.PREVIEW)
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE embedding IS NULL") == 0


def test_cancelled_and_gone_on_with(home: Path, small_source: Path, database: Database, endpoint: Endpoint) -> None:
    contents = {*_contents(small_source)}
    reached, go_on = threading.Event(), threading.Event()

    def hold(asked: Asked) -> Answer | None:
        if contents.intersection(asked.texts):
            reached.set()
            go_on.wait(30)
        return None

    endpoint.script = hold

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ModelScreen")
        await pilot.press("down", "ctrl+n")
        await name_embedder(pilot, endpoint)
        await forward(pilot, "PreviewScreen")
        await forward(pilot, "EmbedScreen")
        await until(pilot, reached.is_set)
        await pilot.press("ctrl+b", "escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("tab", "enter")
        await shown(pilot, "Finishing this batch")
        go_on.set()
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "Embedding was stopped")
        app.screen.query_one("#embed", Button).press()
        await shown(pilot, "30 memories have a new vector of test/served")

    walk(scenario, home, chosen(small_source, database, SERVED), first=Step.MODEL)
    assert database.value("SELECT name FROM embedding_model") == SERVED.name


def _contents(source: Path) -> list[str]:
    with closing(sqlite3.connect(source)) as connection:
        return [content for (content,) in connection.execute("SELECT content FROM knowledge_nodes")]
