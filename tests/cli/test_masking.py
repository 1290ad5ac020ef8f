from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vestige_tui.masking import Mask, mask_by_form

PASSWORD = "s3cr3tPW"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://bob:{PASSWORD}@host/db",
        f"postgresql://bob:{PASSWORD}@x@host/db",
        f"postgresql://bob:a b {PASSWORD}@host/db",
        f"postgresql+psycopg://:{PASSWORD}@[::1]:5432/db",
        f"postgresql://host/db?user=bob&password={PASSWORD}&sslmode=require",
        f"host=h password={PASSWORD} dbname=d",
        f"host=h password = 'it\\'s {PASSWORD}' dbname=d",
        f"--postgres-url=postgresql://bob:{PASSWORD}@host/db",
        f"sslpassword={PASSWORD}",
    ],
)
def test_what_looks_like_a_password_goes(text: str) -> None:
    assert PASSWORD not in mask_by_form(text)
    assert "***" in mask_by_form(text)


@pytest.mark.parametrize("text", ["postgresql://host:5432/db", "no secret: here", "file:///tmp/a@b", "bob@host"])
def test_what_does_not_stays(text: str) -> None:
    assert mask_by_form(text) == text


def test_a_known_password_goes_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "fromenv")
    mask = Mask.of(["migrate", f"--postgres-url=postgresql://bob:p%40{PASSWORD}@host/db", "host=h password=other"])
    assert mask(f"FATAL: p@{PASSWORD} and p%40{PASSWORD}, other, fromenv") == "FATAL: *** and ***, ***, ***"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_the_process_title_holds_none(home: Path) -> None:
    arguments = ["migrate", "copy", "--from", "sqlite", "--to", "postgres", "--sqlite-path", "x.db"]
    # a pipe that nobody writes to keeps the process alive while it is looked at
    fifo = home / "log"
    os.mkfifo(fifo)
    url = f"postgresql://bob:{PASSWORD}@x@127.0.0.1:9/db"
    command = [sys.executable, "-m", "vestige_tui", *arguments, "--postgres-url", url, "--log-file", str(fifo)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        seen = ""
        for _ in range(100):
            seen = Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if "vestige-tui migrate" in seen:
                break
            time.sleep(0.05)
        process.kill()
    assert "vestige-tui migrate copy" in seen
    assert PASSWORD not in seen
