"""Which contenders can run here."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

from vestige_tui.core.system import processors

_NEEDED_BY_THE_WIZARD = ("textual", "vestige_tui.wizard", "vestige_tui.screens.preview", "vestige_tui.screens.copy")


def reason_to_leave_out(contender: str) -> str | None:
    """Why a contender cannot run, None where it can."""
    if contender == "pgloader" and shutil.which("pgloader") is None:
        return "it is not installed"
    if contender == "keys_apart" and (not hasattr(os, "sched_setaffinity") or processors() < 2):
        return "it needs Linux and two processors"
    if contender == "wizard":
        missing = [name for name in _NEEDED_BY_THE_WIZARD if find_spec(name) is None]
        return f"not there: {', '.join(missing)}" if missing else None
    return None
