"""Reads the memories that still need a vector, by key and a batch at a time, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.reembed.store import Store

BATCH_BYTES = 4_000_000
"""UTF-8 bytes of contents after which a batch ends early."""

LONGEST = 1_000_000
"""Characters of a content that are read: more than the longest text that a model of Vestige's catalogue takes in."""

FIRST = "00000000-0000-0000-0000-000000000000"

NOT_STAGED: LiteralString = "(SELECT s.content_hash FROM {vectors} s WHERE s.id = k.id) IS DISTINCT FROM {hash}"
"""The memories whose present content has no vector in the side table. A subquery, so that the plan is always one scan
in the order of the key with a look-up for each row: a join could sort everything for each batch.
"""

WITHOUT_VECTOR: LiteralString = "k.{embedding} IS NULL"
UNFILLED: LiteralString = "k.{shadow} IS NULL AND " + NOT_STAGED

_READ: LiteralString = """
    SELECT uuid_send(b.id), b.id::text, left(b.content, %(longest)s), b.hash
    FROM (SELECT k.id, k.content, {hash} AS hash,
                 sum(octet_length(k.content)) OVER (ORDER BY k.id) - octet_length(k.content) AS before
          FROM (SELECT k.id, k.content FROM {memories} k
                WHERE k.id {after} %(last)s::uuid AND {has_text} AND {wanted}
                ORDER BY k.id LIMIT %(rows)s) k) b
    WHERE b.before < %(bytes)s ORDER BY b.id"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Memories to embed: ids as 16 bytes and as text, what of each content is read, and the hash of all of it."""

    keys: list[bytes]
    ids: list[str]
    texts: list[str] = field(repr=False)
    hashes: list[bytes]


@dataclass(slots=True)
class Reader:
    """Yields batches until there are no more; ``wanted`` is a condition on ``k``."""

    session: Session
    store: Store
    wanted: LiteralString
    rows: int
    longest: int = LONGEST
    _last: str = FIRST
    _begun: bool = False

    def next(self) -> Batch | None:
        """The next batch, None at the end. Raises ``psycopg.Error``."""
        query = self.store.sql(_READ, wanted=self.store.sql(self.wanted), after=sql.SQL(">" if self._begun else ">="))
        values = {"longest": self.longest, "last": self._last, "rows": self.rows, "bytes": BATCH_BYTES}
        with self.session.watchdog.step():
            found = self.session.connection.cursor(binary=True).execute(query, values).fetchall()
        if not found:
            return None
        keys, ids, texts, hashes = (list(column) for column in zip(*found, strict=True))
        self._last, self._begun = ids[-1], True
        return Batch(keys, ids, texts, hashes)
