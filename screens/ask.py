"""Asks the new store: a line to type, and the memories that are found as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Label, OptionList

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.search.answers import Answer, By
from vestige_tui.core.search.suggestions import suggestions
from vestige_tui.core.search.wording import NOTICES, nothing_found, words_go_to
from vestige_tui.core.text import count
from vestige_tui.screens.ask_memory import MemoryDialog, copy_text
from vestige_tui.screens.inquiry import LIMIT, Inquiry, Searching
from vestige_tui.screens.widgets.found_list import FoundList
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.text import plain

if TYPE_CHECKING:
    from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
    from vestige_tui.screens.embedding import Embedding, FindKey

_TYPING = 0.12
"""Seconds without a key, before what was typed is looked for."""

_SILENCE = 0.3
"""Seconds without an answer, before a sentence says that it is looked for."""

_LINES = 2
_AROUND = 8  # columns around a memory of the list


class AskLine(Input):
    """Where words are typed. Down and Enter go on to the memories."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "screen.to_list", "Memories", key_display="↓")]


class AskScreen(Screen[None]):
    """Asks a store until it is left. ``place`` names the store; ``embedding`` is what has embedded its memories."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "to_line", "Words", key_display="/"),
        Binding("y", "copy_id", "Copy id"),
        Binding("Y", "copy_text", "Copy text", key_display="Y"),
        Binding("f2", "embedder", "Embedder"),
        Binding("escape", "leave", "Back"),
    ]

    def __init__(
        self,
        searcher: Searching,
        place: str,
        *,
        embedding: Embedding | None = None,
        find_key: FindKey | None = None,
        equip: bool = True,
    ) -> None:
        super().__init__(classes="ask")
        self._place = place
        self._embedding = embedding
        self._find_key = find_key
        self._equip = equip
        self._inquiry = Inquiry(searcher, self)
        self._embedder: TextEmbedder | None = None
        self._typing: Timer | None = None
        self._answer: Answer | None = None
        self._answered = 0

    def compose(self) -> ComposeResult:
        """The store, the line, what there is to say, and the memories."""
        with Horizontal(id="top"):
            yield Label("vestige-tui", id="program")
            yield Label(plain(self._place), id="move")
        with Vertical(id="asking"):
            yield Label("Ask the new store", id="title")
            yield AskLine(placeholder="words, “a phrase”, OR, -word", id="words", compact=True)
            yield Notice(id="said")
            yield FoundList(id="found")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the newest memories, and look for an embedder meanwhile."""
        self.query_one(AskLine).focus()
        self._ask()
        if self._equip:
            self._inquiry.equip(self._embedding, only_local=True)

    def on_unmount(self) -> None:
        """End the session."""
        self._inquiry.close()

    @on(Input.Changed, "#words")
    def _typed(self) -> None:
        """Look once the operator pauses."""
        self._inquiry.supersede()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_TYPING, self._ask)

    def _ask(self) -> None:
        excerpt = max(60, _LINES * (self.app.size.width - _AROUND) - 4)
        number = self._inquiry.ask(self.query_one(AskLine).value, excerpt)
        self.set_timer(_SILENCE, lambda: self._say_searching(number))

    def _say_searching(self, number: int) -> None:
        if number == self._inquiry.number != self._answered:
            self.query_one("#said", Notice).say(Tone.BUSY, "Looking…")

    @on(Inquiry.Answered)
    def _show(self, event: Inquiry.Answered) -> None:
        if event.number != self._inquiry.number:
            return
        self._answered = event.number
        if isinstance(event.answer, MigrationError):
            self._answer = None
            self.query_one(FoundList).show(())
            self.query_one("#said", Notice).say(Tone.BAD, event.answer.what, event.answer.remedy)
        else:
            self._answer = event.answer
            self.query_one(FoundList).show(event.answer.found)
            self._say(event.answer, last=event.last)
        self.refresh_bindings()

    def _say(self, answer: Answer, *, last: bool) -> None:
        words = answer.question.words.strip()
        tone = Tone.GOOD if answer.found else Tone.NOTE
        if not answer.found:
            head = nothing_found(answer)
        elif not words:
            some = suggestions(answer.found)
            head = "These are the newest memories." + (f" Type words, such as {', '.join(some)}." if some else "")
        else:
            ways = "by words and by meaning" if answer.question.by is By.BOTH else "by words"
            more = " or more" if len(answer.found) == LIMIT else ""
            found = count(len(answer.found), "memory", "memories")
            head = f"{found}{more} in {answer.seconds * 1000:,.0f} ms, {ways}{'.' if last else '; by meaning: …'}"
        notices = [NOTICES[notice] for notice in answer.notices]
        self.query_one("#said", Notice).say(tone, head, *notices, self._about_meaning())

    def _about_meaning(self) -> str:
        if self._embedder is None:
            return "Memories are found by words. F2 names an embedder, which finds them by meaning as well."
        return words_go_to(self._embedder.place)

    @on(Inquiry.Equipped)
    def _equipped(self, event: Inquiry.Equipped) -> None:
        if event.embedder is None:
            if self._answer is not None:
                self._say(self._answer, last=True)
            return
        self._embedder = event.embedder
        self._inquiry.take(event.embedder)
        self._ask()

    def action_embedder(self) -> None:
        """Choose an embedder of the store's model."""
        from vestige_tui.screens.embedder_dialog import EmbedderDialog

        model = self._answer.registered if self._answer is not None else None
        if model is not None:
            self.app.push_screen(EmbedderDialog(model, 0, self._find_key, only_missing=True), self._chosen)

    def _chosen(self, embedding: Embedding | None) -> None:
        if embedding is not None:
            self.query_one("#said", Notice).say(Tone.BUSY, "Opening the embedder…")
            self._inquiry.equip(embedding, only_local=False)

    @on(Input.Submitted, "#words")
    def action_to_list(self) -> None:
        """Go to the memories."""
        found = self.query_one(FoundList)
        if found.option_count:
            found.focus()

    def action_to_line(self) -> None:
        """Go to the line."""
        self.query_one(AskLine).focus()

    @on(OptionList.OptionSelected)
    def _open(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        found = self.query_one(FoundList).at(event.option_index)
        self.app.push_screen(MemoryDialog(self._inquiry.searcher, found.id))

    def action_copy_id(self) -> None:
        """Copy the id of the memory that the cursor is on."""
        if (here := self.query_one(FoundList).here) is not None:
            copy_text(self, here.id, f"Copied: {here.id}")

    def action_copy_text(self) -> None:
        """Copy what is shown of that memory."""
        if (here := self.query_one(FoundList).here) is not None:
            copy_text(self, here.snippet.text, "Copied: the text that is shown. Open the memory to copy all of it.")

    def action_leave(self) -> None:
        """Back to where the screen was opened."""
        self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on; letters are typed while the line has the focus."""
        if not self.is_mounted:
            return super().check_action(action, parameters)
        if action in ("copy_id", "copy_text"):
            return self.query_one(FoundList).has_focus
        if action == "to_line":
            return not self.query_one(AskLine).has_focus
        if action == "embedder":
            known = self._answer is not None and self._answer.registered is not None
            return known and self._embedder is None and self.query_one(AskLine).has_focus
        return super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """Up from the first memory leads back to the line."""
        found = self.query_one(FoundList)
        if event.key == "up" and found.has_focus and not found.highlighted:
            event.stop()
            self.action_to_line()
