"""The wizard's state: a changed answer takes along whatever was derived from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.support.scenes import embedded, embedding
from tests.support.sources import SMALL_SPEC, Sources, signature
from tests.support.states import probed, report, settled_state, target
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Outcome
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.state import ModelAgreement, Prefill, UpgradeChoice, WizardState
from vestige_tui.screens.steps import Step, asks, next_step


@pytest.fixture
def full(small_source: Path) -> WizardState:
    """Every answer given, everything found out."""
    return settled_state(small_source)


def test_another_source_drops_all_but_the_destination(full: WizardState, sources: Sources) -> None:
    changed = full.with_source(describe(sources.published(13, v15=False, name="other.db")))
    assert changed.target is full.target
    assert changed.upgrade is UpgradeChoice.NONE
    assert (changed.model_answer, changed.preview, changed.report, changed.backup) == (None, None, None, None)


def test_another_destination_keeps_source_and_upgrade(full: WizardState) -> None:
    changed = full.with_target(target("elsewhere"))
    assert changed.source is full.source
    assert changed.upgrade is full.upgrade
    assert (changed.model_answer, changed.preview, changed.report) == (None, None, None)


def test_another_upgrade_drops_the_preview(full: WizardState) -> None:
    changed = full.with_upgrade(UpgradeChoice.PRIVATE_COPY)
    assert changed.model_answer is full.model_answer
    assert (changed.preview, changed.report) == (None, None)


def test_another_model_drops_the_preview(full: WizardState) -> None:
    changed = full.with_model(None)
    assert changed.upgrade is full.upgrade
    assert (changed.preview, changed.report) == (None, None)


def test_a_state_cannot_be_changed_in_place(full: WizardState) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        full.source = None  # type: ignore[misc]


def test_models_that_agree_need_no_answer(small_source: Path) -> None:
    state = WizardState(source=describe(small_source), target=target(registered=signature(8)))
    assert state.mismatch is None
    assert state.agreement == ModelAgreement(signature(8), None)


def test_models_that_disagree_have_none_until_answered(small_source: Path) -> None:
    other = ModelSignature("BAAI/bge-large-en-v1.5", 1024)
    state = WizardState(presented=other, source=describe(small_source), target=target())
    assert state.mismatch is not None
    assert state.agreement is None
    answered = state.with_model(ModelAgreement(signature(8), None))
    assert answered.mismatch is None
    assert answered.agreement == ModelAgreement(signature(8), None)


def test_a_plan_says_what_was_answered(small_source: Path) -> None:
    state = WizardState(source=describe(small_source), target=target(), upgrade=UpgradeChoice.PRIVATE_COPY)
    plan = state.plan(dry_run=True)
    assert (plan.sqlite_path, plan.dry_run, plan.upgrade_copy) == (small_source, True, True)
    assert not plan.allow_source_upgrade


def test_a_plan_needs_both_ends() -> None:
    with pytest.raises(ValueError, match="source and a destination"):
        WizardState().plan(dry_run=True)


def test_no_password_is_in_the_words_for_a_state(small_source: Path) -> None:
    prefill = Prefill(postgres_url="postgresql://u:canary-7f3a@h/d")
    state = WizardState(prefill=prefill, source=describe(small_source), target=target(password="canary-7f3a"))
    assert "canary" not in repr(state)
    assert "canary" not in str(state)


def test_another_source_may_need_what_was_set_aside(full: WizardState) -> None:
    assert full.with_source(None).target == full.target is not None
    found = probed()
    aside = found.destination.without({"review_events": ("review_events.id is missing (uuid)",)})
    state = full.with_target(dataclasses.replace(target(), probe=dataclasses.replace(found, destination=aside)))
    assert state.with_source(None).target is None


def test_the_probe_belongs_to_the_target() -> None:
    assert target(registered=signature(SMALL_SPEC.dimension)).probe == probed(registered=signature(8))


def test_what_is_embedded_after_a_copy_goes_with_the_answers_before_it(small_source: Path) -> None:
    state = settled_state(small_source).with_model(ModelAgreement(signature(8), None), embedding())
    assert (state.embedding, asks(Step.EMBED, state)) == (embedding(), False)
    copied = state.with_preview(report(state, dry_run=True)).with_report(report(state))
    assert next_step(Step.COPY, copied) is Step.EMBED
    done = copied.with_embedded(embedded())
    assert (next_step(Step.COPY, done), done.swapped) == (Step.REPORT, embedded().target)
    missing = done.with_embedding(embedding(only_missing=True))
    assert (missing.embedded, missing.swapped, asks(Step.EMBED, missing)) == (None, done.swapped, True)
    assert missing.with_report(report(state)).swapped is None
    for dropped in (done.without_preview(), done.with_upgrade(UpgradeChoice.PRIVATE_COPY)):
        assert (dropped.embedding, dropped.embedded, dropped.swapped) == (embedding(), None, None)
    assert missing.without_preview().embedding is None
    assert done.with_target(None).embedding is None
    assert done.with_model(None).embedding is None
    cancelled = copied.with_report(report(state, Outcome.CANCELLED))
    assert next_step(Step.COPY, cancelled) is Step.REPORT
