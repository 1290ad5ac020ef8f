"""What one re-embedding is to do."""

from __future__ import annotations

from dataclasses import dataclass

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.model import ModelSignature

DEFAULT_BATCH_SIZE = 128
DEFAULT_MAX_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class ReembedPlan:
    """One re-embedding of the store at ``postgres_url``.

    ``batch_size`` is in memories per call of the embedder and per transaction. ``drop_hnsw_first`` frees the old vector
    index early: until the swap a search by meaning looks at every memory. ``concurrent_index`` lets other sessions
    write while the new index is built. ``only_missing`` embeds the memories without a vector, with the registered
    model. ``no_swap`` stops before the swap, with everything ready for it. ``dry_run`` writes nothing.

    ``model`` names the model where no embedder is at hand, which a dry run does without.
    """

    postgres_url: Dsn
    model: ModelSignature | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    drop_hnsw_first: bool = False
    concurrent_index: bool = False
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    dry_run: bool = False
    only_missing: bool = False
    no_swap: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.max_connections < 1:
            raise ValueError("batch_size and max_connections are at least 1")
