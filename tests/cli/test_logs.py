from __future__ import annotations

import logging
import re
import stat
from pathlib import Path

import pytest

from vestige_tui.core.errors import UsageError
from vestige_tui.user.logs import frames, logging_to
from vestige_tui.user.masking import Mask

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR|CRITICAL) +vestige_tui\.\S+: .+")


def test_one_masked_line_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own cannot pass half a letter on
    path = tmp_path / "run.log"
    log = logging.getLogger("vestige_tui.core.run.copier")
    with logging_to(path, Mask.of(["host=h password=s3cr3t"])):
        log.info("to %s", "postgresql://u:other@h/db")
        log.warning("row\n\x1b[2J %s \udc80", "s3cr3t")
        log.debug("too much")
    log.info("after the run")
    lines = path.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert [line.partition(": ")[2] for line in lines] == ["to postgresql://u:***@h/db", "row␊␛[2J *** \\udc80"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_unexpected_error_is_logged_by_its_frames_alone(tmp_path: Path) -> None:
    def read(content: str) -> None:
        raise ValueError(content)

    def read_and_wrap() -> None:
        try:
            read("what a memory says")
        except ValueError as error:
            raise RuntimeError("what a memory says") from error

    path = tmp_path / "run.log"
    with pytest.raises(RuntimeError), logging_to(path, Mask()):
        read_and_wrap()
    text = path.read_text()
    assert "what a memory says" not in text
    assert "RuntimeError" in text
    assert re.search(r"test_logs\.py:\d+ in read\n.*ValueError", text)


def test_a_chain_that_bites_its_tail_ends() -> None:
    first: Exception = ValueError()
    second: Exception = KeyError()
    first.__context__, second.__context__ = second, first
    assert frames(first).splitlines() == ["ValueError", "which came from", "KeyError"]


def test_without_a_file_nothing_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(None, Mask()):
        logging.getLogger("psycopg.pool").warning("error connecting in 'pool-1'")
    assert capsys.readouterr() == ("", "")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"), logging_to(tmp_path / "no" / "run.log", Mask()):
        pass
