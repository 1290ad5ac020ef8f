"""``vestige-tui verify``: exit codes, its JSON, and what it prints."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import VestigeTui
from tests.support.destination import fingerprint
from tests.support.roles import role
from tests.support.servers import Database
from tests.support.sources import Sources, memory_ids
from tests.support.stale import upgraded
from vestige_tui.user.settings import receipts_folder, reports_folder

COUNTS = ("source", "left_out", "compared", "equal", "different", "missing", "extra")


def verification(path: Path) -> dict[str, Any]:
    """The JSON of a verification."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert document["format"] == "vestige-tui/verification/1"
    return document


def test_equal(vestige_tui: VestigeTui, small_source: Path, copied_database: Database, tmp_path: Path) -> None:
    before, file = fingerprint(copied_database), small_source.read_bytes()
    out = tmp_path / "verification.json"
    result = vestige_tui.verify(small_source, copied_database, "--report", out)
    assert result.code == 0
    document = verification(out)
    assert document["outcome"] == "equal"
    assert document["tables"]["knowledge_nodes"] == dict(zip(COUNTS, (30, 0, 30, 30, 0, 0, 0), strict=True))
    assert (document["differences"], document["differences_omitted"]) == ([], 0)
    rows = sum(table["source"] for table in document["tables"].values())
    assert f"every value of {rows} rows is equal" in result.out
    assert "Memories: 30 compared in" in result.err
    (kept,) = reports_folder().iterdir()
    assert "-verify-" in kept.name
    assert json.loads(kept.read_text()) == document
    assert fingerprint(copied_database) == before
    assert small_source.read_bytes() == file


def test_different(vestige_tui: VestigeTui, small_source: Path, copied_database: Database, tmp_path: Path) -> None:
    """A row that has another value, one that is missing with what belongs to it, and one that only it has."""
    changed, gone, *_ = memory_ids(small_source)
    copied_database.execute(
        f"UPDATE knowledge_nodes SET content = 'CANARY at the destination' WHERE id = '{changed}'",
        f"DELETE FROM knowledge_nodes WHERE id = '{gone}'",
        "INSERT INTO domains (id, label) VALUES ('only there', 'CANARY too')",
    )
    out = tmp_path / "verification.json"
    result = vestige_tui.verify(small_source, copied_database, "--report", out, "--quiet")
    assert (result.code, result.err) == (1, "")
    document = verification(out)
    assert document["outcome"] == "different"
    tables = document["tables"]
    assert tables["knowledge_nodes"] == dict(zip(COUNTS, (30, 0, 29, 28, 1, 1, 0), strict=True))
    assert tables["domains"] == dict(zip(COUNTS, (3, 0, 3, 3, 0, 0, 1), strict=True))
    differences = [each for each in document["differences"] if each["table"] == "knowledge_nodes"]
    wanted = [(changed, "content", "different"), (changed, "updated_at", "different"), (gone, None, "missing")]
    assert [(each["row"], each["field"], each["kind"]) for each in differences] == sorted(wanted)
    for counts in tables.values():
        assert counts["source"] == counts["left_out"] + counts["compared"] + counts["missing"]
    assert f"Memories {changed}: content has another value at the destination" in result.out
    assert f"Memories {gone}: is not at the destination" in result.out
    assert "CANARY" not in result.said + out.read_text()


def test_many_differences(vestige_tui: VestigeTui, small_source: Path, copied_database: Database) -> None:
    copied_database.execute("UPDATE edges SET weight = weight + 1, edge_type = 'x'")
    result = vestige_tui.verify(small_source, copied_database)
    assert result.code == 1
    assert result.out.count("at the destination\n") == 20
    assert "+20 more" in result.out
    assert "20 rows have other values" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give either --sqlite-path or --receipt."),
        (("--sqlite-path", "v.db", "--receipt", "r.json"), "Give either --sqlite-path or --receipt."),
        (("--receipt", "r.json", "--upgrade-copy", "--embedder", "m:8"), "together with --upgrade-copy and --embedder"),
    ],
    ids=["neither", "both", "flags"],
)
def test_wrong_usage(vestige_tui: VestigeTui, arguments: tuple[str, ...], said: str) -> None:
    result = vestige_tui("verify", "--postgres-url", "postgresql://h/d", *arguments)
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize("flag", ["--report", "--log-file", "--receipt-out"])
def test_no_output_hits_the_source(vestige_tui: VestigeTui, small_source: Path, database: Database, flag: str) -> None:
    before = small_source.read_bytes()
    result = vestige_tui.verify(small_source, database, flag, small_source)
    assert result.code == 2
    assert "that is the source itself" in result.err
    assert small_source.read_bytes() == before


