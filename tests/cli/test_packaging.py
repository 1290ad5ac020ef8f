"""What is installed is all that there is."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from docs import man

ROOT = Path(__file__).parents[2]


def test_every_package_is_installed() -> None:
    packages = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = set()
    for folder in ("assets", "core", "screens", "vestige_tui"):
        for file in (ROOT / folder).rglob("__init__.py"):
            parts = file.parent.relative_to(ROOT).parts
            found.add(".".join(parts if folder == "vestige_tui" else ("vestige_tui", *parts)))
    assert packages == found


def test_the_manual_page_is_that_of_the_commands() -> None:
    assert man.PAGE.read_text(encoding="utf-8") == man.page(), "write it anew: python -m docs.man"


README = """# Title
![A picture](docs/images/a.svg)
| | |
| --- | --- |
| ![One](docs/images/b.svg) | ![Other](docs/images/c.svg) |

See [the docs](docs/README.md), [what changed](CHANGELOG.md), [elsewhere](https://example.org/x) and [above](#title).

| | |
| --- | --- |
| a | b |
"""


@pytest.mark.parametrize(
    ("repository", "page"),
    [
        (
            "https://example.org/r/",
            README.replace("(docs/images", "(https://example.org/r/raw/v1.2/docs/images")
            .replace("(docs/README", "(https://example.org/r/blob/v1.2/docs/README")
            .replace("(CHANGE", "(https://example.org/r/blob/v1.2/CHANGE"),
        ),
        (
            None,
            "# Title\n\nSee the docs, what changed, [elsewhere](https://example.org/x) and [above](#title).\n\n"
            "| | |\n| --- | --- |\n| a | b |\n",
        ),
    ],
)
def test_links_on_the_package_page_are_absolute_or_text(repository: str | None, page: str) -> None:
    package_page = runpy.run_path(str(ROOT / "setup.py"))["package_page"]
    assert package_page(README, repository, "1.2") == page


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", page.read_text("utf-8"))
    ]
    assert len(links) > 20
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    listed = {ROOT / "docs" / link for link in re.findall(r"\]\(([^)#]+)\)", index)}
    assert {*(ROOT / "docs").rglob("*.md"), man.PAGE} - {ROOT / "docs/README.md"} <= listed
