"""The copier: a library that moves a Vestige database from SQLite to PostgreSQL and knows nothing of terminals.

Follow the data: a source file is opened and described (``source``), its rows become records and batches (``rows``),
batches are written to PostgreSQL (``destination``), and what happened becomes events and a report (``events``,
``report``). ``run.copier`` holds the steps, readable from top to bottom.

>>> from vestige_tui.core.run.copier import run_sqlite_to_postgres
>>> from vestige_tui.core.plan import CopyPlan
"""

import logging

for name in (__name__, "psycopg"):  # who uses the library decides what is shown
    logging.getLogger(name).addHandler(logging.NullHandler())
