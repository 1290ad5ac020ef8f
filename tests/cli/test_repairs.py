"""``--repairs FILE``: of a copy, a dry run and a verification."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import VestigeTui
from tests.support.destination import read_tables
from tests.support.servers import Database
from tests.support.sources import edit, memory_ids
from vestige_tui.core.repairs.document import NO_REPAIRS, Repair, Repairs
from vestige_tui.core.verify.receipt import load_receipt
from vestige_tui.user.kept_repairs import KeptRepairs, keep_repairs, kept_repairs, repairs_file

CANARY = "canary-7f3a"
NEW = "11111111-2222-4333-8444-55555555555a"


def write(path: Path, *entries: dict[str, Any], **others: Any) -> Path:
    path.write_text(json.dumps({"format": "vestige-tui/repairs/1", "repairs": entries} | others))
    return path


def test_copied_and_verified_with_repairs(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    """Report, receipt and summary say what was repaired and left out, and nothing quotes a value of a repair."""
    first, second = memory_ids(small_source)[:2]
    edit(small_source, "UPDATE knowledge_nodes SET metadata = '{' WHERE id = ?", (first,))
    edit(small_source, "UPDATE knowledge_nodes SET content = '' WHERE id = ?", (second,))
    repairs = write(
        tmp_path / "repairs.json",
        {"table": "knowledge_nodes", "row": first, "set": {"metadata": {"word": CANARY}}},
        {"table": "knowledge_nodes", "row": second, "leave_out": CANARY},
    )
    before, file = small_source.read_bytes(), repairs.read_bytes()
    outputs = [tmp_path / name for name in ("report.json", "receipt.md", "run.log")]
    flags = ("--repairs", repairs)
    dry = vestige_tui.copy(small_source, database, *flags, "--dry-run", "--quiet")
    assert (dry.code, read_tables(database)) == (0, {})
    to = [part for pair in zip(("--report", "--receipt-out", "--log-file"), outputs, strict=True) for part in pair]
    result = vestige_tui.copy(small_source, database, *flags, *to)
    assert result.code == 0
    report = json.loads(outputs[0].read_text())
    left_out = report["left_out_by_operator"]
    assert (report["outcome"], report["verified"], report["errors"]) == ("clean", True, [])
    assert (report["repaired_by_operator"], left_out["knowledge_nodes"]) == ({"knowledge_nodes": 1}, 1)
    assert "1 memory repaired; 1 memory, 1 scheduling row" in " ".join(result.out.split())
    receipt = outputs[1].read_text()
    assert load_receipt(outputs[1]).document["left_out_by_operator"] == left_out
    assert "| Memories | 1 | 1 |" in receipt
    verification = tmp_path / "verification.json"
    verified = vestige_tui.verify(small_source, database, *flags, "--report", verification)
    assert (verified.code, json.loads(verification.read_text())["left_out_by_operator"]) == (0, left_out)
    assert vestige_tui.verify(small_source, database).code == 1
    said = [result.said, dry.said, verified.said, *(path.read_text() for path in (*outputs, verification))]
    assert not [text for text in said if CANARY in text]
    assert (small_source.read_bytes(), repairs.read_bytes()) == (before, file)


@pytest.mark.parametrize("flag", ["--report", "--receipt-out", "--log-file"])
def test_no_output_hits_the_repairs(
    flag: str, vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    repairs = write(tmp_path / "repairs.json")
    link = tmp_path / "link"
    link.hardlink_to(repairs)
    before = repairs.read_bytes()
    for run in (vestige_tui.copy, vestige_tui.verify):
        result = run(small_source, database, "--repairs", repairs, flag, link)
        assert (result.code, "that is the file of repairs itself" in result.err) == (2, True)
    assert repairs.read_bytes() == before


BROKEN: dict[str, tuple[bytes, str]] = {
    "not JSON": (b'{"format": ,', "it is not JSON, line 1, column 12"),
    "not UTF-8": (b"\xff", "it is not JSON"),
    "other format": (b'{"format": "vestige-tui/repairs/2", "repairs": []}', '"vestige-tui/repairs/1"'),
    "NaN": (b'{"format": "vestige-tui/repairs/1", "repairs": [{"table": "a", "row": "b", "set": {"c": NaN}}]}', "not JSON"),
    "key twice": (b'{"format": "vestige-tui/repairs/1", "repairs": [], "repairs": []}', "a key twice"),
    "too deep": (b'{"format": "vestige-tui/repairs/1", "repairs": ' + b"[" * 100_000, "not JSON"),
    "both": (
        b'{"format": "vestige-tui/repairs/1", "repairs": [{"table": "a", "row": "b", "set": {"c": 1}, "leave_out": "d"}]}',
        'repair 1 needs one of "set" and "leave_out"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_none_is_refused(
    case: str, vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    content, why = BROKEN[case]
    (tmp_path / "repairs.json").write_bytes(content)
    result = vestige_tui.copy(small_source, database, "--repairs", tmp_path / "repairs.json")
    assert (result.code, why in " ".join(result.err.split())) == (2, True)
    assert read_tables(database) == {}


def test_a_repair_that_does_not_fit_is_named(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    repairs = write(tmp_path / "repairs.json", {"table": "knowledge_nodes", "row": "note-\x1b[2J", "set": {"id": NEW}})
    result = vestige_tui.copy(small_source, database, "--repairs", repairs)
    assert result.code == 2
    assert "The repair of knowledge_nodes note-␛[2J does not fit: the source has no such row." in result.err
    assert read_tables(database) == {}


def test_a_receipt_has_its_own_repairs(vestige_tui: VestigeTui, database: Database, tmp_path: Path) -> None:
    repairs = write(tmp_path / "repairs.json")
    result = vestige_tui("verify", "--receipt", tmp_path / "r", "--postgres-url", database.url, "--repairs", repairs)
    assert (result.code, "--receipt does not go together with --repairs" in result.err) == (2, True)


def test_repairs_are_kept_for_each_source(tmp_path: Path) -> None:
    """Readable by their owner alone, and found by any path of the source."""
    source, other = tmp_path / "vestige.db", tmp_path / "other.db"
    source.touch()
    repairs = Repairs((Repair("knowledge_nodes", "note-7", {"id": NEW}, fingerprint="ab"),))
    keep_repairs(source, repairs)
    (tmp_path / "link").symlink_to(source)
    assert kept_repairs(tmp_path / "link") == repairs
    assert kept_repairs(other) == NO_REPAIRS
    assert stat.S_IMODE(repairs_file(source).stat().st_mode) == 0o600
    keep_repairs(source, NO_REPAIRS)
    assert (kept_repairs(source), repairs_file(source).exists()) == (NO_REPAIRS, False)


def test_two_wizards_keep_the_answers_of_both(tmp_path: Path) -> None:
    """Each keeps what it has changed itself; of one row that both have answered, the last answer counts."""
    source = tmp_path / "vestige.db"
    a, b, c, d = (Repair("users", row, {"handle": row}) for row in "abcd")
    first, second = KeptRepairs(), KeptRepairs()
    first.keep(source, Repairs((a, b)))
    assert second.load(source) == Repairs((a, b))
    second.keep(source, Repairs((a, b, c)))
    again = Repair("users", "a", leave_out="twice")
    first.keep(source, Repairs((again, d)))
    assert kept_repairs(source) == Repairs((c, again, d))
    second.keep(source, Repairs((a, b)))
    assert kept_repairs(source) == Repairs((again, d))
    second.keep(source, NO_REPAIRS)
    first.keep(source, NO_REPAIRS)
    assert not repairs_file(source).exists()
    repairs_file(source).write_text("{")
    first.keep(source, Repairs((a,)))
    assert kept_repairs(source) == Repairs((a,))
    (aside,) = repairs_file(source).parent.glob("*.unreadable-*")
    assert aside.read_text() == "{"
