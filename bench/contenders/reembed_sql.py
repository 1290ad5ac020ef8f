"""What an administrator would do by hand: ``UPDATE … FROM`` a table that holds the new vectors, and the index again.

The vectors are in that table before the clock starts. Between the statements, searching sees old and new vectors or no
index, and ``updated_at`` of all memories changes. With ``keep`` the old index stays while rows are updated,
as it does where searching is to go on.
"""

from __future__ import annotations

from threading import Event

from psycopg import sql

from bench.contenders.destination import connect
from bench.contenders.reembed import DIMENSION, InstantEmbedder
from bench.stopwatch import INDEXES, Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.destination import indexes
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import inspect
from vestige_tui.core.rows import copy_format

_DROP = sql.SQL("DROP INDEX {}").format(sql.Identifier(indexes.HNSW_NAME))


def run(task: Task, *, keep: bool = False) -> Measured:
    """Re-embed the store at the destination."""
    watch = Stopwatch()
    with connect(task) as connection:
        _load(connection)
        destination = inspect(connection)
        with watch:
            watch.phase("fill")
            if not keep:
                connection.execute(_DROP)
            connection.execute(
                "UPDATE knowledge_nodes k SET embedding = n.embedding FROM new_vectors n WHERE n.id = k.id"
            )
            watch.phase(INDEXES)
            if keep:
                connection.execute(_DROP)
            indexes.build(connection, destination, indexes.HNSW)
    return watch.measured()


def _load(connection: Connection) -> None:
    """The new vectors, as the tool's embedder makes them."""
    embedder, never = InstantEmbedder(), Event()
    connection.execute("CREATE TABLE new_vectors (id uuid PRIMARY KEY, embedding vector)")
    rows = connection.cursor(binary=True).execute("SELECT uuid_send(id), content FROM knowledge_nodes").fetchall()
    vectors = copy_format.vectors([embedder.embed_query(content, never) for _, content in rows], DIMENSION)
    records = ((copy_format.uuid(key), vector) for (key, _), vector in zip(rows, vectors, strict=True))
    with connection.cursor() as cursor, cursor.copy("COPY new_vectors FROM STDIN (FORMAT binary)") as copy:
        copy.write(copy_format.stream(copy_format.rows(records, 2)))
    connection.execute("ANALYZE new_vectors")
