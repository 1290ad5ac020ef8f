"""The README for the package page, where a link into the repository leads nowhere unless it is absolute."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:|#)([^)]+)\)")
_IMAGE = re.compile(r"(!\[[^\]]*\])\((?![a-z]+:)([^)]+)\)")
_IMAGE_LINE = re.compile(r"^.*!\[.*\n", re.MULTILINE)
_EMPTY_TABLE = re.compile(r"^\| \| \|\n\| --- \| --- \|\n(?!\|)", re.MULTILINE)


def package_page(readme: str, repository: str | None, version: str) -> str:
    """The README with links into the ``repository`` at the tag of this version.

    Where the repository has no address yet, a link becomes its text, and the pictures go.
    """
    if repository is None:
        return _EMPTY_TABLE.sub("", _IMAGE_LINE.sub("", _LINK.sub(r"\1", readme)))
    base = repository.rstrip("/")
    return _IMAGE.sub(rf"\1({base}/raw/v{version}/\2)", _LINK.sub(rf"[\1]({base}/blob/v{version}/\2)", readme))


def main() -> None:
    """Give setuptools what ``pyproject.toml`` leaves to this file."""
    from setuptools import setup

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project.get("urls", {}).get("Repository")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = package_page(readme, repository, project["version"])
    setup(long_description=page, long_description_content_type="text/markdown")


if __name__ == "__main__":
    main()
