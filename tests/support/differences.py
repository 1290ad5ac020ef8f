"""Differences between a source and a destination, without a comparison of both."""

from __future__ import annotations

from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.verify.result import Difference, DifferenceKind


def differing(error: RowError) -> Difference:
    """A field that differs, of a row whose label is its UUID."""
    return Difference(error.table, error.row, error.field, DifferenceKind.DIFFERENT, (error.row.lower(),))
