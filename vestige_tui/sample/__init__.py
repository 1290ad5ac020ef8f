"""Realistic Vestige databases to try things on: for ``vestige-tui demo``, the tests and the benchmarks.

A sample follows from its :class:`SampleSpec` alone: with one version of Python, equal specs give equal rows. It comes
in the two layouts that real files have (``vestige-schemas.md``): :func:`create_seed_sample` writes the seed's tables,
:func:`create_published_sample` those of any published schema version, and :func:`add_v15_parts` gives either what the
seed's V15 upgrade would. Samples of a million memories stream to disk.

How it is built: ``world`` says what row N of a sample is (its id, topic, time and vector) as a pure function of spec
and number; ``memories``, ``relations`` and ``people`` make records of that, with words from ``content``, ``topics``
and ``phrases``; each layout maps the records to its own columns. All people in the notes are invented.
"""

from vestige_tui.sample.published_layout import add_v15_parts, create_published_sample
from vestige_tui.sample.seed_layout import create_seed_sample
from vestige_tui.sample.spec import SampleSpec

__all__ = ["SampleSpec", "add_v15_parts", "create_published_sample", "create_seed_sample"]
