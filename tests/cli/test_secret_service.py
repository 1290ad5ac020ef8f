"""Stored passwords with a real Secret Service: gnome-keyring on a bus of its own, in other processes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.secret_service import MISSING, SecretService, secret_service

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {', '.join(MISSING)}")


@pytest.fixture
def session() -> Iterator[SecretService]:
    """A keyring that is open and empty, in a folder whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory() as folder, secret_service(Path(folder)) as started:
        yield started


def test_whatever_a_visit_meets(session: SecretService) -> None:
    command = [sys.executable, "-m", "tests.support.keyring_visit", str(session.daemon.pid)]
    done = subprocess.run(command, env=session.environment, cwd=ROOT, timeout=120,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert json.loads(done.stdout or done.stderr) == {
        "open": [None, "NONE", "DONE", "FOUND"],
        "replaced": ["DONE", "FOUND"],
        "kept": True,
        "another": ["NONE", "NONE"],
        "locked": [None, "LOCKED", "LOCKED", "LOCKED", "LOCKED"],
        "waiting": ["SILENT", "SILENT", "SILENT"],
        "prompts": 1,
        "dismissed": ["LOCKED"],
        "unlocked elsewhere": ["FOUND", "DONE", "NONE"],
        "prompts at last": 1,
        "stopped": ["SILENT", "SILENT"],
        "going on": ["NONE"],
        "killed": ["FAILED", "FAILED", "FAILED"],
        "killed at once": True,
    }
