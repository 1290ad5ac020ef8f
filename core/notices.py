"""What a run notices and goes on: one sentence each, made from data. ``explain`` has the words of problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from vestige_tui.core.explain import data_state
from vestige_tui.core.facts import DataState, Shortage
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID

UNNAMED_MODEL = "The source does not say which model made its vectors; none is registered. See --embedder."
NO_ANSWER = f"The server did not answer any more. {data_state(DataState.LAST_BATCH_UNKNOWN)}"
DRIVER_DROPPED = "The driver name in the connection string was dropped: libpq knows none."


def shared_name(table: str, column: str, kept_as: str, rows: int) -> str:
    """Rows have a column and a metadata key of the same name."""
    where = "1 row" if rows == 1 else f"{rows:,} rows"
    return (
        f'{table}: in {where} the metadata has a key "{column}" beside the column of that name. Both are kept, the '
        f'column as "{kept_as}".'
    )


def unknown_entries(number: int) -> str:
    """A report that was read again has entries of kinds that this version does not know."""
    left_out = "1 entry" if number == 1 else f"{number:,} entries"
    return f"A newer version wrote this report: {left_out} of kinds that this one does not know are left out."


def source_replaced(path: Path) -> str:
    """The source's path leads to another file by now."""
    return (
        f"{path} was replaced or removed during the run; what was read is the file as it was at the start. Run again "
        "to bring what is new."
    )


def stale_source_allowed(said: str) -> str:
    """A stale source is copied all the same; ``said`` tells how its state shows."""
    return f"The source is stale, and copying it is allowed. {said}"


def writer_waits(process: str | None) -> str:
    """A program that has the source open cannot write to it meanwhile."""
    return (
        f"The source is in rollback-journal mode, and {process or 'another program'} has it open: that program cannot "
        "write to it while this run reads. In WAL mode, which Vestige uses, it could."
    )


def source_upgraded(backup: Path) -> str:
    """The source was upgraded in place."""
    return f"The source was upgraded to V15. Its backup from before: {backup}"


def own_rules(rules: Mapping[str, Iterable[str]]) -> str:
    """The destination's owner has added triggers, constraints or policies, by table."""
    named = "; ".join(f"{table}: {', '.join(each)}" for table, each in rules.items())
    return (
        "The destination has rules of its own, which may refuse or change rows as they arrive; a preview cannot "
        f"foretell that. {named}."
    )


def hidden_rows(tables: Iterable[str]) -> str:
    """Row-level security applies to this role at tables that are read."""
    return (
        f"Row-level security applies to this role: {', '.join(tables)}. Rows that its policies hide cannot be told "
        "from rows that are not there; verify with a role that sees all of them."
    )


def set_aside(table: str, differences: Iterable[str]) -> str:
    """A table of the destination does not fit, and nothing of the run needs it."""
    return (
        f"The destination's table {table} stays as it is: the source has no rows for it. Others would not fit into it: "
        f"{'; '.join(differences)}."
    )


def fewer_connections(opened: int, wanted: int) -> str:
    """The server has not all the connections that a copy may open."""
    return f"The server gave {opened} of {wanted} connections; the copy takes longer."


def no_vector_index(dimension: int, pgvector_version: str | None) -> str:
    """No index takes vectors of this dimension, so none is missing either."""
    return (
        f"Vectors of {dimension:,} dimensions are too large for an HNSW index of pgvector {pgvector_version}: "
        "searching by meaning looks at every memory."
    )


def index_takes_longer(shortage: Shortage) -> str:
    """The server lacks something for a quick build of an index."""
    if shortage is Shortage.SHARED_MEMORY:
        return (
            "The server has too little shared memory for parallel workers: one process builds the search index, which "
            "takes longer. In a container, shared memory is /dev/shm, 64 MB by default. In one that is started with "
            "--shm-size=3g, all workers would build the next index."
        )
    return (
        "The server ran out of memory or disk space while it built an index. It builds it again with less memory, "
        "which may take several times as long."
    )


def found_by_keys(rows: int) -> str:
    """Rows whose values were not read, since their keys are at the destination."""
    were = "1 row was" if rows == 1 else f"{rows:,} rows were"
    return (
        f"{were} at the destination already: found by key, not changed, and not compared with the source. "
        "vestige-tui verify compares them."
    )


def no_receipt(failure: str | None) -> str:
    """The digests for a receipt were not taken; ``failure`` is what ended that, None where the operator did."""
    why = failure.rstrip(".") if failure else "it was stopped before its end"
    return f"There is no receipt of this run: {why}. The run itself is finished."


def other_handle(handle: str, usual: str) -> str:
    """The bootstrap user was added under another handle, since a user has the usual one."""
    return (
        f"The default owner of memories, {BOOTSTRAP_USER_ID}, has the handle {handle} at the destination: another "
        f"user is called {usual}."
    )


def embedded_anew(then: str, now: str) -> str:
    """A receipt is of a store that has another model since."""
    return (
        f"The receipt is of vectors of {then}, and the destination has vectors of {now} since: it was embedded anew. "
        "So memories with a vector count as changed, whether or not anything else in them has changed."
    )
