"""Vestige's file of settings: where it is, what a change of it would do, and the change, with a backup.

A change is proposed first, and carried out only where the file still is as it was then.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher
from enum import Enum
from pathlib import Path

from vestige_tui.core import system
from vestige_tui.core.dsn import MASK
from vestige_tui.core.errors import UsageError
from vestige_tui.core.files import replacing
from vestige_tui.core.handover.settings import VestigeSettings, edited, parse_toml
from vestige_tui.core.outputs import Output, check_outputs

CONTEXT = 2
"""Lines around a change that are shown with it."""

_LARGEST = 1 << 20
_PRIVATE = 0o600
_PASSWORD_OF_URL = re.compile(r"""(://[^\s:/@"']*:)\S*(?=@)""")
_TELLING = r"(?<!ssl)key|token|secret|passw"
_SECRET_KEY = re.compile(rf"""((?:{_TELLING})[\w .-]*["']?\s*=\s*).*""", re.IGNORECASE | re.DOTALL)


class Change(Enum):
    """What becomes of a line, and the sign that stands before it."""

    KEPT = " "
    REMOVED = "-"
    ADDED = "+"
    SKIPPED = "…"
    """Lines that are not shown."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of a file. ``real`` is the file where ``path`` is a link to it; ``before`` is None for a new one."""

    path: Path
    real: Path
    before: bytes | None = field(repr=False)
    after: bytes = field(repr=False)
    backup: Path | None
    source: Path | None

    @property
    def needed(self) -> bool:
        """Whether the file does not have these settings yet."""
        return self.before != self.after

    @property
    def diff(self) -> Sequence[tuple[Change, str]]:
        """What changes, with the lines around it. Passwords and keys are masked."""
        return [*_diff(_lines(self.before or b""), _lines(self.after))]


def file_of_vestige(home: Path) -> Path:
    """Where Vestige looks for its settings."""
    return home / ".vestige" / "vestige.toml"


def propose(path: Path, settings: VestigeSettings, *, source: Path | None, now: datetime) -> Proposal:
    """The change that puts ``settings`` into a file; ``now`` is in UTC. Changes nothing. Raises ``UsageError``.

    Links are followed. No file of ``source`` is taken, nor anything that is no ordinary file, or has a second name.
    """
    if path.suffix != ".toml":
        raise UsageError(f"{path} is no .toml file.", remedy="Name a file that ends in .toml.")
    try:
        real = path.resolve()
        before = _read(real)
        after = edited(before or b"", settings)
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'its links lead in a circle'}.",
            remedy="Name a file that you may read and write.",
        ) from None
    backup = real.with_name(f"{real.name}.before-{now:%Y%m%dT%H%M%SZ}.bak") if before is not None else None
    proposal = Proposal(path, real, before, after, backup, source)
    _check(proposal)
    return proposal


def carry_out(proposal: Proposal) -> None:
    """Make the backup and write the file, whole or not at all, with the mode that it had.

    Raises ``OSError``, and ``UsageError`` where the file has changed since the proposal.
    """
    _check(proposal)
    real = proposal.real
    if _read(real) != proposal.before or proposal.path.resolve() != real:
        raise UsageError(
            f"{proposal.path} has changed in the meantime. It was left as it is.", remedy="Look at the change again."
        )
    status = real.stat() if proposal.before is not None else None
    if proposal.backup is not None and proposal.before is not None:
        _write_new(proposal.backup, proposal.before, status)
    real.parent.mkdir(mode=0o700, exist_ok=True)
    with replacing(real) as partial:
        partial.write_bytes(proposal.after)
        _dress(partial, status)


def _check(proposal: Proposal) -> None:
    """Refuse a place that no settings may be written to."""
    outputs = [Output("The settings", proposal.path)]
    if proposal.backup is not None:
        outputs.append(Output("The backup of the settings", proposal.backup))
    check_outputs(proposal.source, outputs)
    folder = proposal.real.parent
    if not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{proposal.path} cannot be written: its folder is missing, or not yours to write to.",
            remedy="Name a file in a folder that exists and that you may write to.",
        )


def _read(real: Path) -> bytes | None:
    """The content of a file that may be changed, None where there is none."""
    try:
        status = real.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{real} is not an ordinary file.", remedy="Name another file.")
    if status.st_nlink > 1:
        raise UsageError(
            f"{real} has several names (hard links), and only one of them would change.",
            remedy="Copy the lines, and put them in place with an editor.",
        )
    if status.st_size > _LARGEST:
        raise UsageError(f"{real} is too large for a file of settings.", remedy="Name another file.")
    if not os.access(real, os.W_OK):
        raise UsageError(f"{real} is write-protected.", remedy="Copy the lines, or make the file writable first.")
    return real.read_bytes()


def _write_new(path: Path, data: bytes, status: os.stat_result | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    _dress(path, status)


def _dress(path: Path, status: os.stat_result | None) -> None:
    """Give a file the owner and the mode of the one that it replaces."""
    if status is None:
        return
    with suppress(PermissionError):
        system.give_to(path, status)
    path.chmod(stat.S_IMODE(status.st_mode))


def _lines(data: bytes) -> list[str]:
    """The lines for people. Where a secret has several lines, none of them is shown."""
    text = data.decode()
    try:
        hidden = {line.strip() for value in _secrets(parse_toml(text)) for line in value.splitlines()[1:]} - {""}
    except UsageError:
        hidden = set()
    return [
        MASK if any(line.strip().startswith(each) for each in hidden) else _masked(line) for line in text.splitlines()
    ]


def _secrets(value: object, *, under_secret: bool = False) -> Iterator[str]:
    """The texts under a name that says that they are secret."""
    if isinstance(value, dict):
        for name, inner in value.items():
            secret = under_secret or re.search(_TELLING, name, re.IGNORECASE) is not None
            yield from _secrets(inner, under_secret=secret)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, under_secret=under_secret)
    elif under_secret and isinstance(value, str):
        yield value


def _masked(line: str) -> str:
    line = _PASSWORD_OF_URL.sub(rf"\g<1>{MASK}", line)
    return _SECRET_KEY.sub(rf"\g<1>{MASK}", line)


def _diff(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[Change, str]]:
    end = 0
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT):
        if group[0][1] > end:
            yield Change.SKIPPED, ""
        for tag, first, last, new_first, new_last in group:
            if tag == "equal":
                yield from ((Change.KEPT, line) for line in before[first:last])
            else:
                yield from ((Change.REMOVED, line) for line in before[first:last])
                yield from ((Change.ADDED, line) for line in after[new_first:new_last])
            end = last
    if end < len(before):
        yield Change.SKIPPED, ""
