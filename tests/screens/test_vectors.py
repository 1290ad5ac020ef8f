"""What the wizard says of a file's vectors: on the source card, in the preview and in the report."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static, TabbedContent

from tests.support.servers import Database
from tests.support.sources import Sources, edit
from tests.support.walking import chosen, forward, walk
from tests.support.wizard import LARGE, NOW, on_screen, shown
from vestige_tui.app import VestigeApp
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.overview import FileUsage
from vestige_tui.screens.source_facts import facts_of, warnings_of
from vestige_tui.screens.steps import Step


def odd_source(sources: Sources) -> Path:
    """Vectors in two profiles, one of them stale."""
    source = sources.published(38)
    edit(source, "UPDATE knowledge_nodes SET has_embedding = 0 WHERE id = (SELECT min(node_id) FROM node_embeddings)")
    return source


def test_preview_and_report(home: Path, sources: Sources, database: Database) -> None:
    source = odd_source(sources)
    groups = len(describe(source).vectors)

    async def scenario(_: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "Vectors of the source")
        said = str(screen.query_one("#vectors", Static).content)
        assert len(said.splitlines()) == 1 + groups
        for words in ("copied as they are", "stale: the content was edited", "another vector space"):
            assert words in said
        screen = await forward(pilot, "ReportScreen")
        screen.query_one("#pages", TabbedContent).active = "counts"
        await shown(pilot, "Vectors of the source")
        assert str(screen.query_one("#vectors", Static).content) == said

    walk(scenario, home, chosen(source, database), first=Step.PREVIEW, size=LARGE)


def test_the_source_card(sources: Sources) -> None:
    """Whatever does not simply arrive, and that the model is the profile's."""
    found = describe(odd_source(sources))
    usage = FileUsage(process=None, side_files=False, certain=True)
    facts = [str(value) for _, value in facts_of(found, usage, NOW)]
    assert any("of the profile nomic-v1.5-legacy-raw-256" in fact for fact in facts)
    assert [warning for warning in warnings_of(found, usage) if "not copied" in warning] == [
        "1 vector by nomic-ai/nomic-embed-text-v1.5: not copied, stale: the content was edited after they were made",
        "20 vectors by all-MiniLM-L6-v2: not copied, of another vector space than that of the active profile",
    ]
