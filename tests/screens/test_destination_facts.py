"""What a test of a connection says of the destination, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.states import probed, target
from vestige_tui.core.destination.inspection import Privileges
from vestige_tui.screens.destination_facts import facts_of


@pytest.mark.parametrize(
    ("privileges", "pgvector", "words"),
    [
        (Privileges(True, True, True), True, "may create tables, temporary tables"),
        (Privileges(True, True, True), False, "may create tables, temporary tables, add pgvector"),
        (Privileges(True, True, False), False, "may create tables, temporary tables; ! may not: add pgvector"),
        (Privileges(False, True, False), True, "may create temporary tables; ! may not: create tables"),
        (Privileges(True, False, False), True, "may create tables; ! may not: create temporary tables"),
        (Privileges(False, False, False), False, "! may not: create tables, temporary tables, add pgvector"),
    ],
)
def test_what_the_user_may_do(privileges: Privileges, pgvector: bool, words: str) -> None:
    """Each list reads as a sentence by itself."""
    probe = probed()
    found = replace(probe.destination, privileges=privileges, vector_schema="public" if pgvector else None)
    facts = dict(facts_of(replace(target(), probe=replace(probe, destination=found))))
    assert str(facts["Your user"]) == words


def test_what_is_set_aside() -> None:
    found = probed()
    aside = found.destination.without({"domains": ("domains.label is missing (text)",)})
    facts = dict(facts_of(replace(target(), probe=replace(found, destination=aside))))
    assert str(facts["Not needed"]) == "domains: of another form, and the source has no rows for it"
