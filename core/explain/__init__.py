"""What an operator reads about a problem, from data, in the tense that fits: of any run, of a dry run, of a copy.

Each module has the words of one subject; this is where all of them are imported from.
"""

from vestige_tui.core.explain.connecting import OBSTACLES, STORED_PASSWORD_REFUSED, obstacle_met
from vestige_tui.core.explain.embedders import REFUSALS, embedder_obstacle
from vestige_tui.core.explain.errors import REFERENCES_PENDING, data_state, unexpected_fault
from vestige_tui.core.explain.indexes import index_advice, index_foretold, index_span, index_time
from vestige_tui.core.explain.locks import lock_holder, waiting_for
from vestige_tui.core.explain.mending import mended_words, why_not_mended
from vestige_tui.core.explain.missing import Shortfall, shortfalls, what_is_missing
from vestige_tui.core.explain.results import (
    already_different,
    arrived_different,
    by_operator,
    memories_there,
    need_you,
    not_verified,
    why_not_verified,
)
from vestige_tui.core.explain.rows import NOT_OVERWRITTEN, fate, fate_in_full, meaning, remedy
from vestige_tui.core.explain.sources import STALE_MEANS, stale_source
from vestige_tui.core.explain.tense import Tense, tense_of
from vestige_tui.core.explain.vectors import VECTOR_FATES, unknown_hash, vector_group

__all__ = [
    "NOT_OVERWRITTEN",
    "OBSTACLES",
    "REFERENCES_PENDING",
    "REFUSALS",
    "STALE_MEANS",
    "STORED_PASSWORD_REFUSED",
    "VECTOR_FATES",
    "Shortfall",
    "Tense",
    "already_different",
    "arrived_different",
    "by_operator",
    "data_state",
    "embedder_obstacle",
    "fate",
    "fate_in_full",
    "index_advice",
    "index_foretold",
    "index_span",
    "index_time",
    "lock_holder",
    "meaning",
    "memories_there",
    "mended_words",
    "need_you",
    "not_verified",
    "obstacle_met",
    "remedy",
    "shortfalls",
    "stale_source",
    "tense_of",
    "unexpected_fault",
    "unknown_hash",
    "vector_group",
    "waiting_for",
    "what_is_missing",
    "why_not_mended",
    "why_not_verified",
]
