"""What is handed over to Vestige after a copy: its settings, or why there are none, and what else it has to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.handover.address import Unreadable, UnreadableError, left_out, url_of
from vestige_tui.core.handover.resolving import Resolved, resolve
from vestige_tui.core.handover.settings import VestigeSettings, known_to_vestige


class Remark(Enum):
    """What the settings do not say by themselves; ``details`` of a note belong to it."""

    PASSWORD = auto()
    """The server asks for one, and it is not in the URL: ``details`` is the line for a passfile."""

    PASSFILE = auto()
    """The server asks for one, and it is in a file that libpq was told: ``details`` is its path."""

    ONE_OF_HOSTS = auto()
    """``details`` are the host that the URL names, and how many there are."""

    SERVICE = auto()
    FILES = auto()
    """Certificates, which every machine needs at the same path."""

    LEFT_OUT = auto()
    """``details`` are parameters that Vestige's driver does not know."""

    OTHER_MODEL = auto()
    """``details`` is the model of the vectors, which is not in Vestige's catalogue."""

    NOT_REACHED = auto()
    """No connection was possible, so that libpq's own places were not looked at: ``details`` says why."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark and its details."""

    remark: Remark
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handover:
    """The ``settings``, or the ``reason`` why Vestige cannot be given this destination."""

    settings: VestigeSettings | None
    reason: Unreadable | None = None
    notes: tuple[Note, ...] = ()


def make_handover(dsn: Dsn, model: str | None, home: Path) -> Handover:
    """Resolve the destination by connecting to it; ``model`` is what it has registered. Never raises an error of it."""
    try:
        resolved = resolve(dsn, home)
        unreached: tuple[Note, ...] = ()
    except DestinationError as error:
        resolved = Resolved(dsn.parameters, bool(dsn.all_parameters.get("password")))
        unreached = (Note(Remark.NOT_REACHED, (error.what,)),)
    try:
        settings = VestigeSettings(url_of(resolved.parameters), known_to_vestige(model))
    except UnreadableError as error:
        return Handover(None, error.reason, unreached)
    return Handover(settings, None, (*unreached, *_notes(dsn, resolved, model, settings)))


def _notes(dsn: Dsn, resolved: Resolved, model: str | None, settings: VestigeSettings) -> Iterator[Note]:
    there = resolved.parameters
    if resolved.password and (file := dsn.parameters.get("passfile")):
        yield Note(Remark.PASSFILE, (file,))
    elif resolved.password:
        place = [there.get(name, "*") for name in ("host", "port", "dbname", "user")]
        yield Note(Remark.PASSWORD, (":".join(_for_passfile(part) for part in place),))
    if resolved.hosts > 1:
        yield Note(Remark.ONE_OF_HOSTS, (there.get("host", ""), str(resolved.hosts)))
    if resolved.service:
        yield Note(Remark.SERVICE, (resolved.service,))
    if files := [there[name] for name in ("sslrootcert", "sslcert", "sslkey") if there.get(name, "system") != "system"]:
        yield Note(Remark.FILES, tuple(files))
    if dropped := left_out(dsn.parameters):
        yield Note(Remark.LEFT_OUT, dropped)
    if model is not None and settings.model is None:
        yield Note(Remark.OTHER_MODEL, (model,))


def _for_passfile(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
