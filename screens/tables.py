"""The tables in the order in which people think of them: memories first."""

from __future__ import annotations

from vestige_tui.core.rows.tables import BY_NAME

SHOWN = tuple(
    BY_NAME[name]
    for name in (
        "knowledge_nodes",
        "scheduling",
        "edges",
        "review_events",
        "domains",
        "users",
        "groups",
        "group_memberships",
    )
)
"""All of them, as the screens list them; a copy takes them in another order."""