def test_refused(vestige_tui: VestigeTui, small_source: Path, copied_database: Database) -> None:
    """A stale source, unless that is allowed; and another model."""
    assert vestige_tui.verify(small_source, copied_database, "--embedder", "another/model:8").code == 3
    upgraded(small_source)
    result = vestige_tui.verify(small_source, copied_database)
    assert result.code == 3
    assert "is stale" in result.err
    assert vestige_tui.verify(small_source, copied_database, "--allow-stale-source").code == 0


def test_unusable(vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path) -> None:
    assert vestige_tui.verify(tmp_path / "missing.db", database).code == 4
    assert vestige_tui.verify(small_source, "host=127.0.0.1 port=1 dbname=x").code == 4


def test_an_empty_destination(vestige_tui: VestigeTui, small_source: Path, database: Database) -> None:
    result = vestige_tui.verify(small_source, database)
    assert result.code == 1
    assert "0 equal" not in result.out
    assert " rows are missing" in result.out


@pytest.mark.parametrize("flags", [(), ("--upgrade-copy",)], ids=["plain", "upgrade"])
def test_a_source_from_before_v15(
    vestige_tui: VestigeTui, sources: Sources, database: Database, flags: tuple[str, ...]
) -> None:
    """It is read as it is; nothing is upgraded for that."""
    source = sources.seed(version=14)
    assert vestige_tui.copy(source, database, "--upgrade-copy").code == 0
    before = source.read_bytes()
    assert vestige_tui.verify(source, database, *flags).code == 0
    assert source.read_bytes() == before


def test_a_role_that_may_only_read(vestige_tui: VestigeTui, sources: Sources, copied_database: Database) -> None:
    """Tables of another owner."""
    grants = "GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    with role(copied_database, grants) as dsn:
        assert vestige_tui.verify(sources.seed(), dsn.conninfo()).code == 0
    with role(copied_database, "GRANT USAGE ON SCHEMA public TO {role}") as dsn:
        result = vestige_tui.verify(sources.seed(), dsn.conninfo())
        assert result.code == 3
        assert "may not read" in result.err


def test_a_role_that_sees_only_some_rows(
    vestige_tui: VestigeTui, small_source: Path, copied_database: Database, tmp_path: Path
) -> None:
    """Row-level security hides the others: they count as missing, and a note says why that may be."""
    out, receipt = tmp_path / "report.json", tmp_path / "receipt.json"
    assert vestige_tui.verify(small_source, copied_database, "--receipt-out", receipt, "--report", out).code == 0
    assert "notices" not in json.loads(out.read_text())
    grants = "GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    policy = "ALTER TABLE edges ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON edges USING (source_id::text < '8')"
    with role(copied_database, grants, policy) as dsn:
        url = dsn.conninfo()
        checked = vestige_tui("verify", "--receipt", receipt, "--postgres-url", url, "--report", out)
        for result in (vestige_tui.verify(small_source, url, "--report", out), checked):
            assert result.code == 1
            assert "Row-level security applies to this role: edges." in " ".join(result.out.split())
        seen = copied_database.value("SELECT count(*) FROM edges WHERE source_id::text < '8'")
    assert json.loads(out.read_text())["notices"]
    assert 0 < seen < 20


# Receipts


