"""A dialog to choose a database in a tree of folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, DirectoryTree, Label, Static
from textual.widgets.directory_tree import DirEntry
from textual.widgets.tree import TreeNode

from vestige_tui.core.text import display_safe
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.path_input import DATABASE_ENDINGS
from vestige_tui.screens.widgets.text import plain


class BrowseDialog(ModalScreen[Path | None]):
    """A tree of folders and database files; answers with the file that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "parent", "Folder above"),
        Binding("escape", "dismiss", "Close"),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def compose(self) -> ComposeResult:
        """The folder that is shown, the tree, and the buttons."""
        with Vertical(classes="dialog -large -full"):
            yield Label("Choose a database file", classes="dialog-title")
            yield Label(plain(self._folder), id="place")
            yield DatabaseTree(self._folder)
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Folder above", id="parent", compact=True)
                yield Static(classes="spacer")
                yield Button("Close", id="close", compact=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """The tree has the focus."""
        self.query_one(DatabaseTree).focus()

    @on(DirectoryTree.FileSelected)
    def _selected(self, event: DirectoryTree.FileSelected) -> None:
        self.dismiss(event.path)

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#parent")
    def action_parent(self) -> None:
        """Show the folder that holds this one."""
        tree = self.query_one(DatabaseTree)
        tree.path = self._folder = self._folder.parent
        self.query_one("#place", Label).update(plain(self._folder))
        tree.focus()


class DatabaseTree(DirectoryTree):
    """Folders, and the files that may be a database. Names are shown as they are, whatever they hold."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "Move", key_display="↑↓"),
        Binding("enter", "select_cursor", "Open or choose"),
    ]

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Folders, and files that are called like a database."""
        return [path for path in paths if path.name.endswith(DATABASE_ENDINGS) or self._is_folder(path)]

    def process_label(self, label: str | Text) -> Text:
        """A file's name is never markup."""
        return Text(display_safe(label)) if isinstance(label, str) else label

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        """The icon and the name, folders as plain as files."""
        icon = self.ICON_FILE
        if node.allow_expand:
            icon = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
        label = node.label if isinstance(node.label, Text) else Text(str(node.label))
        return Text.assemble((icon, base_style), (label.plain, style))

    @staticmethod
    def _is_folder(path: Path) -> bool:
        try:
            return path.is_dir()
        except OSError:
            return False
