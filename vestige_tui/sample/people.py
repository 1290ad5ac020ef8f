"""Users, groups and their members; and the owner of each memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from vestige_tui.sample import clock
from vestige_tui.sample.chance import deck, pick
from vestige_tui.sample.memories import Memory
from vestige_tui.sample.phrases import PEOPLE
from vestige_tui.sample.v15 import BOOTSTRAP_USER_ID
from vestige_tui.sample.world import World

_GROUPS = ("Platform Team", "Research", "Onboarding", "Incident Response", "Design", "Ops & Reliability")


class Party(NamedTuple):
    """A row of ``users`` or ``groups``, in the order of its columns."""

    id: str
    handle: str
    display_name: str
    created_at: str
    metadata: str


class Membership(NamedTuple):
    """A row of ``group_memberships``, in the order of its columns."""

    user_id: str
    group_id: str
    role: str
    joined_at: str


class Ownership(NamedTuple):
    """The V15 columns of a memory, in their order; the groups are a JSON list."""

    owner_user_id: str
    visibility: str
    shared_with_groups: str


class People:
    """The users and groups of a sample, and what they own."""

    def __init__(self, world: World) -> None:
        """Name ``spec.users`` users and ``spec.groups`` groups."""
        self._world = world
        self.users = [_party(world, "user", number, PEOPLE) for number in range(world.spec.users)]
        self.groups = [_party(world, "group", number, _GROUPS) for number in range(world.spec.groups)]
        self._visibilities = deck({"private": 7, "group": 2 if self.groups else 0, "public": 1})

    def memberships(self) -> Iterator[Membership]:
        """Yield distinct memberships, at most as many as there are pairs; the first of each group is its admin."""
        members = [BOOTSTRAP_USER_ID, *(user.id for user in self.users)]
        pairs = len(members) * len(self.groups)
        rng = self._world.rng("memberships", 0)
        led: set[int] = set()
        for code in rng.sample(range(pairs), min(pairs, self._world.spec.memberships)):
            member, group = divmod(code, len(self.groups))
            role = "member" if group in led else "admin"
            led.add(group)
            joined = clock.text(clock.START + 40 * clock.DAY + rng.randrange(30 * clock.DAY))
            yield Membership(members[member], self.groups[group].id, role, joined)

    def ownership(self, memory: Memory) -> Ownership:
        """Return who owns a memory and who sees it, flaws included.

        A third belongs to real users where there are any; of those that are not private, most are shared with groups.
        """
        rng = memory.rng
        owned = self.users and rng.random() < 0.35
        owner = pick(rng, self.users).id if owned else BOOTSTRAP_USER_ID
        visibility = pick(rng, self._visibilities)
        row = Ownership(owner, visibility, self._shared(rng) if visibility == "group" else "[]")
        flaw = self._world.flaws.get(memory.number)
        if flaw and flaw.column in Ownership._fields:
            return row._replace(**{flaw.column: flaw.value})
        return row

    def _shared(self, rng: Random) -> str:
        shared = rng.sample(self.groups, rng.randint(1, min(3, len(self.groups))))
        return json.dumps([group.id for group in shared])


def _party(world: World, kind: str, number: int, names: tuple[str, ...]) -> Party:
    again, which = divmod(number, len(names))
    name = names[which] + (f" {again + 1}" if again else "")
    rng = world.rng(kind, number)
    details = {"locale": rng.choice(("en", "de-CH", "pt-PT", "ja")), "joined_via": rng.choice(("invite", "sso"))}
    return Party(
        id=world.uuid(kind, number),
        handle=name.lower().replace(" & ", "-").replace(" ", "-"),
        display_name=name,
        created_at=clock.text(clock.START + number * clock.DAY + rng.randrange(clock.DAY)),
        metadata=json.dumps(details) if rng.random() < 0.7 else "{}",
    )
