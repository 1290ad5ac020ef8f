"""What a copy must bring and what it must report, for any source, however odd or broken: read with plain Python.

The rules are those of the product's page ("No memory is lost to a broken field"), of ``vestige-schemas.md`` and of
``docs/errors.md``, written down a second time. Nothing of ``vestige_tui.core`` is used.
"""

from __future__ import annotations

from tests.support.reading.judging import Reading, read_source
from tests.support.reading.values import Text

__all__ = ["Reading", "Text", "read_source"]
