"""How the wizard goes on after a copy: with the same memories to a server, or with another file to the same place."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from vestige_tui.core.dsn import EMBEDDED
from vestige_tui.screens.dsn_fields import without_secrets
from vestige_tui.screens.state import PasswordOrigin, Prefill, Target, WizardState
from vestige_tui.screens.steps import Step


class Onward(Enum):
    """What comes next, and the step at which it begins."""

    SERVER = Step.DESTINATION
    """The same source, and a server in place of the embedded one."""

    SOURCE = Step.SOURCE
    """The file of another machine, and the same destination."""


def begun_again(state: WizardState, onward: Onward) -> WizardState:
    """The answers that still hold. A destination is tested anew: there is more in it now."""
    if onward is Onward.SERVER:
        return replace(state.with_target(None), prefill=replace(state.prefill, postgres_url="", server=True))
    kept = _named(state.target) if state.target is not None else state.prefill.postgres_url
    named = Prefill(postgres_url=kept, another=True)
    return WizardState(prefill=named, presented=state.presented, unknown_embedder=state.unknown_embedder)


def _named(target: Target) -> str:
    """A destination as its field takes it. A password that the keyring has stays there."""
    if target.embedded:
        return EMBEDDED
    dsn = without_secrets(target.dsn) if target.password is PasswordOrigin.KEYRING else target.dsn
    return dsn.conninfo()
