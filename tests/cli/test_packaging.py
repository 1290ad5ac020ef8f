"""What is installed is all that there is."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_installed() -> None:
    packages = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {"vestige_tui", "vestige_tui.sample"}
    for folder in ("assets", "core", "screens"):
        files = (ROOT / folder).rglob("__init__.py")
        found |= {".".join(("vestige_tui", *file.parent.relative_to(ROOT).parts)) for file in files}
    assert packages == found
