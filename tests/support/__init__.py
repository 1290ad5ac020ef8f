"""What the tests share: PostgreSQL servers, sources, and independent readings of both ends of a copy.

Nothing here uses the converters, readers or writers of ``vestige_tui.core``: what a copy should have written is
worked out with the standard library alone, so that a mistake in the engine cannot hide behind itself.
"""
