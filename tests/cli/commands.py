"""Running the program in the process of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.servers import Database
from vestige_tui import __main__ as program


@dataclass(frozen=True)
class Result:
    """How a command ended: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class VestigeTui:
    """The program, to be called with its arguments."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Result:
        self.capsys.readouterr()
        code = program.run([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def copy(self, source: Path, destination: Database | str, *more: object) -> Result:
        """``migrate copy`` from a file to a database or a connection string."""
        url = destination.url if isinstance(destination, Database) else destination
        ends = ("--from", "sqlite", "--to", "postgres", "--sqlite-path", source, "--postgres-url", url)
        return self("migrate", "copy", *ends, *more)

    def verify(self, source: Path, destination: Database | str, *more: object) -> Result:
        """``verify`` of a file and a database or a connection string."""
        url = destination.url if isinstance(destination, Database) else destination
        return self("verify", "--sqlite-path", source, "--postgres-url", url, *more)
