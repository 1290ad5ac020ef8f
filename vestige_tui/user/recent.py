"""Recent answers, to fill in the fields the next time: paths, a connection string, a theme, never a password."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vestige_tui.core.files import replacing

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn

FORMAT = "vestige-tui/recent/1"
_KEPT = 5  # sources


class Recent:
    """The file with recent answers. One that is missing or cannot be read or written counts as empty."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def sources(self) -> Sequence[Path]:
        """Databases used before, most recent first."""
        listed = self._read().get("sources")
        return [Path(path) for path in listed if isinstance(path, str)] if isinstance(listed, list) else []

    @property
    def destination(self) -> str:
        """The last destination: a connection string without secrets, ``embedded``, or empty."""
        kept = self._read().get("destination")
        return kept if isinstance(kept, str) else ""

    @property
    def theme(self) -> str:
        """The name of the theme that was chosen last, or empty."""
        kept = self._read().get("theme")
        return kept if isinstance(kept, str) else ""

    def remember_theme(self, name: str) -> None:
        """Keep the name of a theme."""
        self._write({"theme": name})

    def remember_source(self, path: Path) -> None:
        """Put a database first in the list."""
        paths = [path.absolute(), *(other for other in self.sources if other != path.absolute())]
        self._write({"sources": [str(path) for path in paths[:_KEPT]]})

    def remember_destination(self, destination: Dsn | None) -> None:
        """Keep a destination without its secrets. None means the embedded one."""
        from vestige_tui.core.dsn import EMBEDDED
        from vestige_tui.screens.dsn_fields import without_secrets

        text = EMBEDDED if destination is None else without_secrets(destination).conninfo()
        self._write({"destination": text})

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) and document.get("format") == FORMAT else {}

    def _write(self, change: dict[str, Any]) -> None:
        document = {"format": FORMAT} | self._read() | change
        with suppress(OSError), replacing(self._file) as partial:
            partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", errors="backslashreplace")
