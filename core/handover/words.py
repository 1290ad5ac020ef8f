"""The hand-over in words."""

from __future__ import annotations

from collections.abc import Iterator

from vestige_tui.core.handover.address import Unreadable
from vestige_tui.core.handover.making import Note, Remark
from vestige_tui.core.handover.settings import VestigeSettings
from vestige_tui.core.handover.trial import Trial
from vestige_tui.core.text import count, excerpt

_EXCERPT = 60

REASONS = {
    Unreadable.SERVICE: "Vestige reads no service file, and this service could not be resolved: the server does not "
    "answer now.",
    Unreadable.SEVERAL_HOSTS: "Vestige takes one host, and which of these answers is not known: none does now.",
    Unreadable.ABSTRACT_SOCKET: "Vestige cannot connect to an abstract socket (@…). Give it a folder or a host.",
    Unreadable.ENCRYPTED_KEY: "Vestige cannot read a client key that has a password (sslpassword). Use a key without "
    "one, readable by its owner alone.",
    Unreadable.UNKNOWN_TLS_MODE: "Vestige does not know this sslmode.",
}
"""Why there are no settings."""


def note_in_words(note: Note) -> str:  # noqa: PLR0911  (one for each remark)
    """A remark as a sentence or two."""
    first = note.details[0] if note.details else ""
    match note.remark:
        case Remark.PASSWORD:
            return (
                "The password is not in these lines, and vestige-tui writes it nowhere. Vestige reads it from "
                f"PGPASSWORD, or from ~/.pgpass, whose line for it is  {first}:PASSWORD"
            )
        case Remark.PASSFILE:
            return f"The password is not in these lines: Vestige finds it where PGPASSFILE names this file:  {first}"
        case Remark.ONE_OF_HOSTS:
            return (
                f"Your connection string names {note.details[1]} hosts, and Vestige takes one: {first} is the one that "
                "answered now. Change it when another one takes over."
            )
        case Remark.SERVICE:
            return f"Vestige reads no service file: the URL has what the service {first} stands for now."
        case Remark.FILES:
            return f"Every machine needs at the same path: {', '.join(note.details)}"
        case Remark.LEFT_OUT:
            return f"Left out, because Vestige's driver does not know it: {', '.join(note.details)}."
        case Remark.OTHER_MODEL:
            return (
                f"The vectors were made with {first}, which is not in Vestige's catalogue: under [embeddings], name "
                "the provider and the model that make the same vectors."
            )
        case Remark.NOT_REACHED:
            return f"The server could not be asked: {first}"


def trial_in_words(trial: Trial, settings: VestigeSettings) -> Iterator[str]:
    """What a trial found: a headline, then a sentence each."""
    yield (
        f"Connected to PostgreSQL {trial.version}, database {trial.database}, as {trial.user}: "
        f"{count(trial.memories, 'memory is', 'memories are')} there."
    )
    if trial.memory is not None:
        found = trial.memory
        vector = f"a vector of {found.dimension:,} elements" if found.dimension else "no vector"
        yield f"Read the newest, of {found.created:%Y-%m-%d}, with {vector}: “{excerpt(found.start, _EXCERPT)}”"
    if trial.password_added:
        yield (
            "The lines alone lack the password: this trial was given the one that you use here. Vestige needs it from "
            "PGPASSWORD or ~/.pgpass."
        )
    if settings.model is not None and trial.registered not in (None, settings.model):
        yield (
            f"But [embeddings] names {settings.model}, and the vectors there were made with {trial.registered}: "
            "searches by meaning would find nothing that fits."
        )


def fits(trial: Trial, settings: VestigeSettings) -> bool:
    """Whether Vestige could begin at once, on this machine."""
    if trial.password_added or not trial.memories:
        return False
    return settings.model is None or trial.registered in (None, settings.model)
