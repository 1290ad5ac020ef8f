"""What a re-embedding notices and goes on: one sentence each, made from data."""

from __future__ import annotations

from collections.abc import Sequence

from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.similarity import Similarity
from vestige_tui.core.reembed.state import ReembedState
from vestige_tui.core.text import size as in_words


def already(model: ModelSignature, found: Similarity | None) -> str:
    """The registry names the model already, and the vectors in place agree, as far as they were compared."""
    said = f"The store is registered for {model} already: there is nothing to embed anew."
    if found is None:
        return said
    return (
        f"{said} {found.memories} memories were embedded and compared with the vectors in place: their cosine "
        f"similarity is {found.value:.2f}."
    )


def other_vectors(found: Similarity) -> str:
    """The registry names the model already, and the vectors in place are others."""
    return (
        "The store is registered for this model already, but its vectors are not those that this embedder makes: the "
        f"cosine similarity of {found.memories} memories is {found.value:.2f}. Another profile, text template or "
        "release of the model made them."
    )


def disk_needed(size: int) -> str:
    """Said before anything is written."""
    return f"The database needs up to {in_words(size)} more on the server's disk until the old vectors are dropped."


def continued(state: ReembedState) -> str:
    """An interrupted run is continued."""
    since = f" of {state.started_at:%Y-%m-%d %H:%M} UTC" if state.started_at else ""
    return f"This run continues the one{since}: {state.staged:,} memories have been embedded already."


def old_vectors_kept(size: int) -> str:
    """After a swap."""
    return (
        f"The old vectors are kept beside the new ones and hold {in_words(size)} of disk: --rollback brings them "
        "back, --finish drops them."
    )


def column_order() -> str:
    """What a swap changes for clients."""
    return (
        "The column embedding is the last one of knowledge_nodes now: a client that names no columns, or has prepared "
        "SELECT *, needs to connect anew."
    )


def same_dimension() -> str:
    """Old and new vectors cannot be told apart by their dimension."""
    return (
        "Old and new vectors have the same dimension, so the server cannot refuse one of the old model. Stop every "
        "Vestige that still uses the old model, or let it read embedding_model in the transaction in which it writes."
    )


def empty(count: int) -> str:
    """Memories without a text."""
    if count == 1:
        return "1 memory has no text and gets no vector."
    return f"{count:,} memories have no text and get no vector."


def refused(count: int) -> str:
    """Memories that the embedder does not take."""
    were = "1 memory was" if count == 1 else f"{count:,} memories were"
    return f"{were} refused by the embedder and left without a vector; the next run with --only-missing tries again."


def other_indexes(names: Sequence[str]) -> str:
    """Indexes of another kind on the vectors."""
    return f"Not built for the new vectors, and left with the old ones: {', '.join(names)}."


def triggers(names: Sequence[str]) -> str:
    """Triggers of the owner that run for each memory."""
    return f"Triggers of this database run once for each memory while vectors are stored: {', '.join(names)}."


def searching_scans() -> str:
    """The old index was dropped first."""
    return "The old vector index is dropped: until the swap, a search by meaning looks at every memory."


def without_old_vector(count: int) -> str:
    """After a rollback."""
    have = "1 memory that was" if count == 1 else f"{count:,} memories that were"
    return f"{have} written or edited since the swap have no vector of the old model: embed them with --only-missing."


def space_is_not_returned() -> str:
    """After the column was dropped."""
    return (
        "The table keeps the space of the dropped vectors and fills it again with time. VACUUM FULL knowledge_nodes "
        "gives it back at once; nobody can read or write memories meanwhile."
    )


def rolled_back(size: int) -> str:
    """After a rollback."""
    return (
        f"The new vectors are kept beside the old ones and hold {in_words(size)} of disk: run migrate reembed again "
        "to go on with them, or --abandon to remove them."
    )


def nothing_left() -> str:
    """Nothing to finish, to bring back or to abandon."""
    return "No re-embedding has left anything in this database."


def kept_from_before(state: ReembedState) -> str:
    """The registry says that there is nothing to do, and parts of a run are left."""
    return (
        f"What a re-embedding has left in this database holds {in_words(state.disk)}: see --finish, --rollback and "
        "--abandon."
    )
