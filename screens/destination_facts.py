"""What a test of a destination found, as the wizard shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.content import Content

from vestige_tui.core.destination.inspection import Destination, Server
from vestige_tui.core.rows.tables import shown
from vestige_tui.core.system import WINDOWS
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.state import PasswordOrigin, Target
from vestige_tui.screens.widgets.text import paragraphs, plain

_WARNING = ("! ", "$text-warning bold")


def headline(target: Target) -> str:
    """What answered."""
    server = target.destination.server
    return f"Connected to PostgreSQL {server.version}, database {server.database}, as {server.user}."


def facts_of(target: Target) -> Iterator[tuple[str, Content | str]]:
    """What answered, one fact a line."""
    found = target.destination
    yield "pgvector", _pgvector(found)
    yield "Encryption", _tls(found.server)
    yield "Your user", _privileges(found)
    yield "There already", _rows(target.probe.rows)
    if found.set_aside:
        yield "Not needed", plain(f"{', '.join(found.set_aside)}: of another form, and the source has no rows for it")
    if found.registered is not None:
        yield "Model there", plain(f"{found.registered.name}, {found.registered.dimension:,} dimensions")
    if found.pooled:
        yield "Pooler", "a connection pooler is in between; the copy takes that into account"
    if target.password is PasswordOrigin.KEYRING:
        yield "Password", "from the keyring"


def about_embedded(machine: Machine) -> Content:
    """What the embedded server is."""
    host = machine.embedded
    if host.to_install is not None:
        words = "It is not installed. Quit, install it with this command, and begin again:"
        return Content("\n\n").join((plain(words), plain(host.to_install)))
    port = "its port asks for a password" if machine.platform == WINDOWS else "no port is opened"
    if host.kept:
        ends = "It runs already, and goes on when vestige-tui ends."
    else:
        ends = "It stops when vestige-tui ends" + (", and its data stays." if host.commands else ".")
    return paragraphs(
        f"vestige-tui runs a PostgreSQL of its own: nothing to install, {port}, and only you on this "
        f"machine can reach it. {ends}"
    )


def _pgvector(found: Destination) -> Content | str:
    if not found.pgvector_version:
        return Content.assemble(_WARNING, "missing on the server")
    return f"{found.pgvector_version}, {'installed' if found.vector_schema else 'available; the copy adds it'}"


def _tls(server: Server) -> Content | str:
    if server.tls is not None:
        return plain(server.tls)
    if server.local:
        return "none needed: the connection ends on this machine"
    return Content.assemble(_WARNING, "none: memories and password cross the network readable")


def _privileges(found: Destination) -> Content | str:
    may = found.privileges
    together = may.create == may.temporary  # in one list, where the verb is not said twice
    each = [
        (may.create, "create tables"),
        (may.temporary, "temporary tables" if together else "create temporary tables"),
    ]
    if found.vector_schema is None:
        each.append((may.extension, "add pgvector"))
    granted = ", ".join(name for has, name in each if has)
    lacking = ", ".join(name for has, name in each if not has)
    if not lacking:
        return f"may {granted}"
    return Content.assemble(plain(f"may {granted}; " if granted else ""), _WARNING, plain(f"may not: {lacking}"))


def _rows(counts: Mapping[str, int | None]) -> Content | str:
    counted = [
        f"{table.title} {'many' if rows is None else f'{rows:,}'}"
        for table in shown()
        if table.name in counts and (rows := counts[table.name]) != 0
    ]
    if counted:
        return plain(f"{', '.join(counted)}; nothing of it is overwritten")
    return "the tables, still empty" if counts else "nothing; the copy creates its tables"
