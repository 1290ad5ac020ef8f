"""The upgrade of a source itself: work that is carried out beside the interface, and is not interrupted."""

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
    """Upgrades a file itself, after a backup, and looks at it again. ``post`` takes the message of its end."""

    quit_prompt = QuitPrompt(
        "Quit when the upgrade is done?",
        "Your file is being backed up and upgraded. That is not interrupted; it takes a moment.",
        leave="Quit then",
        stay="Stay",
        waiting="Finishing the upgrade, one moment…",
    )

    class Ended(Message):
        """It is over, one way or the other."""

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
        """Whether it still goes on, or has yet to begin."""
        return not self._over.is_set()

    def cancel(self) -> None:
        """It is one transaction, and soon over: nothing is to be gained by stopping it."""

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
