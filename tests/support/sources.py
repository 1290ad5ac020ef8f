"""Sources for the tests: samples that are generated once and copied, and changes to them by hand."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vestige_tui.core.model import ModelSignature, signature_hash
from vestige_tui.sample import SampleSpec, add_v15_parts, create_published_sample, create_seed_sample

RELEASE = "2.1.23"
MODEL_NAME = "nomic-ai/nomic-embed-text-v1.5"


def signature(dimension: int, name: str = MODEL_NAME) -> ModelSignature:
    """The signature that a Vestige of ``RELEASE`` registers."""
    return ModelSignature(name, dimension, signature_hash(name, dimension, RELEASE))


SEED_SPEC = SampleSpec(
    memories=250,
    edges=50,
    review_events=50,
    users=3,
    groups=2,
    memberships=4,
    domains=5,
    dimension=256,
    model_name=MODEL_NAME,
    model_hash=signature(256).hash,
)
"""The counts of the specification's verification section."""

SMALL_SPEC = SampleSpec(
    memories=30,
    edges=20,
    review_events=15,
    users=3,
    groups=2,
    memberships=4,
    domains=3,
    dimension=8,
    model_name=MODEL_NAME,
    model_hash=signature(8).hash,
)


@dataclass(frozen=True)
class Sources:
    """Makes sources in ``folder``; what was generated once is kept in ``cache`` and copied from there."""

    cache: Path
    folder: Path

    def seed(self, spec: SampleSpec = SMALL_SPEC, *, version: int = 15, name: str = "vestige.db") -> Path:
        """A file in the seed's layout."""
        template = self.cache / f"seed-{version}-{_digest(spec)}.db"
        if not template.exists():
            with _appearing(template) as made:
                create_seed_sample(made, spec, version=version)
        return self._copy(template, name)

    def published(
        self, version: int, spec: SampleSpec = SMALL_SPEC, *, v15: bool = True, name: str = "vestige.db"
    ) -> Path:
        """A file of published Vestige, with ``v15`` given the V15 parts by hand."""
        template = self.cache / f"published-{version}-{v15}-{_digest(spec)}.db"
        if not template.exists():
            with _appearing(template) as made:
                create_published_sample(made, spec, version=version)
                if v15:
                    with closing(sqlite3.connect(made)) as connection:
                        add_v15_parts(connection)
        return self._copy(template, name)

    def _copy(self, template: Path, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, path)
        return path


@contextmanager
def _appearing(template: Path) -> Iterator[Path]:
    """A path for a file that appears as ``template`` when it is complete: another worker may make the same one."""
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        made = Path(folder) / template.name
        yield made
        made.replace(template)


def _digest(spec: SampleSpec) -> str:
    return hashlib.sha256(repr(spec).encode()).hexdigest()[:16]


def edit(source: Path, statement: str, parameters: Sequence[object] = ()) -> int:
    """Change a source, with no check of values or foreign keys; returns how many rows changed."""
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        return connection.execute(statement, parameters).rowcount


def query(source: Path, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query on a source."""
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(statement, parameters).fetchall()


def memory_ids(source: Path) -> list[str]:
    """The ids of all memories, in the order in which they are copied."""
    return [row[0] for row in query(source, "SELECT id FROM knowledge_nodes ORDER BY created_at, id")]
