"""Connections on which the environment has no influence: those to a server whose connection string says everything.

The variables are libpq's ("Environment Variables" in its documentation). They are about another server, and a single
one of them can refuse the connection (``PGREQUIREAUTH``), lead it elsewhere (``PGHOSTADDR``) or change what it reads
(``PGDATESTYLE``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from psycopg.pq import Conninfo

_WITHOUT_PARAMETER = ("PGSERVICE", "PGDATESTYLE", "PGTZ", "PGGEQO")
"""Variables that no parameter overrides: an empty ``service`` is looked for too, and the others have none."""

_NOT_EMPTY = {
    "require_auth": "!sspi",  # the embedded server knows nothing of it, and any other way to log in will do
    "sslcertmode": "allow",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
}
"""What comes nearest to no value where libpq names no default, and refuses an empty one."""

_lock = threading.Lock()


@cache
def defaults() -> dict[str, str | int]:
    """libpq's own defaults of all parameters that a variable can set; one that is given wins over its variable."""
    return {
        name: (option.compiled or b"").decode() or _NOT_EMPTY.get(name, "")
        for option in Conninfo.get_defaults()
        if option.envvar and (name := option.keyword.decode()) != "service"
    }


@contextmanager
def without_variables() -> Iterator[None]:
    """Take away the variables that no parameter overrides for as long as the block: nearly always, none is set.

    One thread at a time is in such a block.
    """
    with _lock:
        taken = {name: os.environ.pop(name) for name in _WITHOUT_PARAMETER if name in os.environ}
        try:
            yield
        finally:
            os.environ.update(taken)
