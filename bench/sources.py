"""Sources to copy: sample databases of any size, generated once and kept."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from vestige_tui.core.source.describe import Layout, describe
from vestige_tui.sample import SampleSpec, add_v15_parts, create_published_sample, create_seed_sample

PUBLISHED_VERSION = 38
"""The newest schema version of published Vestige."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What kind of source is measured. ``edges`` and ``review_events`` belong to ``memories``, and scale with them."""

    memories: int
    edges: int
    review_events: int
    dimension: int
    layout: Layout

    def of_size(self, memories: int) -> Recipe:
        """The same with another number of memories."""
        return replace(
            self,
            memories=memories,
            edges=self.edges * memories // self.memories,
            review_events=self.review_events * memories // self.memories,
        )

    def __str__(self) -> str:
        return f"{self.memories:,} × {self.dimension:,}"


@dataclass(frozen=True, slots=True)
class Source:
    """A generated database; ``rows`` counts the rows of each table that a copy takes."""

    path: Path
    recipe: Recipe
    rows: dict[str, int]

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def default_cache() -> Path:
    """A folder of this user in the system's temporary one."""
    return Path(tempfile.gettempdir()) / f"vestige-tui-bench-{os.getuid()}"


def source_for(recipe: Recipe, folder: Path, show: Callable[[str], None]) -> Source:
    """The source of a recipe, from ``folder`` or generated into it; read once, so that no run has to fetch it."""
    layout = recipe.layout.value
    name = f"{layout}-{recipe.memories}x{recipe.dimension}-{_digest(recipe)}.db"
    path = folder / name
    if not path.exists():
        show(f"generating a source of {recipe} in the {layout} layout…")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = folder / f"{os.getpid()}-{name}"
        try:
            _generate(partial, recipe)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
    _read_through(path)
    return Source(path, recipe, dict(describe(path).rows))


def _generate(path: Path, recipe: Recipe) -> None:
    spec = SampleSpec(
        memories=recipe.memories,
        edges=recipe.edges,
        review_events=recipe.review_events,
        dimension=recipe.dimension,
    )
    if recipe.layout is Layout.SEED:
        create_seed_sample(path, spec)
    else:
        create_published_sample(path, spec, version=PUBLISHED_VERSION)
        with closing(sqlite3.connect(path)) as connection:
            add_v15_parts(connection)


def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(f"{recipe!r} {_generator()}".encode()).hexdigest()[:12]


@cache
def _generator() -> str:
    """A digest of the generator itself: what an older one made is not taken for what this one would make."""
    modules = sorted(files("vestige_tui.sample").iterdir(), key=lambda entry: entry.name)
    return hashlib.sha256(b"".join(entry.read_bytes() for entry in modules if entry.name.endswith(".py"))).hexdigest()


def _read_through(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
