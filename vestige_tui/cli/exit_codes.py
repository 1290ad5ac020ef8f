"""The exit codes that scripts can rely on."""

from __future__ import annotations

from enum import IntEnum

from vestige_tui.core.errors import MigrationError, RefusedError, UsageError
from vestige_tui.core.reembed.report import ReembedOutcome
from vestige_tui.core.report import Outcome
from vestige_tui.core.verify.result import VerificationOutcome


class ExitCode(IntEnum):
    """How a command ended, as the shell sees it."""

    CLEAN = 0
    PROBLEMS = 1
    """The run finished, but rows have problems, values differ, or an index or a foreign key is missing."""
    USAGE = 2
    REFUSED = 3
    """A check refused: an upgrade is needed, the source is stale, models or schema differ, another copy is running."""
    UNUSABLE = 4
    """The source or the destination cannot be used, or was lost; or the program itself failed."""
    CANCELLED = 130


_BY_OUTCOME = {
    Outcome.CLEAN: ExitCode.CLEAN,
    Outcome.DIFFERENT: ExitCode.CLEAN,
    Outcome.ERRORS: ExitCode.PROBLEMS,
    Outcome.INCOMPLETE: ExitCode.PROBLEMS,
    Outcome.CANCELLED: ExitCode.CANCELLED,
    Outcome.FAILED: ExitCode.UNUSABLE,
}


_BY_COMPARISON = {
    VerificationOutcome.EQUAL: ExitCode.CLEAN,
    VerificationOutcome.DIFFERENT: ExitCode.PROBLEMS,
    VerificationOutcome.CANCELLED: ExitCode.CANCELLED,
    VerificationOutcome.FAILED: ExitCode.UNUSABLE,
}


def code_of_verification(outcome: VerificationOutcome) -> ExitCode:
    """The exit code of a verification."""
    return _BY_COMPARISON[outcome]


_BY_REEMBEDDING = {
    ReembedOutcome.CLEAN: ExitCode.CLEAN,
    ReembedOutcome.UNCHANGED: ExitCode.CLEAN,
    ReembedOutcome.PREPARED: ExitCode.CLEAN,
    ReembedOutcome.FORETOLD: ExitCode.CLEAN,
    ReembedOutcome.INCOMPLETE: ExitCode.PROBLEMS,
    ReembedOutcome.CANCELLED: ExitCode.CANCELLED,
    ReembedOutcome.FAILED: ExitCode.UNUSABLE,
}


def code_of_reembedding(outcome: ReembedOutcome) -> ExitCode:
    """The exit code of a re-embedding that returned a report."""
    return _BY_REEMBEDDING[outcome]


def code_of_outcome(outcome: Outcome) -> ExitCode:
    """The exit code of a run that returned a report."""
    return _BY_OUTCOME[outcome]


def code_of_error(error: MigrationError) -> ExitCode:
    """The exit code of a run that an error ended."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    return ExitCode.REFUSED if isinstance(error, RefusedError) else ExitCode.UNUSABLE
