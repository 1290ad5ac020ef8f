"""What a copy must bring and what it must report, for any source, however odd or broken.

The rules are those of ``vestige_tui.core.verify.expectation``, which shares nothing with the copy; here its stream is
collected, and added what a verification does not look at.
"""

from __future__ import annotations

from tests.support.reading.judging import Reading, read_source

__all__ = ["Reading", "read_source"]
