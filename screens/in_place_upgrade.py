"""The upgrade of the source file itself, in a thread; it is not interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.facts import DataState
from vestige_tui.screens.work import QuitPrompt

if TYPE_CHECKING:
    from vestige_tui.core.source.describe import SourceDescription


class InPlaceUpgrade:
    """Backs a file up, upgrades it and describes it again. ``post`` takes the message at the end."""

    quit_prompt = QuitPrompt(
        "Quit when the upgrade is done?",
        "Your file is being backed up and upgraded. That is not interrupted; it takes a moment.",
        leave="Quit then",
        stay="Stay",
        waiting="Finishing the upgrade, one moment…",
    )

    class Ended(Message):
        """The upgrade has ended."""

        def __init__(self, upgrade: InPlaceUpgrade) -> None:
            super().__init__()
            self.upgrade = upgrade

    def __init__(self, path: Path, post: Callable[[Message], bool]) -> None:
        self.path = path
        self.backup: Path | None = None
        self.source: SourceDescription | None = None
        self.failure: MigrationError | None = None
        self._post = post
        self._over = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it is not done yet; True also before it starts."""
        return not self._over.is_set()

    how_far = ""

    def cancel(self) -> None:
        """Do nothing: the upgrade is one short transaction."""

    def carry_out(self) -> None:
        """Back up, upgrade, describe."""
        from vestige_tui.core.source.describe import describe
        from vestige_tui.core.source.upgrade import upgrade_in_place

        try:
            self.backup = upgrade_in_place(self.path)
            self.source = describe(self.path)
        except MigrationError as error:
            self.failure = error
        except Exception as error:
            self.failure = unexpected(
                error,
                "upgrade in place",
                state=DataState.UPGRADE_UNKNOWN,
                remedy="Go back to Source and choose the file again to see how it stands.",
            )
        finally:
            self._over.set()
            self._post(self.Ended(self))
