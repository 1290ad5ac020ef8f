"""The model step: whether source, this run and destination agree on the embedding model, and the choices if not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, RadioSet, Static

from vestige_tui.core.embedder import VESTIGE_MODELS
from vestige_tui.core.text import display_safe
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.embedder_dialog import EmbedderDialog
from vestige_tui.screens.embedding import Embedding
from vestige_tui.screens.model_question import (
    UNRECORDED,
    Question,
    candidates,
    differing,
    holders,
    named,
    own_model,
    question,
    vector_dimension,
)
from vestige_tui.screens.state import ModelAgreement
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.choice import Choice, Choices
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.signatures import Signatures
from vestige_tui.screens.widgets.text import lines

_WHY = (
    "A vector only means something to the model that made it. Next to vectors of another model, memories would be "
    "found at random. So the copy stops here unless all agree."
)

_UNSET = "This run goes on as if it were not set. Vestige knows"


class ModelScreen(StepScreen):
    """Shows the models that differ, and takes the operator's decision."""

    HELP = """
An embedding model turns the text of a memory into a vector: a long list of numbers that stands for its meaning. Your
agent finds memories by comparing such vectors.

Vectors of two models cannot be compared, as little as coordinates on two different maps. A destination therefore
records its one model, and every copy checks it: name, dimension (how many numbers a vector has) and a hash over name,
dimension and release. An unknown hash agrees with every hash.

This run is the embedder that VESTIGE_EMBEDDING_MODEL picks.

Copy, then embed anew: the vectors are copied as they are, and then the other model makes new ones of all memories at
the destination. The old ones are kept until you drop them. It can also be done later:
vestige-tui migrate reembed --model NAME --postgres-url URL
"""

    KEEP: ClassVar[str] = "keep"
    NAME: ClassVar[str] = "another"
    LEAVE: ClassVar[str] = "leave"
    GO_BACK: ClassVar[str] = "go-back"
    EMBED: ClassVar[str] = "embed"

    @property
    def _question(self) -> Question:
        return question(self.state)

    @property
    def lead(self) -> str:
        """Whether the models agree."""
        return _LEADS[self._question]

    def compose_body(self) -> ComposeResult:
        """The signatures, what they mean, and what can be done."""
        asked = self._question
        yield Notice(id="environment")
        if asked is Question.NONE:
            yield Notice(id="notice")
        yield Signatures(holders(self.state), differing(self.state), id="signatures")
        if asked is not Question.NONE:
            yield Static(lines(self._meaning()), classes="paragraph")
            yield Choices(*self._choices(), id="ways")
            yield Input(
                self._name_given(), placeholder="name, as publisher/model", id="name", compact=True, max_length=200
            )
            yield Static(id="consequence", classes="indented")

    def on_mount(self) -> None:
        """The first choice has the focus; if the models match, a notice says so."""
        if self.state.unknown_embedder:
            self.query_one("#environment", Notice).say(
                Tone.WARNING, self.state.unknown_embedder, f"{_UNSET} {', '.join(VESTIGE_MODELS)}."
            )
        if self._question is Question.NONE:
            self.query_one("#notice", Notice).say(Tone.GOOD, self._match())
            self.query_one("#other-embedder").display = False
            self.query_one("#primary").focus()
            return
        self.query_one(Choices).focus()
        self.call_after_refresh(self._show_way)

    def _name_given(self) -> str:
        given = self.state.model_answer.signature if self.state.model_answer is not None else None
        return given.name if given is not None and given not in candidates(self.state) else ""

    def _match(self) -> str:
        agreement = self.state.agreement
        if agreement is None or agreement.signature is None:
            return "The vectors are copied unchanged; no model is recorded for them."
        name = display_safe(agreement.signature.name)
        return f"Source and destination speak of one model: {name}. The vectors are copied unchanged."

    def _meaning(self) -> str:
        if self._question is Question.UNKNOWN:
            return (
                f"The file does not say which model made its vectors of {vector_dimension(self.state):,} dimensions. "
                "A vector only means something to the model that made it: name it, and every later copy is checked."
            )
        return _WHY

    def _choices(self) -> Iterable[Choice]:
        embed = self._embedding is not None
        if self._question is Question.THIS_RUN:
            yield Choice("Keep the source's model", value=not embed, id=self.KEEP)
            name = self._embedding.signature.name if self._embedding is not None else self._presented_name
            yield Choice(lines(f"Copy, then embed anew with {name}"), value=embed, id=self.EMBED)
        if self._question is Question.UNKNOWN:
            known = candidates(self.state)
            given = self.state.model_answer
            chosen = next((number for number, model in enumerate(known) if given and model == given.signature), None)
            other = given is not None and given.signature is not None and chosen is None
            for number, signature in enumerate(known):
                value = not embed and (chosen == number or (given is None and number == 0))
                yield Choice(lines(signature.name), value=value, id=f"candidate-{number}")
            yield Choice("Another model", value=other or (given is None and not known), id=self.NAME)
            yield Choice("Leave it open", value=given == UNRECORDED and not embed, id=self.LEAVE)
            yield Choice("Copy, then embed anew with a model that you name", value=embed, id=self.EMBED)
        else:
            yield Choice(
                "Go back and choose another destination",
                value=self._question is Question.DESTINATION,
                id=self.GO_BACK,
            )

    @property
    def _embedding(self) -> Embedding | None:
        """The embedder that was named for after the copy."""
        found = self.state.embedding
        return found if found is not None and not found.only_missing else None

    @property
    def _presented_name(self) -> str:
        return self.state.presented.name if self.state.presented is not None else "another model"

    @property
    def _taken(self) -> str:
        return (self.query_one(Choices).taken or "") if self.is_mounted and self.query(Choices) else ""

    @property
    def _answer(self) -> ModelAgreement | None:
        """The answer that is chosen; None if it is not complete, or is no answer."""
        taken = self._taken
        if taken == self.KEEP:
            return own_model(self.state)
        if taken == self.EMBED:
            return own_model(self.state) if self._question is Question.THIS_RUN else UNRECORDED
        if taken == self.LEAVE:
            return UNRECORDED
        if taken == self.NAME:
            name = self.query_one("#name", Input).value.strip()
            return named(name, vector_dimension(self.state)) if name else None
        if taken.startswith("candidate-"):
            signature = candidates(self.state)[int(taken.removeprefix("candidate-"))]
            return named(signature.name, signature.dimension)
        return None

    @property
    def primary_label(self) -> str:
        """What will happen, depending on the choice."""
        if self._question is Question.NONE:
            return "Go on to the preview"
        if self._taken == self.EMBED and self._embedding is None:
            return "Name the embedder"
        return _LABELS.get(self._taken, "Record this model")

    @property
    def primary_ready(self) -> bool:
        """Another model needs its name."""
        return self._question is Question.NONE or self._taken == self.GO_BACK or self._answer is not None

    def explain_unready(self) -> None:
        """Ask for the model's name."""
        if self._taken == self.NAME:
            self.query_one("#name").focus()
            self.notify("Type the name of the model first, as publisher/model.")

    def primary(self) -> None:
        """Take the answer and go on, or go back."""
        if self._taken == self.GO_BACK:
            self.go_to(Step.DESTINATION)
        elif self._question is Question.NONE:
            self.advance(self.state)
        elif self._taken == self.EMBED and self._embedding is None:
            self.name_embedder()
        elif (answer := self._answer) is not None:
            embedding = self._embedding if self._taken == self.EMBED else None
            self.advance(self.state.with_model(answer, embedding))

    def extra_buttons(self) -> Iterable[Button]:
        """Another embedder than the one that was named."""
        yield Button("Another embedder", id="other-embedder", compact=True)

    @on(Button.Pressed, "#other-embedder")
    def name_embedder(self) -> None:
        """Ask for an embedder, and try it out."""
        memories = self.state.source.rows.get("knowledge_nodes", 0) if self.state.source is not None else 0
        dialog = EmbedderDialog(self.state.presented, memories, self.machine.find_key)
        self.app.push_screen(dialog, self._named_embedder)

    def _named_embedder(self, embedding: Embedding | None) -> None:
        if embedding is not None:
            self.keep(self.state.with_model(self._answer, embedding))
            self._show_way()

    @on(RadioSet.Changed)
    def _show_way(self) -> None:
        self.query_one("#name").display = self._taken == self.NAME
        self.query_one("#other-embedder").display = self._taken == self.EMBED and self._embedding is not None
        self.query_one("#consequence", Static).update(lines(self._consequence()))
        self.refresh_shell()

    def _consequence(self) -> str:
        taken = self._taken
        if taken == self.KEEP:
            agreement = own_model(self.state)
            name = agreement.signature.name if agreement and agreement.signature else "the model that made them"
            presented = self.state.presented.name if self.state.presented else "NAME"
            return (
                f"Vectors are copied unchanged. A Vestige that uses them must use {name}.\n"
                f"To change models later:  vestige-tui migrate reembed --model {presented} --postgres-url URL"
            )
        if taken == self.EMBED:
            return self._what_embedding_means()
        if taken == self.GO_BACK:
            return self._why_go_back()
        if taken == self.LEAVE:
            return "Vectors are copied unchanged, and nothing checks later that they fit the others."
        return "Recorded at the destination with the hash unknown, which agrees with every hash of that name."

    def _what_embedding_means(self) -> str:
        embedding = self._embedding
        if embedding is None:
            return (
                "The vectors are copied as they are. Then the embedder that you name, a server or a model on this "
                "machine, makes new ones of all memories, and they change places."
            )
        signature = embedding.signature
        return f"{signature.name}, {signature.dimension:,} elements. {embedding.costs} {embedding.contents_go}"

    def _why_go_back(self) -> str:
        own = holders(self.state)[0].signature
        if self._question is Question.THIS_RUN:
            return "Nothing has been written. Your answers so far stay."
        return (
            "An empty database takes these memories as they are. Or embed this one anew with the source's model, "
            f"then come back:\nvestige-tui migrate reembed --model {own.name if own else 'NAME'} --postgres-url URL"
        )

    @on(Input.Changed, "#name")
    def _typed(self) -> None:
        self.refresh_shell()

    @on(Input.Submitted, "#name")
    def _named(self) -> None:
        if self.primary_ready:
            self.primary()


_LEADS = {
    Question.NONE: "✓ one model on both sides",
    Question.THIS_RUN: "! this run names another model",
    Question.DESTINATION: "! the destination has another model",
    Question.UNKNOWN: "! it is not known which model made the vectors",
}
_LABELS = {
    ModelScreen.KEEP: "Keep the source's model",
    ModelScreen.LEAVE: "Copy without recording",
    ModelScreen.EMBED: "Copy, then embed anew",
    ModelScreen.GO_BACK: "Choose another destination",
}
