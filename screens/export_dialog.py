"""Asks for a file, and writes the rows with problems into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from vestige_tui.core.errors import UsageError
from vestige_tui.core.outputs import Output, check_outputs
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.text import count
from vestige_tui.screens.export import export_rows
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.path_input import expanded
from vestige_tui.screens.widgets.text import lines


class ExportDialog(ModalScreen[Path | None]):
    """Hands over the file that was written, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]

    def __init__(self, errors: Sequence[RowError], suggested: Path, source: Path, home: Path) -> None:
        super().__init__()
        self._home = home
        self._errors = errors
        self._suggested = suggested
        self._source = source

    def compose(self) -> ComposeResult:
        """The file, what will be in it, and both ways out."""
        what = (
            f"Writes {count(len(self._errors), 'row')} as JSON Lines: one object a line, ids and reasons, no contents."
        )
        with Vertical(classes="dialog -broad"):
            yield Label("Export rows with problems", classes="dialog-title")
            yield Static(lines(what), classes="dialog-text")
            yield Input(str(self._suggested), id="file", compact=True)
            yield Notice(id="refused")
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Close", id="close", compact=True)
                yield Static(classes="spacer")
                yield Button("Write file", id="write", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """The file's name can be changed at once."""
        self.query_one("#file").focus()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Write nothing."""
        self.dismiss(None)

    @on(Button.Pressed, "#write")
    @on(Input.Submitted)
    def write(self) -> None:
        """Write the file, or say why not."""
        typed = self.query_one("#file", Input).value.strip()
        if typed in ("", "-"):
            self._refuse(
                "The wizard draws on standard output." if typed else "No file is named.",
                "Name a file for the list.",
            )
            return
        path = expanded(typed, self._home, self._suggested.parent)
        try:
            if path.is_dir():
                self._refuse(f"{path} is a folder.", "Name a file in it.")
                return
            check_outputs(self._source, [Output("The list", path)])
            export_rows(self._errors, path)
        except UsageError as error:
            self._refuse(error.what, error.remedy)
        except FileExistsError:
            self._refuse(f"{path} is there already.", "Choose another name: nothing is overwritten.")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._refuse(
                f"{path} cannot be written: {reason}.", "Choose a folder that exists and that you may write to."
            )
        else:
            self.dismiss(path)

    def _refuse(self, what: str, remedy: str) -> None:
        self.query_one("#refused", Notice).say(Tone.BAD, what, remedy)


def free_name(folder: Path, stem: str) -> Path:
    """A file in a folder that is not there yet: ``stem.jsonl``, or with a number."""
    candidate = folder / f"{stem}.jsonl"
    number = 2
    while candidate.exists():
        candidate = folder / f"{stem}-{number}.jsonl"
        number += 1
    return candidate
