"""Why a repair is refused, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vestige_tui.core.errors import UsageError

_NAMED = 5


class Flaw(StrEnum):
    """What is wrong with a repair, or with their file."""

    FILE = "file"
    UNKNOWN_TABLE = "unknown_table"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_ROW = "unknown_row"
    SEVERAL_ROWS = "several_rows"
    ROW_CHANGED = "row_changed"
    REPEATED = "repeated"
    VALUE = "value"
    KEY_TAKEN = "key_taken"
    NO_SUCH_REFERENCE = "no_such_reference"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class RepairProblem:
    """One thing that is wrong with one repair; ``message`` is a clause that quotes no value."""

    flaw: Flaw
    message: str
    table: str | None = None
    row: str | None = None
    field: str | None = None

    def __str__(self) -> str:
        if self.table is None:
            return f"{self.message}."
        return f"The repair of {self.table} {self.row} does not fit: {self.message}."


class RepairsError(UsageError):
    """Repairs cannot be applied; ``problems`` are all that were found."""

    def __init__(self, problems: Sequence[RepairProblem]) -> None:
        more = len(problems) - _NAMED
        said = [str(problem) for problem in problems[:_NAMED]] + [f"{more:,} more are refused."] * (more > 0)
        super().__init__(" ".join(said), remedy="Correct that in the file of repairs, or take it out, and run again.")
        self.problems = tuple(problems)
