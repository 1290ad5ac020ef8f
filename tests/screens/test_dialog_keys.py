"""Keys in dialogs: those that arrive together, as a slow line delivers them, act in their order; arrows choose a button."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.screen import ModalScreen

from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.editor_dialog import EditorDialog
from vestige_tui.screens.picker_dialog import PickerDialog

NAMES = {" ": "space", "\x0e": "ctrl+n", "→": "right", "←": "left", "⏎": "enter"}


def _answer(dialog: ModalScreen[Any], keys: str) -> Any:
    """What a dialog hands over for these keys, of which none waits for the one before it."""
    found: list[Any] = []

    async def scenario() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            app.push_screen(dialog, found.append)
            await pilot.pause()
            for key in keys:
                app.post_message(events.Key(NAMES.get(key, key), key if len(key) == 1 else None))
            while not found:
                await pilot.pause(0.01)

    asyncio.run(asyncio.wait_for(scenario(), 10))
    return found[0]


def test_keys_that_arrive_together_act_in_their_order() -> None:
    table = BY_NAME["knowledge_nodes"]
    editor = EditorDialog(table.columns[table.position("content")], "content", "")
    assert _answer(editor, "noted\x0e") == ["noted"]
    assert _answer(PickerDialog("groups", [("1", "one"), ("2", "two")], several=True), " \x0e") == ["1"]


@pytest.mark.parametrize(("keys", "answer"), [("⏎", False), ("→⏎", True), ("→→⏎", True), ("→←⏎", False), ("←⏎", False)])
def test_arrows_go_from_one_button_to_the_next(keys: str, answer: bool) -> None:
    assert _answer(ConfirmDialog("Stop?", "What has arrived stays.", yes="Stop", no="Go on"), keys) is answer
