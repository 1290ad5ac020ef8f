from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.commands import VestigeTui
from vestige_tui import __main__ as program
from vestige_tui.cli.exit_codes import code_of_error, code_of_outcome
from vestige_tui.cli.main import cli
from vestige_tui.core.errors import DestinationError, MigrationError, SchemaMismatchError, SourceError, UsageError
from vestige_tui.core.facts import DataState
from vestige_tui.core.report import Outcome

URL = "postgresql://bob:s3cr3tPW@127.0.0.1:1/db"
ENDS = ("--from", "sqlite", "--to", "postgres", "--sqlite-path", "x.db")


def test_the_help_names_the_commands(vestige_tui: VestigeTui) -> None:
    result = vestige_tui("--help")
    assert result.code == 0
    assert all(command in result.out for command in ("demo", "inspect", "migrate", "Exit codes"))


def test_the_wizard_wants_a_terminal(vestige_tui: VestigeTui) -> None:
    result = vestige_tui("--postgres-url", URL)
    assert result.code == 2
    assert "needs a terminal" in result.err
    assert "s3cr3tPW" not in result.said


def test_flags_of_the_wizard_are_not_taken_for_those_of_a_command(vestige_tui: VestigeTui) -> None:
    result = vestige_tui("--sqlite-path", "x.db", "inspect", "y.db")
    assert result.code == 2
    assert "after its name" in result.err


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("mysql", "postgres", "error: unsupported source backend: mysql. Only 'sqlite' is accepted as --from."),
        ("sqlite", "mysql", "error: unsupported destination backend: mysql. Only 'postgres' is accepted as --to."),
        ("a", "b", "error: unsupported migration direction: a -> b. Only 'sqlite' -> 'postgres' is accepted."),
    ],
)
def test_other_pairs_are_refused(vestige_tui: VestigeTui, source: str, target: str, message: str) -> None:
    ends = ("--from", source, "--to", target)
    result = vestige_tui("migrate", "copy", *ends, "--sqlite-path", "x.db", "--postgres-url", URL)
    assert result.code == 2
    assert result.err.splitlines()[0] == message


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("inspect",),
        ("migrate", "copy"),
        ("migrate", "copy", *ENDS, "--postgres-url", URL, "--batch-size", "0"),
        ("migrate", "copy", *ENDS, "--postgres-url", URL, "--max-connections", "many"),
        ("migrate", "copy", *ENDS, "--postgres-url", URL, "--embedder", "nonsense"),
        ("migrate", "copy", *ENDS, "--postgres-url", URL, "--upgrade-copy", "--allow-source-upgrade"),
        ("migrate", "copy", *ENDS, "--postgres-url", URL, "--report", "/nonexistent/report.json"),
        ("migrate", "copy", *ENDS, "--postgres-url", URL, "--log-file", "/nonexistent/run.log"),
        ("migrate", "copy", *ENDS, "--postgres-url", "postgresql://bob:s3cr3tPW@x@host/db"),
        ("migrate", "copy", *ENDS, "--postgres-url", "host='s3cr3tPW"),
        ("migrate", "copy", *ENDS, "--postgres-url", ""),
        ("migrate", "copy", *ENDS, URL),
        ("migrate", "copy", *ENDS, f"--postgres-urll={URL}"),
        ("migrate", "reembed", "--postgres-url", URL),
    ],
)
def test_wrong_usage(vestige_tui: VestigeTui, arguments: tuple[str, ...]) -> None:
    result = vestige_tui(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "s3cr3tPW" not in result.said


def test_exit_codes() -> None:
    assert [int(code_of_outcome(outcome)) for outcome in Outcome] == [0, 0, 1, 1, 130, 4]
    errors = (
        UsageError("", remedy=""),
        SchemaMismatchError((), schema="public"),
        SourceError("", remedy=""),
        DestinationError("", remedy=""),
        MigrationError("", remedy=""),
    )
    assert [int(code_of_error(error)) for error in errors] == [2, 3, 4, 4, 4]


def failing(error: BaseException) -> Callable[..., None]:
    def main(**_options: object) -> None:
        password = "s3cr3tPW"  # what a traceback with variables would show
        assert password
        raise error

    return main


def test_an_unexpected_error_shows_neither_variables_nor_its_message(
    monkeypatch: pytest.MonkeyPatch, vestige_tui: VestigeTui
) -> None:
    monkeypatch.setattr(cli, "main", failing(ValueError("what a memory says")))
    result = vestige_tui()
    assert result.code == 4
    assert "unexpected fault in vestige-tui: ValueError" in result.err
    assert "test_usage.py" in result.err
    assert "s3cr3tPW" not in result.said
    assert "what a memory says" not in result.said


def test_an_error_is_shown_in_its_three_parts_without_control_characters(
    monkeypatch: pytest.MonkeyPatch, vestige_tui: VestigeTui
) -> None:
    error = DestinationError(
        "lost [bold]\x1b[2J\n  more", state=DataState.ONLY_TESTED, remedy="postgresql://u:pw@h/ again"
    )
    monkeypatch.setattr(cli, "main", failing(error))
    result = vestige_tui()
    assert result.code == 4
    expected = ["error: lost [bold]␛[2J", "  more", "Nothing has been changed.", "postgresql://u:***@h/ again"]
    assert result.err.splitlines() == expected


def test_ctrl_c_outside_a_run(monkeypatch: pytest.MonkeyPatch, vestige_tui: VestigeTui) -> None:
    monkeypatch.setattr(cli, "main", failing(KeyboardInterrupt()))
    assert vestige_tui().code == 130


def test_the_title_is_left_alone_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(program, "setproctitle", titles.append)
    program._hide_secrets(["inspect", "a b.db"])
    program._hide_secrets(["migrate", URL])
    assert titles == ["vestige-tui migrate 'postgresql://bob:***@127.0.0.1:1/db'"]
