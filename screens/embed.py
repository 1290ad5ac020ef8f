"""The step after a copy that embeds memories: its bars, how neighbours change, and a button to cancel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Label, Static

from vestige_tui.core.explain import waiting_for
from vestige_tui.core.reembed.events import ReembedPhase
from vestige_tui.core.reembed.examples import WordedExample
from vestige_tui.core.reembed.words import kept_in_words, retrying
from vestige_tui.core.text import clock, excerpt, per_second, size
from vestige_tui.screens.embed_run import DOWNLOAD, EMBEDDING, INDEX, STORING, EmbedProgress, EmbedRun, Part
from vestige_tui.screens.running_step import RunningStep
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.stopping import EMBED_STOP, Stop
from vestige_tui.screens.widgets.progress_bars import bar_parts
from vestige_tui.screens.widgets.text import plain
from vestige_tui.screens.work import WorkRequested

_TITLE, _COUNTS = 14, 30
_NEAREST = 2


class EmbedBars(Static):
    """A bar for each part: of a swap all of them, of vectors added in place the first."""

    def __init__(self, titles: tuple[str, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._titles = titles
        self._progress = EmbedProgress()

    def show(self, progress: EmbedProgress) -> None:
        """Show an embedding as it is now."""
        self._progress = progress
        self.refresh()

    def render(self) -> Content:
        """One line a part, as wide as there is room."""
        parts = self._progress.parts
        titles = ((DOWNLOAD,) if DOWNLOAD in parts else ()) + self._titles
        width = max(8, self.size.width - _TITLE - _COUNTS - 4)
        return Content("\n").join(_bar(title, parts.get(title), width) for title in titles)


def _bar(title: str, part: Part | None, width: int) -> Content:
    fraction = part.done / part.total if part is not None and part.total else 0.0
    finished = fraction >= 1
    counts = _counts(title, part) if part is not None else ""
    return Content.assemble(
        (f"{title:<{_TITLE}}", "" if part is not None else "$muted"),
        *bar_parts(fraction, width, "$success" if finished else "$accent"),
        f"  {counts:>{_COUNTS}}",
        (" ✓" if finished else "  ", "$success"),
    )


def _counts(title: str, part: Part) -> str:
    if title == DOWNLOAD:
        return size(int(part.done)) + (f" of {size(int(part.total))}" if part.total else "")
    if title == INDEX:
        return f"{part.done / part.total:.0%}" if part.total else ""
    rate = f"  {per_second(part.rate)}/s" if part.rate else ""
    return f"{int(part.done):,} / {int(part.total or 0):,}{rate}"


class EmbedScreen(RunningStep):
    """Shows an embedding from start to end, then goes on to the report."""

    HELP = """
The memories at the destination get new vectors. Each batch is kept there as soon as it is done.

Until all new vectors are ready, searches use the old ones. Then both are compared: how many of the ten nearest memories
of each stay the same? If hardly any do, the model may be the wrong one. One short transaction puts the new vectors in
place, with their model; the old ones are kept beside them until you drop them.

Cancel ends it after the batch in flight. It can go on from there, now or later, and embeds nothing twice.
"""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    _run: EmbedRun | None = None
    _progress = EmbedProgress()

    @property
    def _only_missing(self) -> bool:
        return self.state.embedding is not None and self.state.embedding.only_missing

    def compose_body(self) -> ComposeResult:
        """What is embedded with what, the bars, and how neighbours change."""
        embedding = self.state.embedding
        if embedding is not None:
            yield Static(plain(f"{embedding.signature.name}, {embedding.signature.dimension:,} elements"), id="model")
            yield Static(plain(embedding.contents_go, "$muted"), classes="paragraph")
        yield Label(id="phase")
        yield EmbedBars((EMBEDDING,) if self._only_missing else (EMBEDDING, STORING, INDEX), id="bars")
        yield Static(id="neighbours")

    @property
    def stop(self) -> Stop:
        """What stopping means; it is the same all the time."""
        return EMBED_STOP

    def on_mount(self) -> None:
        """Start it."""
        if self.state.embedding is not None and self.state.target is not None:
            self._run = EmbedRun(
                self.state.target.dsn, self.state.embedding, self.post_message, keep=self.machine.keep_embedding
            )
            self._run.before = self.start_embedded
            self.post_message(WorkRequested(self._run))
        self._show(self._progress)
        self.query_one("#cancel").focus()

    @property
    def lead(self) -> str:
        """The time elapsed and the time left for embedding."""
        parts = [self.elapsed]
        part = self._progress.parts.get(EMBEDDING)
        if part is not None and part.rate and part.total and part.done < part.total:
            parts.append(f"about {clock(max(1.0, (part.total - part.done) / part.rate))} left to embed")
        return " · ".join(parts)

    @on(EmbedRun.Progressed)
    def _progressed(self, event: EmbedRun.Progressed) -> None:
        self._show(event.progress)

    def _show(self, progress: EmbedProgress) -> None:
        self._progress = progress
        self.query_one(EmbedBars).show(progress)
        self.show_phase()
        self.query_one("#neighbours", Static).update(Content("\n").join(neighbours_in_words(progress, self._room)))
        self.show_time()

    @property
    def _room(self) -> int:
        return max(20, self.query_one("#body").size.width - 2)

    def show_phase(self) -> None:
        """What is done, or waited for."""
        self.query_one("#phase", Label).update(self._phase_line())

    def _phase_line(self) -> Content:
        if self._run is not None and self._run.cancelled:
            return self.stopping()
        progress = self._progress
        if progress.waiting is not None:
            return Content.assemble(("… ", "bold $warning"), f"{waiting_for(progress.waiting)}…")
        if progress.retry is not None:
            return Content.assemble(("… ", "bold $warning"), retrying(progress.retry))
        if self._only_missing and progress.phase is ReembedPhase.EMBED:
            return Content("Embedding the memories without a vector…")
        words = progress.phase.value if progress.phase is not None else "opening the embedder"
        return Content(f"{words[0].upper()}{words[1:]}…")

    @on(EmbedRun.Ended)
    def _over(self) -> None:
        self.go_on()

    def ended(self) -> WizardState:
        """With the report of the embedding."""
        if self._run is None:
            return self.state
        return self.state.with_embedded(self._run.report, self._run.failure, saved=self._run.saved)


def neighbours_in_words(progress: EmbedProgress, width: int) -> Iterator[Content]:
    """How many neighbours stay, and examples in words: for the screen alone."""
    if progress.neighbours is None:
        return
    yield Content(kept_in_words(progress.neighbours))
    for example in progress.examples:
        yield from _example(example, width)


def _example(example: WordedExample, width: int) -> Iterator[Content]:
    yield Content()
    yield plain(excerpt(example.memory, width), "bold")
    for title, texts in (("old", example.old), ("new", example.new)):
        for place, text in enumerate(texts[:_NEAREST]):
            head = f"  {title if not place else '':<4} "
            yield Content.assemble((head, "$muted"), plain(excerpt(text, width - len(head))))
