"""Asking the new store in the wizard: typed, found, opened, followed, copied; and pictures of it."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import scenes
from tests.support.asking import FakeStore
from tests.support.disturbances import wait_until
from tests.support.embedders import HashEmbedder
from tests.support.pictures import BOTH, Compare, Sizes, look_the_same
from tests.support.runs import copy
from tests.support.scenes import MODEL, StillWizard
from tests.support.servers import Database
from tests.support.walking import chosen, walk
from tests.support.wizard import LARGE, SMALL, machine, on_screen, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.search.answers import Answer, By
from vestige_tui.screens.ask import AskScreen
from vestige_tui.screens.ask_memory import MemoryDialog
from vestige_tui.screens.inquiry import Inquiry
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.found_list import FoundList


def test_from_the_report_by_keyboard_alone(home: Path, small_source: Path, database: Database) -> None:
    """On a real store: what was copied a moment ago is typed, found, opened, followed and copied."""
    state = chosen(small_source, database).with_report(copy(small_source, database))
    ((word, hub),) = database.rows(
        "SELECT substring(n.content FROM '[a-z]{7,}'), n.id::text FROM knowledge_nodes n"
        " JOIN edges e ON e.source_id = n.id WHERE n.content ~ '[a-z]{7,}' LIMIT 1"
    )

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("f3")
        await shown(pilot, "These are the newest memories.")
        await pilot.press(*word)
        await until(pilot, lambda: f'"{word}"' in str(app.screen.query_one(Input).value) or _asked(app, word))
        await shown(pilot, ", by words.")
        found = app.screen.query_one(FoundList)
        assert hub in {each.id for each in found._found}
        await pilot.press("down", *"j" * next(at for at, each in enumerate(found._found) if each.id == hub), "y")
        assert app.clipboard == hub
        await pilot.press("enter")
        await shown(pilot, "table public.knowledge_nodes")
        assert isinstance(app.screen, MemoryDialog)
        assert hub in "\n".join(screen_lines(app))
        await pilot.press("Y")
        assert app.clipboard == database.value("SELECT content FROM knowledge_nodes WHERE id = %s", (hub,))
        other = app.screen._memory.connections[0].other  # type: ignore[union-attr]
        await pilot.press("enter")
        await shown(pilot, f"Memory {other}")
        await pilot.press("escape")
        await shown(pilot, f"Memory {hub}")
        await pilot.press("escape", "slash")
        assert isinstance(app.focused, Input)
        app.focused.value = "unicornish"
        await shown(pilot, "No memory that this role can read")
        await pilot.press("escape")
        await on_screen(pilot, "ReportScreen")

    walk(scenario, home, state, first=Step.REPORT, size=LARGE)


def _asked(app: VestigeApp, words: str) -> bool:
    answer = app.screen._answer  # type: ignore[attr-defined]
    return isinstance(answer, Answer) and answer.question.words == words


def test_the_newest_question_counts() -> None:
    """A slow question is interrupted; words come at once, and once more with what is near in meaning."""
    store, heard = FakeStore(), list[Message]()

    class Receiver:
        def post_message(self, message: Message) -> bool:
            heard.append(message)
            return True

    inquiry = Inquiry(store, Receiver())  # type: ignore[arg-type]
    inquiry.ask("slow", 80)
    assert store.begun.wait(10)
    inquiry.take(HashEmbedder(256, MODEL.name))
    newest = inquiry.ask("lag", 80)
    wait_until(lambda: len(heard) == 2)
    answers = [message for message in heard if isinstance(message, Inquiry.Answered)]
    assert [(each.number, each.last) for each in answers] == [(newest, False), (newest, True)]
    assert [question.by for question in store.asked] == [By.WORDS, By.WORDS, By.BOTH]
    inquiry.close()
    assert store.closed.wait(10)


def _picture(compare: Compare, sizes: Sizes, *keys: str, until_shown: str, equipped: bool = False) -> bool:
    async def ready(pilot: Pilot[None]) -> None:
        screen = AskScreen(FakeStore(), "memory@db.example:5432/vestige", equip=False)
        await pilot.app.push_screen(screen)
        if equipped:
            screen.post_message(Inquiry.Equipped(HashEmbedder(256, MODEL.name)))
        await shown(pilot, "These are the newest memories.")
        await pilot.press(*keys)
        await shown(pilot, until_shown)

    state = scenes.reported(scenes.report())
    return look_the_same(compare, StillWizard(machine(scenes.HOME), state, Step.REPORT), sizes, ready)


def test_nothing_typed_yet(snap_compare: Compare) -> None:
    assert _picture(snap_compare, BOTH, until_shown="replica")


def test_found_both_ways(snap_compare: Compare) -> None:
    assert _picture(snap_compare, BOTH, *"lag", until_shown="by meaning.", equipped=True)


def test_found_by_words_with_the_cursor_in_the_list(snap_compare: Compare) -> None:
    assert _picture(snap_compare, (SMALL,), *"lag", "enter", "j", until_shown="begin like them")


def test_a_memory(snap_compare: Compare) -> None:
    assert _picture(snap_compare, BOTH, "down", "j", "enter", until_shown="database vestige")
