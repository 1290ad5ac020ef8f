"""The state of the wizard: one frozen dataclass, replaced at each answer and passed from screen to screen.

A ``with_…`` method changes an answer and drops everything that was derived from the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from vestige_tui.core.errors import MigrationError, ModelMismatchError
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.run.model_check import agree

if TYPE_CHECKING:
    from vestige_tui.core.destination.inspection import Destination
    from vestige_tui.core.destination.probe import Probe
    from vestige_tui.core.dsn import Dsn
    from vestige_tui.core.mending import MendedField
    from vestige_tui.core.model import ModelSignature
    from vestige_tui.core.plan import CopyPlan, VerificationPlan
    from vestige_tui.core.reembed.report import ReembedReport
    from vestige_tui.core.report import MigrationReport
    from vestige_tui.core.rows.problems import RowError
    from vestige_tui.core.source.describe import SourceDescription
    from vestige_tui.core.verify.report import VerificationReport
    from vestige_tui.screens.embedding import Embedding
    from vestige_tui.screens.machine import Kept


class UpgradeChoice(StrEnum):
    """What to do with a source that lacks the V15 parts."""

    NONE = "none"
    """Nothing is chosen, or nothing is needed."""

    PRIVATE_COPY = "private copy"
    IN_PLACE = "in place"


class PasswordOrigin(StrEnum):
    """Where the password of a destination comes from."""

    NONE = "none"
    """No password is needed, or libpq finds it: in ``PGPASSWORD``, a passfile, or a service."""

    TYPED = "typed"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class Target:
    """The chosen destination: its connection string, and what a test of it found.

    ``probe`` is of this very ``dsn``, password included; an ``embedded`` server is the one that vestige-tui runs.
    """

    dsn: Dsn
    probe: Probe
    embedded: bool = False
    password: PasswordOrigin = PasswordOrigin.NONE

    @property
    def destination(self) -> Destination:
        """The destination as the test found it; a run inspects it again."""
        return self.probe.destination


@dataclass(frozen=True, slots=True)
class Prefill:
    """What the command line names: the initial content of the fields.

    ``postgres_url`` is a connection string, which may hold a password, or the word ``embedded``. ``server``: a server
    is wanted, even if the last run went to the embedded one. ``another``: another file is wanted than the last one.
    """

    sqlite_path: str = ""
    postgres_url: str = field(default="", repr=False)
    server: bool = False
    another: bool = False


@dataclass(frozen=True, slots=True)
class ModelAgreement:
    """The answer to the question about the model: ``signature`` is recorded for the vectors at the destination.

    ``presented`` is the embedder that the run is given; with None the source's own model is used.
    """

    signature: ModelSignature | None
    presented: ModelSignature | None


@dataclass(frozen=True, slots=True)
class WizardState:
    """The operator's answers so far and what follows from them; None where there is nothing yet.

    ``presented`` is the embedder that a flag or the environment names, ``unknown_embedder`` why what the environment
    names is none. ``backup`` is where an upgrade in place put
    its backup. ``stale_allowed``: the operator wants a source copied that Vestige 4 has moved on from. ``preview`` is
    the report of the dry run, ``report`` that of the copy; ``preview_failure`` and ``failure`` say what ended them,
    where something did. ``only`` are the rows that the copy is restricted to, where failed ones are tried again.
    ``whole`` is the report of the last copy that was not restricted.
    ``saved`` and ``receipt`` are the files that keep report and receipt, ``unsaved`` is why there is none.
    ``verification`` is the report of the last comparison after the copy, ``verification_failure`` what ended it,
    ``verification_kept`` the files that keep its report and receipt.

    ``repairs`` are the operator's, of this source; ``known`` are its problems that runs have found, by the labels of
    the source, also those that are repaired by now. ``unsettled`` are the problems that are open after the copies so
    far, by the same labels: one goes when its row is proven right. ``mended`` are the table, row and field of each
    difference of the last comparison that is right by now.

    ``embedding`` is what embeds memories after the copy, ``embedded`` its report, ``embedding_failure`` what ended it
    and ``embedding_saved`` the file that keeps its report. ``swapped`` is the model that it put in place.
    ``handed_over`` is the file of Vestige that names the destination now.
    """

    prefill: Prefill = Prefill()
    presented: ModelSignature | None = None
    unknown_embedder: str = ""
    source: SourceDescription | None = None
    target: Target | None = None
    upgrade: UpgradeChoice = UpgradeChoice.NONE
    backup: Path | None = None
    stale_allowed: bool = False
    repairs: Repairs = field(default=NO_REPAIRS, repr=False)  # it holds what was typed
    known: tuple[RowError, ...] = ()
    unsettled: tuple[RowError, ...] = ()
    mended: frozenset[tuple[str, str, str]] = frozenset()
    model_answer: ModelAgreement | None = None
    embedding: Embedding | None = None
    embedded: ReembedReport | None = None
    embedding_failure: MigrationError | None = None
    embedding_saved: Path | None = None
    swapped: ModelSignature | None = None
    preview: MigrationReport | None = None
    preview_failure: MigrationError | None = None
    report: MigrationReport | None = None
    failure: MigrationError | None = None
    only: Mapping[str, frozenset[str]] | None = None
    whole: MigrationReport | None = None
    saved: Path | None = None
    receipt: Path | None = None
    unsaved: str = ""
    verification: VerificationReport | None = None
    verification_failure: MigrationError | None = None
    verification_kept: Kept | None = None
    handed_over: Path | None = None

    def with_source(self, source: SourceDescription | None, repairs: Repairs = NO_REPAIRS) -> WizardState:
        """Another source, or the same one inspected again: everything later is dropped; also a destination in which
        tables were set aside, since another source may have rows for them. ``repairs`` are those kept of the source.
        """
        target = None if self.target is not None and self.target.destination.set_aside else self.target
        return replace(
            self.without_upgrade(), source=source, target=target, stale_allowed=False, repairs=repairs, known=()
        )

    def with_repairs(self, repairs: Repairs) -> WizardState:
        """Other repairs. The preview stays, to compare with; it is not up to date any more."""
        return replace(self, repairs=repairs)

    def with_known(self, known: tuple[RowError, ...]) -> WizardState:
        """The problems that are known now."""
        return replace(self, known=known)

    @property
    def preview_up_to_date(self) -> bool:
        """Whether the preview was made with the repairs as they are now."""
        return self.preview is not None and self.preview.plan.repairs == self.repairs

    def with_stale_allowed(self) -> WizardState:
        """The operator wants to copy a stale source anyway."""
        return replace(self, stale_allowed=True)

    def with_target(self, target: Target | None) -> WizardState:
        """Another destination, or the same one tested again: the model and everything later is asked again."""
        return replace(self.without_model(), target=target, handed_over=None)

    def with_upgrade(self, choice: UpgradeChoice) -> WizardState:
        """How a source from before V15 is upgraded; the preview is dropped."""
        return replace(self.without_preview(), upgrade=choice)

    def with_upgraded_source(self, source: SourceDescription, backup: Path | None) -> WizardState:
        """The source after an upgrade in place, as it now is; ``backup`` is the file as it was before."""
        return replace(
            self.without_preview(),
            source=source,
            upgrade=UpgradeChoice.IN_PLACE,
            backup=backup,
            model_answer=None,
            embedding=None,
        )

    def with_model(self, answer: ModelAgreement | None, embedding: Embedding | None = None) -> WizardState:
        """The answer to the question about the model, and what embeds the memories anew after the copy."""
        return replace(self.without_preview(), model_answer=answer, embedding=embedding)

    def with_embedding(self, embedding: Embedding) -> WizardState:
        """What is to be embedded now that the copy is over."""
        return replace(self._without_embedded(), embedding=embedding)

    def with_embedded(
        self, report: ReembedReport | None, failure: MigrationError | None = None, *, saved: Path | None = None
    ) -> WizardState:
        """What an embedding did, even if it did not finish."""
        swapped = self.swapped
        if report is not None and report.action == "reembed" and report.outcome.finished:
            swapped = report.target
        return replace(self, embedded=report, embedding_failure=failure, embedding_saved=saved, swapped=swapped)

    def _without_embedded(self) -> WizardState:
        return replace(self, embedded=None, embedding_failure=None, embedding_saved=None)

    def with_preview(self, report: MigrationReport | None, failure: MigrationError | None = None) -> WizardState:
        """What a dry run found, or what ended it. The result of an earlier copy stays."""
        return replace(self, preview=report, preview_failure=failure)

    def with_only(self, only: Mapping[str, frozenset[str]] | None) -> WizardState:
        """The rows that the next copy is restricted to; None for all of them."""
        return replace(self, only=only)

    def with_report(
        self,
        report: MigrationReport | None,
        failure: MigrationError | None = None,
        *,
        saved: Path | None = None,
        receipt: Path | None = None,
        unsaved: str = "",
    ) -> WizardState:
        """What a copy did, even if it did not finish, and where its report and its receipt are saved."""
        return replace(
            self.without_report(),
            report=report,
            whole=report if self.only is None else self.whole,
            failure=failure,
            saved=saved,
            receipt=receipt,
            unsaved=unsaved,
            unsettled=self._unsettled_after(report),
        )

    def _unsettled_after(self, report: MigrationReport | None) -> tuple[RowError, ...]:
        """The problems that are open after a copy, by the labels of the source."""
        from vestige_tui.core.open_problems import still_open
        from vestige_tui.core.repairs.labels import by_source_labels

        if report is None:
            return self.unsettled
        repairs = report.plan.repairs
        return (*by_source_labels(still_open(self.unsettled, report, only=self.only, repairs=repairs), repairs),)

    def with_mended(self, fields: Iterable[MendedField]) -> WizardState:
        """The differences that were set right at the destination; what could not be set stays, with the reason."""
        from vestige_tui.core.open_problems import without_mended

        became = (*fields,)
        right = {(each.table, each.row, each.field) for each in became if each.is_right}
        unsettled = (*without_mended(self.unsettled, became),)
        return replace(self, mended=self.mended | right, unsettled=unsettled)

    def with_verification(
        self,
        report: VerificationReport | None,
        failure: MigrationError | None = None,
        *,
        kept: Kept | None = None,
        unsaved: str = "",
    ) -> WizardState:
        """What a comparison after the copy found, and where its report and its receipt are saved."""
        return replace(
            self,
            mended=frozenset() if report is not None else self.mended,
            verification=report,
            verification_failure=failure,
            verification_kept=kept or self.verification_kept,
            unsaved=unsaved or self.unsaved,
        )

    def without_upgrade(self) -> WizardState:
        """Drop the answer about the upgrade and everything later."""
        return replace(self.without_model(), upgrade=UpgradeChoice.NONE, backup=None)

    def without_model(self) -> WizardState:
        """Drop the answer about the model and everything later."""
        return replace(self.without_preview(), model_answer=None, embedding=None)

    def without_preview(self) -> WizardState:
        """Drop the preview and everything later."""
        embedding = self.embedding if self.embedding is not None and not self.embedding.only_missing else None
        return replace(self.without_report(), preview=None, preview_failure=None, only=None, embedding=embedding)

    def without_report(self) -> WizardState:
        """Drop what a copy did, and what was found after it."""
        return replace(
            self._without_embedded(),
            swapped=None,
            unsettled=(),
            mended=frozenset(),
            report=None,
            whole=None,
            failure=None,
            saved=None,
            receipt=None,
            unsaved="",
            verification=None,
            verification_failure=None,
            verification_kept=None,
        )

    @property
    def proven_whole(self) -> MigrationReport | None:
        """The last copy of all rows, where it and the later ones of some rows have compared every value and found
        nothing that is still wrong.
        """
        runs = (self.whole, self.report)
        compared = all(
            run is not None and run.verified and not run.differences and not run.differences_omitted for run in runs
        )
        return self.whole if compared and not self.unsettled else None

    @property
    def source_path(self) -> Path | None:
        """The file that is chosen."""
        return self.source.path if self.source is not None else None

    @property
    def source_settled(self) -> bool:
        """Whether a source is chosen and, if it is stale, confirmed."""
        return self.source is not None and (self.source.stale is None or self.stale_allowed)

    @property
    def upgrade_needed(self) -> bool:
        """Whether the source lacks parts that a copy needs."""
        return self.source is not None and not self.source.has_v15

    @property
    def upgrade_settled(self) -> bool:
        """Whether the source has everything a copy needs, or a private copy will have it."""
        return self.source is not None and (self.source.has_v15 or self.upgrade is UpgradeChoice.PRIVATE_COPY)

    @property
    def mismatch(self) -> ModelMismatchError | None:
        """The mismatch between source, presented embedder and destination, as the copier would report it."""
        if self.source is None or self.target is None:
            return None
        try:
            agree(self.source, self._presented_now, self.target.destination.registered)
        except ModelMismatchError as error:
            return error
        return None

    @property
    def agreement(self) -> ModelAgreement | None:
        """The operator's answer, or what source and destination agree on without a question."""
        if self.model_answer is not None:
            return self.model_answer
        if self.source is None or self.target is None or self.mismatch is not None:
            return None
        signature = agree(self.source, self.presented, self.target.destination.registered)
        return ModelAgreement(signature, self.presented)

    @property
    def embedding_due(self) -> bool:
        """Whether the copy is finished, and memories are to be embedded."""
        if self.embedding is None or self.report is None or not self.report.outcome.finished:
            return False
        return self.embedded is None and self.embedding_failure is None

    @property
    def new_vectors(self) -> bool:
        """Whether the destination has another model now than the source: nothing more can be copied into it."""
        return self.swapped is not None

    @property
    def _presented_now(self) -> ModelSignature | None:
        return self.model_answer.presented if self.model_answer is not None else self.presented

    def plan(self, *, dry_run: bool) -> CopyPlan:
        """The plan of the run. Raises ``ValueError`` without a source or a destination."""
        from vestige_tui.core.plan import CopyPlan

        if self.source is None or self.target is None:
            raise ValueError("a plan needs a source and a destination")
        return CopyPlan(
            self.source.path,
            self.target.dsn,
            upgrade_copy=self.upgrade is UpgradeChoice.PRIVATE_COPY,
            dry_run=dry_run,
            allow_stale_source=self.stale_allowed,
            receipt=not dry_run,
            repairs=self.repairs,
        )

    def verification_plan(self) -> VerificationPlan:
        """The plan of a verification. Raises ``ValueError`` without a source or a destination."""
        from vestige_tui.core.plan import VerificationPlan

        if self.source is None or self.target is None:
            raise ValueError("a plan needs a source and a destination")
        return VerificationPlan(
            self.source.path,
            self.target.dsn,
            allow_stale_source=self.stale_allowed,
            receipt=True,
            repairs=self.repairs_of_copy,
        )

    @property
    def repairs_of_copy(self) -> Repairs:
        """The repairs that the last copy was given; before any, those that the next one will be given."""
        return self.repairs if self.report is None else self.report.plan.repairs

    @property
    def presented_to_run(self) -> ModelSignature | None:
        """The embedder that a run is given."""
        agreement = self.agreement
        return agreement.presented if agreement is not None else self.presented


def rows_in_source(state: WizardState) -> Mapping[str, int]:
    """The rows of each table of the source; empty without a source."""
    return state.source.rows if state.source is not None else {}