def test_receipts_of_a_copy(vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path) -> None:
    """One is kept under the name of the report, one goes where the flag says: as a page, if it is named so."""
    page, out = tmp_path / "receipt.md", tmp_path / "report.json"
    result = vestige_tui.copy(small_source, database, "--receipt-out", page, "--report", out, "--quiet")
    assert (result.code, result.err) == (0, "")
    (kept,) = receipts_folder().iterdir()
    assert kept.name == next(reports_folder().iterdir()).name
    assert f"Receipt saved: {page}" in result.out.replace("  ", " ")
    document = json.loads(kept.read_text())
    assert (document["of"], document["outcome"], document["verified"]) == ("copy", "clean", True)
    assert document["source"]["before"] == document["source"]["after"]
    digest = hashlib.sha256(small_source.read_bytes()).hexdigest()
    assert document["source"]["before"]["database"]["sha256"] == digest
    assert page.read_text().startswith("# ")
    for receipt in (kept, page):
        result = vestige_tui("verify", "--receipt", receipt, "--postgres-url", database.url, "--report", out)
        assert result.code == 0
        assert "every row of the receipt is there, unchanged" in result.out
        assert json.loads(out.read_text())["outcome"] == "equal"
    assert json.loads(out.read_text())["format"] == "vestige-tui/receipt-check/1"
    assert len(list(receipts_folder().iterdir())) == 1, "the check of a receipt makes none"


def test_a_receipt_of_what_has_changed(
    vestige_tui: VestigeTui, small_source: Path, copied_database: Database, tmp_path: Path
) -> None:
    """A verification makes one as well; a row that is added later is no change, one that is changed is."""
    receipt = tmp_path / "receipt.json"
    assert vestige_tui.verify(small_source, copied_database, "--receipt-out", receipt).code == 0
    check = ("verify", "--receipt", receipt, "--postgres-url", copied_database.url, "--quiet")
    copied_database.execute("INSERT INTO domains (id, label) VALUES ('later', 'CANARY')")
    result = vestige_tui(*check)
    assert result.code == 0
    assert "unchanged, and more rows" in result.out
    copied_database.execute("UPDATE review_events SET rating = rating % 4 + 1 WHERE ctid = '(0,1)'")
    result = vestige_tui(*check)
    assert result.code == 1
    assert "not as the receipt says, in 1 table" in result.out
    assert "review_events: 1 part of 256 changed" in result.out
    data = receipt.read_bytes()
    receipt.write_bytes(data.replace(b'"verified": true', b'"verified":  true'))
    result = vestige_tui(*check)
    assert result.code == 2
    assert "is not as it was written" in result.err


@pytest.mark.parametrize(
    ("flags", "receipts", "code"),
    [
        (("--no-verify",), 0, 0),
        (("--no-verify", "--receipt-out", "{}"), 1, 0),
        (("--dry-run", "--receipt-out", "{}"), 0, 2),
    ],
    ids=["none", "asked for", "dry run"],
)
def test_when_there_is_a_receipt(
    vestige_tui: VestigeTui,
    small_source: Path,
    database: Database,
    tmp_path: Path,
    flags: tuple[str, ...],
    receipts: int,
    code: int,
) -> None:
    out = tmp_path / "receipt.json"
    result = vestige_tui.copy(small_source, database, *(flag.format(out) for flag in flags))
    assert result.code == code
    assert len(list(receipts_folder().iterdir())) == receipts
    assert out.exists() == bool(receipts)
    if receipts:
        assert json.loads(out.read_text())["verified"] is False


@pytest.mark.parametrize("flag", ["--report", "--log-file"])
def test_no_output_hits_the_receipt(
    vestige_tui: VestigeTui, small_source: Path, copied_database: Database, tmp_path: Path, flag: str
) -> None:
    receipt = tmp_path / "receipt.json"
    vestige_tui.verify(small_source, copied_database, "--receipt-out", receipt)
    before = receipt.read_bytes()
    result = vestige_tui("verify", "--receipt", receipt, "--postgres-url", copied_database.url, flag, receipt)
    assert result.code == 2
    assert "that is the receipt itself" in result.err
    assert receipt.read_bytes() == before


def test_the_receipt_and_the_report_are_two_files(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    for command in (vestige_tui.copy, vestige_tui.verify):
        result = command(small_source, database, "--report", both, "--receipt-out", both)
        assert result.code == 2
        assert "The receipt cannot be written to" in result.err
