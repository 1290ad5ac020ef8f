"""Rows with problems in a file: JSON Lines, one row per line, readable by its owner alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from vestige_tui.core.rows.problems import RowError


def export_rows(errors: Iterable[RowError], path: Path) -> int:
    """Write one JSON object a line to a new file; returns their number.

    The objects have the fields of the report's ``errors``. Raises ``OSError``, also where the file is there already.
    """
    number = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        for error in errors:
            file.write(json.dumps(asdict(error), ensure_ascii=False) + "\n")
            number += 1
    return number
