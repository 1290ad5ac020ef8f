"""What a keyring answers, as fields, and the sentences about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vestige_tui.core.secret import Secret


class KeyringState(Enum):
    """What came of a question to the keyring."""

    FOUND = auto()
    """It has a password, which the answer holds."""

    NONE = auto()
    """It has none for this account."""

    DONE = auto()
    """The password has been stored, or removed."""

    LOCKED = auto()
    """It is locked, and its prompt was dismissed, could not be shown, or is not shown a second time."""

    SILENT = auto()
    """It has not answered in time: a prompt waits for its user, or the program behind it hangs."""

    UNSUITABLE = auto()
    """It is not one that keeps passwords safe."""

    FAILED = auto()
    """It raised an error."""


class Unsuitable(Enum):
    """Why a keyring is not used."""

    ABSENT = auto()
    SWITCHED_OFF = auto()
    PLAIN_FILE = auto()
    ASKS_ON_TERMINAL = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class KeyringAnswer:
    """An answer. ``name`` is that of an unsuitable keyring, or the type of an error, whose message could quote the
    password. ``seconds`` is how long a silent one was waited for.
    """

    state: KeyringState
    password: Secret | None = None
    name: str = ""
    unsuitable: Unsuitable | None = None
    seconds: float = 0.0


def why_not(answer: KeyringAnswer) -> str:
    """Why the keyring did not do what was asked, in one sentence; empty where it did."""
    match answer.state:
        case KeyringState.LOCKED:
            return "The keyring is locked, and was not unlocked."
        case KeyringState.SILENT:
            seconds = f"{answer.seconds:.0f} seconds"
            return f"The keyring has not answered for {seconds}; it may be locked, with its prompt hidden."
        case KeyringState.FAILED:
            return f"The keyring failed ({answer.name})."
        case KeyringState.UNSUITABLE:
            return _UNSUITABLE[answer.unsuitable or Unsuitable.UNKNOWN].format(name=answer.name)
        case _:
            return ""


_UNSUITABLE = {
    Unsuitable.ABSENT: "No keyring is found here ({name}).",
    Unsuitable.SWITCHED_OFF: "The keyring is switched off ({name}).",
    Unsuitable.PLAIN_FILE: "Unsuitable keyring: {name} keeps passwords in a file.",
    Unsuitable.ASKS_ON_TERMINAL: "Unsuitable keyring: {name} asks for its password on the terminal.",
    Unsuitable.UNKNOWN: "Unsuitable keyring: {name} is not one of the system's.",
}
