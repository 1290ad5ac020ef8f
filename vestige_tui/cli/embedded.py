"""``vestige-tui embedded``: the embedded PostgreSQL running on its own."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.text import Text

from vestige_tui.cli.exit_codes import ExitCode
from vestige_tui.core.destination.standing import Client, Standing, look
from vestige_tui.core.destination.standing import start as start_server
from vestige_tui.core.destination.standing import stop as stop_server
from vestige_tui.core.handover.address import url_of
from vestige_tui.core.text import count, size
from vestige_tui.terminal.output import labelled, safe, standard_error, standard_output
from vestige_tui.user.settings import embedded_folder

_NAMED = "programs find it where PGPASSFILE names that file"


@click.group()
def embedded() -> None:
    """The embedded PostgreSQL, running on its own.

    Without these commands it runs only while a copy or the wizard uses it. Its data stays in any case.
    """


@embedded.command()
def start() -> None:
    """Start it, and print its URL. It goes on after this shell, until it is stopped or the machine restarts."""
    found = start_server(embedded_folder())
    standard_error().print(
        safe(f"PostgreSQL {found.version} is running. Stop it with: vestige-tui embedded stop"), soft_wrap=True
    )
    if file := _passfile(found):
        standard_error().print(safe(f"Its password is in {file}; {_NAMED}"), soft_wrap=True)
    _print_url(found)


@embedded.command()
@click.option("--force", is_flag=True, help="Also while a copy or the wizard uses it.")
def stop(force: bool) -> None:
    """Shut it down. Programs that are connected are disconnected; its data stays."""
    was_running = stop_server(embedded_folder(), force=force)
    standard_error().print("It has stopped." if was_running else "It is not running.")


@embedded.command()
def status() -> ExitCode:
    """Say whether it runs, its URL, version and size, and who uses it. Exit code 1 if it does not run."""
    found = look(embedded_folder())
    console = standard_output()
    for label, value in _facts(found):
        labelled(console, label, value)
    return ExitCode.CLEAN if found.dsn is not None else ExitCode.PROBLEMS


def _print_url(found: Standing) -> None:
    if found.dsn is not None:
        standard_output().print(safe(url_of(found.dsn.parameters)), soft_wrap=True)


def _passfile(found: Standing) -> str:
    """The file with the password of a server that asks for one; empty where its owner needs none."""
    return found.dsn.parameters.get("passfile", "") if found.dsn is not None else ""


def _facts(found: Standing) -> Iterator[tuple[str, Text | str]]:
    running = found.dsn is not None
    since = f", since {found.started:%Y-%m-%d %H:%M} UTC" if found.started is not None else ""
    yield (
        "Server",
        f"PostgreSQL {found.version}, {'running' + since if running else 'not running'}"
        if (found.version)
        else "not running; nothing has been copied into it yet",
    )
    if found.dsn is not None:
        yield "URL", safe(url_of(found.dsn.parameters))
        if file := _passfile(found):
            yield "Password", safe(f"in {file}; {_NAMED}")
        yield "Stops", "with: vestige-tui embedded stop" if found.kept else "when the last copy or wizard leaves it"
        yield "Used by", safe("; ".join(map(_client, found.clients)) or "nobody at the moment")
    elif found.version:
        yield "Start it", "vestige-tui embedded start"
    data = safe(found.folder)
    yield "Data", Text.assemble(f"{size(found.size)} in ", data) if found.size is not None else data


def _client(client: Client) -> str:
    name = client.name or "a program without a name"
    return f"{name} ({count(client.connections, 'connection')} since {client.since:%Y-%m-%d %H:%M} UTC)"
