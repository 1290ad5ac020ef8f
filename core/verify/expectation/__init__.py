"""What PostgreSQL should hold of a source: read from SQLite's raw values, and written separately from the copy.

A fault of the copy's converters cannot hide itself here: nothing of them is used, nor of the copy's reader, and a test
asserts that. Of the copy there are only the descriptions of tables (names, types, keys, references) in ``rows.tables``.
The rules are those of ``docs/errors.md``.

Rows come in blocks in the order of the destination's keys, so that both sides can be compared in step. The raw values
of a block serve for comparing whole columns; ``Block.row`` says exactly what becomes of one row.
"""

from vestige_tui.core.verify.expectation.blocks import Block
from vestige_tui.core.verify.expectation.expectation import Expectation
from vestige_tui.core.verify.expectation.judging import Complaint, Judged
from vestige_tui.core.verify.expectation.keyed import Key, Survey
from vestige_tui.core.verify.expectation.values import MISSING, Text
from vestige_tui.core.verify.expectation.vectors import Model

__all__ = ["MISSING", "Block", "Complaint", "Expectation", "Judged", "Key", "Model", "Survey", "Text"]
