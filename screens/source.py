"""The source step: which database to copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Button, Input, Label, OptionList

from vestige_tui.core.errors import MigrationError, SourceError
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.repairs.errors import RepairsError
from vestige_tui.core.source.describe import SourceDescription, describe
from vestige_tui.core.source.locate import candidates, locate
from vestige_tui.core.source.overview import FileUsage, file_overview, file_usage
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.browse import BrowseDialog
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.source_details import SourceDetails
from vestige_tui.screens.source_facts import warnings_of
from vestige_tui.screens.stale_dialog import StaleDialog
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.cards import Card, Cards
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.path_input import PathInput
from vestige_tui.screens.widgets.text import short_path

if TYPE_CHECKING:
    from vestige_tui.screens.kept_reports import KeptReport

TYPING_PAUSE = 0.4
"""Seconds without a key press after which a typed path is inspected."""

BUSY_AFTER = 0.3
"""Seconds after which a running inspection is shown."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an inspection of a file found; ``repairs`` are those kept of it, or why they cannot be read."""

    description: SourceDescription
    usage: FileUsage
    repairs: Repairs | RepairsError = NO_REPAIRS


class SourceScreen(StepScreen):
    """Lists databases, takes a path, opens a file tree; and describes the chosen file."""

    HELP = """
Choose the Vestige database whose memories are to be moved. It is only read: nothing in this step, or in any other but
an upgrade that you confirm, changes the file. Vestige may go on running meanwhile: in WAL mode, which it uses, it can
even write. A file in rollback-journal mode cannot be written to while a copy reads it.

The list shows databases in the places where Vestige keeps them, and those you used before. Move with the arrow keys;
what is in the file appears below. Any other file: type its path (the right arrow takes the completion), or press F2
to look for it.

Published layout and layout of the specification are the two forms in which Vestige keeps its tables. Both can be moved.

A stale file is one that Vestige 4 has moved on from: its newer memories are in a log that cannot be read here. The
wizard asks before it goes on with such a file.

Before V15: the file lacks four columns and three tables that PostgreSQL needs; a later step adds them, to a private
copy if you like.
"""
    SCROLLS = "#found"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "browse", "Browse"),
        Binding("f4", "reports", "Reports"),
    ]

    class Found(Message):
        """The search for databases has ended."""

        def __init__(self, cards: list[Card] | MigrationError) -> None:
            super().__init__()
            self.cards = cards if isinstance(cards, list) else []

    class Inspected(Message):
        """A file has been inspected."""

        def __init__(self, path: Path, outcome: Inspection | MigrationError, *, typed: bool) -> None:
            super().__init__()
            self.path = path
            self.outcome = outcome
            self.typed = typed

    def __init__(self, step: Step, state: WizardState, machine: Machine) -> None:
        super().__init__(step, state, machine)
        named = Path(state.prefill.sqlite_path).absolute() if state.prefill.sqlite_path else None
        self._path = state.source.path if state.source is not None else named
        self._looking = False
        self._waiting: Timer | None = None

    @property
    def lead(self) -> str:
        """What this step is for."""
        return "The database to move. It is only read."

    @property
    def primary_label(self) -> str:
        """Continue with the database that is shown."""
        return "Use this database"

    @property
    def primary_ready(self) -> bool:
        """Whether the database has been inspected and can be used."""
        return self.state.source is not None

    def primary(self) -> None:
        """Go on, and remember this database for next time. A stale one has to be confirmed first."""
        source = self.state.source
        if source is None:
            return
        typed = self.query_one(PathInput).path
        if self._has_more_than_source and typed not in (None, source.path):
            self._inspect(typed)
        elif self.state.source_settled:
            self.machine.recent.remember_source(source.path)
            self.advance(self.state)
        else:
            self.app.push_screen(StaleDialog(source), self._answered)

    def explain_unready(self) -> None:
        """Ask for a file, or look at once at the one that was typed."""
        path = self.query_one(PathInput).path
        if path is None:
            missing = "Choose one from the list, type a path, or press F2 to look for it."
            self.query_one(Notice).say(Tone.WARNING, "No file is named.", missing)
            self.query_one(PathInput).focus()
        elif not self._looking or path != self._path:
            self._inspect(path)

    def _answered(self, really: bool | None) -> None:
        """Take the answer of the question about a stale database."""
        if really and self.state.source is not None:
            self.keep(self.state.with_stale_allowed())
            self.primary()

    def compose_body(self) -> ComposeResult:
        """The list, the field, and what the file is."""
        yield Label("Looking for databases…", id="searching")
        yield Cards(home=self.machine.home, now=self.machine.now(), id="cards")
        with Horizontal(id="path-row"):
            yield Label("Path")
            yield PathInput(
                home=self.machine.home,
                folder=self.machine.folder,
                placeholder="another file, such as ~/vestige.db",
                id="path",
            )
            yield Button("Browse…", id="browse", compact=True)
        with VerticalScroll(id="found", can_focus=False):
            yield Notice(id="notice")
            yield SourceDetails()

    def on_mount(self) -> None:
        """Search for databases, and show the one chosen before."""
        self.query_one(Cards).display = False
        if self._path is not None:
            self._show_path(self._path)
            self._inspect(self._path)
        self.call_after_refresh(ask, self, self._find, self.Found, name="find-databases")

    def _find(self) -> list[Card]:
        """Search every place that may hold a database, each file once. Runs in a thread."""
        origins: dict[Path, str] = {}
        if named := self.state.prefill.sqlite_path:
            origins[Path(named).absolute()] = "named by you"
        here = (self.machine.environment, self.machine.home, self.machine.folder, self.machine.platform)
        for path in locate(here[0], home=here[1], folder=here[2], platform=here[3]):
            origins.setdefault(path, "found")
        for path in self.machine.recent.sources:
            origins[path] = "named by you" if origins.get(path) == "named by you" else "used before"
        return list(_cards(origins.items()))

    @on(Found)
    def _found(self, event: Found) -> None:
        cards = self.query_one(Cards)
        cards.show(event.cards)
        cards.display = bool(event.cards)
        searching = self.query_one("#searching", Label)
        searching.display = not event.cards
        if not event.cards:
            searching.update("No Vestige database in the usual places. Type a path, or press F2 to look for one.")
            self._explain_places()
            self.query_one(PathInput).focus()
            return
        if self._path is None and self.state.prefill.another:
            self._ask_for_another()
            return
        chosen = self._path or self._preferred(cards.paths)
        if chosen in cards.paths:
            with cards.prevent(OptionList.OptionHighlighted):
                cards.highlighted = cards.paths.index(chosen)
        if self.focused is None or self.focused is self.query_one(PathInput):
            cards.focus()
        if self._path is None:
            self._choose(chosen)

    def _ask_for_another(self) -> None:
        """The one that was copied last is in the list, too; it is not chosen again by itself."""
        said = "Type its path, press F2 to look for it, or choose one from the list. The destination stays the same."
        self.query_one(Notice).say(Tone.NOTE, "Which file comes next?", said)
        self.query_one(PathInput).focus()

    def _preferred(self, paths: tuple[Path, ...]) -> Path:
        """The database used last, otherwise the first one found."""
        return next((path for path in self.machine.recent.sources if path in paths), paths[0])

    def _explain_places(self) -> None:
        here = self.machine
        places = candidates(here.environment, home=here.home, folder=here.folder, platform=here.platform)
        listed = "\n".join(f"  {short_path(path, here.home)}" for path in places)
        if self._path is None:
            self.query_one(Notice).say(Tone.NOTE, "These places were looked at:", listed)

    @on(OptionList.OptionHighlighted, "#cards")
    def _moved_to(self, event: OptionList.OptionHighlighted) -> None:
        self._choose(self.query_one(Cards).paths[event.option_index])

    @on(OptionList.OptionSelected, "#cards")
    def _selected(self) -> None:
        if self.primary_ready:
            self.query_one("#primary").focus()

    @on(Input.Changed, "#path")
    def _typed(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
        if self.query_one(PathInput).path == self._path:
            return
        if not self._has_more_than_source:
            self._path = None
            self._show_nothing()
            self.query_one(Notice).clear()
            self.refresh_shell()
        self._waiting = self.set_timer(TYPING_PAUSE, self._look_at_typed)

    def _look_at_typed(self) -> None:
        path = self.query_one(PathInput).path
        if path is not None and path != self._path:
            self._inspect(path, typed=True)

    @on(Input.Submitted, "#path")
    def _submitted(self) -> None:
        path = self.query_one(PathInput).path
        if path is None:
            return
        if path == self._path and self.primary_ready:
            self.query_one("#primary").focus()
        else:
            self._inspect(path)

    @on(Button.Pressed, "#browse")
    def action_browse(self) -> None:
        """Open the file tree at the folder of the file that is shown."""
        start = self._path.parent if self._path is not None and self._path.parent.is_dir() else self.machine.home
        self.app.push_screen(BrowseDialog(start), lambda path: self._choose(path) if path is not None else None)

    def _choose(self, path: Path) -> None:
        if path != self._path or self.state.source is None:
            self._show_path(path)
            self._inspect(path)

    def _show_path(self, path: Path) -> None:
        field = self.query_one(PathInput)
        with field.prevent(Input.Changed):
            field.value = short_path(path, self.machine.home)

    def _inspect(self, path: Path, *, typed: bool = False) -> None:
        """Inspect a file in a thread. A path that is still being typed raises no complaint. What was done with the
        present one is dropped only after a question.
        """
        if self._has_more_than_source and path != self.state.source_path:
            if path.is_file():
                self._ask_to_drop(path)
            elif not typed:
                self.query_one(Notice).say(Tone.BAD, f"There is no file {path}.", "Nothing has been dropped.")
            return
        self._path = path
        self._looking = True
        if self.state.source is not None and self.state.source.path != path:
            self.keep(self.state.with_source(None))
        self.query_one("#found").add_class("-stale")
        self.set_timer(BUSY_AFTER, lambda: self._say_busy(path))
        ask(
            self,
            lambda: Inspection(describe(path), file_usage(path), self._kept_repairs(path)),
            lambda outcome: self.Inspected(path, outcome, typed=typed),
            name="inspect",
        )

    @property
    def _has_more_than_source(self) -> bool:
        """Whether a preview or a copy was made of the present file."""
        state = self.state
        return state.preview is not None or state.report is not None or state.failure is not None

    def _ask_to_drop(self, path: Path) -> None:
        present = self.state.source_path
        if present is None or isinstance(self.app.screen, ConfirmDialog):
            return
        if self._waiting is not None:
            self._waiting.stop()  # what was typed is asked about now
        question = ConfirmDialog(
            f"Use {path.name} instead?",
            f"What was found and done with {present.name} in this session, such as its preview and its report, is "
            "dropped here. What has been copied stays at the destination; reports and your answers are kept in files.",
            yes=f"Use {path.name}",
            no=f"Stay with {present.name}",
        )
        self.app.push_screen(question, lambda really: self._dropped(path, really=bool(really)))

    def _dropped(self, path: Path, *, really: bool) -> None:
        if really:
            self.keep(self.state.with_source(None))
            self._show_path(path)
            self._inspect(path)
            return
        present = self.state.source_path
        if present is not None:
            self._path = present
            self._show_path(present)
            cards = self.query_one(Cards)
            if present in cards.paths:
                with cards.prevent(OptionList.OptionHighlighted):
                    cards.highlighted = cards.paths.index(present)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Reports can be listed only where they are kept."""
        if action == "reports":
            return self.machine.kept_reports is not None
        return super().check_action(action, parameters)

    def action_reports(self) -> None:
        """Show the reports of earlier runs."""
        if self.machine.kept_reports is not None:
            self.app.push_screen(kept_reports_dialog(self.machine.kept_reports))

    def _kept_repairs(self, path: Path) -> Repairs | RepairsError:
        """The repairs that are kept of a file. Runs in a thread."""
        if self.machine.repairs is None:
            return NO_REPAIRS
        try:
            return self.machine.repairs.load(path)
        except RepairsError as error:
            return error

    def _say_busy(self, path: Path) -> None:
        """Say that the inspection is running; most end before this is called."""
        if path == self._path and self._looking:
            if self.state.source is None or self.state.source.path != path:  # looking once more drops no answer
                self._show_nothing()
            self.query_one("#found").remove_class("-stale")
            self.query_one(Notice).say(Tone.BUSY, f"Looking at {path.name}…", "A large file takes a moment.")

    @on(Inspected)
    def _inspected(self, event: Inspected) -> None:
        if event.path != self._path:
            return
        self._looking = False
        self.query_one("#found").remove_class("-stale")
        if isinstance(event.outcome, Inspection):
            self._show(event.outcome)
        elif event.typed and not event.path.is_file():
            self._show_nothing()
            self.query_one(Notice).clear()
        else:
            self._show_nothing()
            self.query_one(Notice).explain(event.outcome)
        self.refresh_shell()

    def _show(self, found: Inspection) -> None:
        self.query_one(Notice).clear()
        said = [*warnings_of(found.description, found.usage)]
        repairs = found.repairs
        if isinstance(repairs, RepairsError):
            said += ["The repairs that were kept of this file are not used.", repairs.what]
            repairs = NO_REPAIRS
        if said:
            self.query_one(Notice).say(Tone.WARNING, *said)
        self.query_one(SourceDetails).show(found.description, found.usage, repairs, self.machine.now())
        if found.description != self.state.source:
            self.keep(self.state.with_source(found.description, repairs))

    def _show_nothing(self) -> None:
        self.query_one(SourceDetails).clear()
        if self.state.source is not None:
            self.keep(self.state.with_source(None))


def kept_reports_dialog(find: Callable[[], Sequence[KeptReport]]) -> Screen[None]:
    """The dialog with kept reports; what it needs is loaded when it is wanted."""
    from vestige_tui.screens.kept_reports import KeptReportsDialog

    return KeptReportsDialog(find)


def _cards(origins: Iterable[tuple[Path, str]]) -> Iterable[Card]:
    for path, origin in origins:
        try:
            yield Card(file_overview(path), origin)
        except SourceError:
            continue  # it was there once; a path that was named is explained when it is looked at
