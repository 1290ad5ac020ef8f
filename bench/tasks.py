"""The task of a measured process, and its answer. Both travel as JSON, through its pipes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from vestige_tui.core.dsn import Dsn


@dataclass(frozen=True, slots=True)
class Task:
    """One run: ``contender`` names a module of ``bench.contenders``.

    ``files`` is a folder that holds the ready-made COPY files of ``source``; ``hnsw`` says whether the vector index
    is part of the work. The destination's password travels with it, so it must go through a pipe, not an argument.
    """

    contender: str
    source: Path
    files: Path
    destination: Mapping[str, str]
    hnsw: bool
    batch_size: int
    max_connections: int

    @property
    def dsn(self) -> Dsn:
        """The destination."""
        return Dsn(self.destination)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self) | {"source": str(self.source), "files": str(self.files)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` wrote."""
        values = json.loads(text)
        return cls(**values | {"source": Path(values["source"]), "files": Path(values["files"])})


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run; ``started`` is ``time.monotonic()``, which all processes of a machine share."""

    name: str
    started: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run cost its client: wall seconds, CPU seconds (user and system), peak resident memory in bytes.

    ``tables`` has the seconds of each table; ``batches`` counts the batches that were committed.
    """

    seconds: float
    cpu: float
    peak: int
    phases: tuple[Phase, ...]
    tables: Mapping[str, float]
    batches: int

    def phase(self, name: str) -> Phase | None:
        """A phase by its name."""
        return next((phase for phase in self.phases if phase.name == name), None)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` wrote."""
        values = json.loads(text)
        return cls(**values | {"phases": tuple(Phase(**phase) for phase in values["phases"])})
