"""The user and the machine, as the wizard sees them: folders, environment, keyring, recent databases.

The application fills it in; screens know these forms alone, so that a test hands them others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from vestige_tui.core.secret import Secret

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn
    from vestige_tui.core.reembed.report import ReembedReport
    from vestige_tui.core.repairs.document import Repairs
    from vestige_tui.core.report import MigrationReport
    from vestige_tui.core.run.mending_report import MendingReport
    from vestige_tui.core.verify.report import VerificationReport
    from vestige_tui.screens.embedding import FindKey
    from vestige_tui.screens.kept_reports import KeptReport
    from vestige_tui.screens.keyring_answer import KeyringAnswer


class PasswordStore(Protocol):
    """The system keyring, or none. Every question may wait for some seconds: ask in a thread."""

    service: str
    """The name under which the keyring lists our passwords."""

    def begin_visit(self) -> None:
        """The operator comes to the step that uses it: from here on it may open one prompt."""
        ...

    def account(self, dsn: Dsn) -> str:
        """The account name of a destination, ``user@host:port/database``. Asks nothing."""
        ...

    def unsuitable(self) -> KeyringAnswer | None:
        """Why this machine cannot store passwords; None if it can. Reads nothing, and opens no prompt."""
        ...

    def get(self, account: str) -> KeyringAnswer:
        """The stored password, or why it is not known."""
        ...

    def set(self, account: str, password: Secret) -> KeyringAnswer:
        """Store it, in place of another one."""
        ...

    def forget(self, account: str) -> KeyringAnswer:
        """Remove it."""
        ...


class RecentPlaces(Protocol):
    """Sources and destination of earlier runs, without passwords."""

    @property
    def sources(self) -> Sequence[Path]:
        """Databases used before, the last one first."""
        ...

    @property
    def destination(self) -> str:
        """The last destination: a connection string without secrets, ``embedded``, or empty."""
        ...

    @property
    def theme(self) -> str:
        """The name of the theme that was chosen last, or empty."""
        ...

    def remember_theme(self, name: str) -> None:
        """Remember a theme for next time."""
        ...

    def remember_source(self, path: Path) -> None:
        """Remember a database for next time."""
        ...

    def remember_destination(self, destination: Dsn | None) -> None:
        """Remember a destination without its secrets; None is the embedded one."""
        ...


class EmbeddedHost(Protocol):
    """The PostgreSQL that vestige-tui runs itself; once started it runs until the program ends, or longer: ``keep``."""

    @property
    def folder(self) -> Path:
        """Where its data lives."""
        ...

    @property
    def to_install(self) -> str | None:
        """The command that installs its package; None where that is installed."""
        ...

    def start(self) -> Dsn:
        """Start it if it does not run yet; may take seconds. Raises ``MigrationError``."""
        ...

    @property
    def commands(self) -> bool:
        """Whether ``vestige-tui embedded start`` and the others are about this one; not about that of the demo."""
        ...

    @property
    def kept(self) -> bool:
        """Whether it goes on when the program ends."""
        ...

    def keep(self) -> None:
        """Let it go on when the program ends. Raises ``MigrationError``."""
        ...


class KeptRepairs(Protocol):
    """The repairs of each source, in files that their owner alone can read."""

    def load(self, source: Path) -> Repairs:
        """The repairs of a source; none where none are kept. Raises ``RepairsError``."""
        ...

    def keep(self, source: Path, repairs: Repairs) -> None:
        """Keep them in place of those before. Raises ``OSError``."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The files that keep the report and the receipt of a run; None where it has no receipt."""

    report: Path
    receipt: Path | None = None


Report: TypeAlias = "MigrationReport | VerificationReport | MendingReport"
Keep: TypeAlias = "Callable[[Report], Kept]"
"""Writes the report and the receipt of a run to where they are kept. Raises ``OSError`` and ``MigrationError``."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything outside the wizard that it uses. ``platform`` is ``sys.platform``; ``now`` is in UTC.

    ``find_key`` finds the key of a server that embeds, and ``keep_embedding`` writes the report of an embedding.
    ``keep_report`` writes the report and the receipt of a run to where they are kept. ``repairs`` keeps the operator's
    repairs of each source; without it they last as long as the wizard. ``kept_reports`` lists the reports of earlier
    runs. ``log`` gives the last lines of the log, the newest one last. ``freeze_objects`` comes before long work: keys
    do not wait for garbage collection then.
    """

    version: str
    platform: str
    home: Path
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    passwords: PasswordStore
    recent: RecentPlaces
    embedded: EmbeddedHost
    now: Callable[[], datetime]
    find_key: FindKey | None = None
    keep_embedding: Callable[[ReembedReport], Path] | None = None
    keep_report: Keep | None = None
    repairs: KeptRepairs | None = None
    kept_reports: Callable[[], Sequence[KeptReport]] | None = None
    log: Callable[[], Sequence[str]] = tuple
    freeze_objects: Callable[[], None] = lambda: None
