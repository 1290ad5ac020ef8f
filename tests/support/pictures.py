"""Pictures of the wizard, in one or both sizes of a terminal: it opens once, and is then resized.

To open it again for the other size would take twice the processor time, and a resized wizard has to look the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tests.support.scenes import settle
from tests.support.wizard import LARGE, SMALL
from vestige_tui.app import VestigeApp

Compare = Callable[..., bool]
Prepare = Callable[[Pilot[None]], Awaitable[None]]
Sizes = Sequence[tuple[int, int]]
BOTH: Sizes = (LARGE, SMALL)
"""The large one first: what has room there is waited for, and hides when the terminal shrinks."""

GROWING: Sizes = (SMALL, LARGE)
"""The small one first, where a scrollbar would stay in a terminal that shrinks: its width makes a text one line longer.
"""


class _Taken(App[str]):
    """Stands for a wizard whose picture has been taken."""

    def __init__(self, picture: str) -> None:
        super().__init__()
        self._picture = picture

    def run(self, **_: Any) -> str:
        """The picture, as a real application gives it when it ends."""
        return self._picture


def look_the_same(compare: Compare, wizard: VestigeApp, sizes: Sizes, prepare: Prepare) -> bool:
    """Whether a wizard looks in every size as it did. ``prepare`` brings it to its moment, in the first one."""

    async def take() -> dict[tuple[int, int], str]:
        taken = {}
        async with wizard.run_test(size=sizes[0]) as pilot:
            await prepare(pilot)
            for size in sizes:
                if size != wizard.size:
                    await pilot.resize_terminal(*size)
                await settle(pilot)
                taken[size] = wizard.export_screenshot(title=wizard.title, simplify=True)
        return taken

    pictures = asyncio.run(take())
    return all(compare(_Taken(pictures[size])) for size in sorted(sizes, reverse=True))
