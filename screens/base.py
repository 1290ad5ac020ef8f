"""What all steps share: header, sidebar, body, buttons, keys, help, and going forward and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Label, Static

from vestige_tui.screens.fitted import FittedScreen
from vestige_tui.screens.keys import show_help
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step, previous_step, reachable
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.sidebar import Sidebar, StepLine
from vestige_tui.screens.widgets.text import plain

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn

SMALLEST = (80, 24)
"""The columns and rows that a step needs."""

WIDE = 96
"""The width from which the sidebar stands beside the page; in a narrower terminal it is a line above."""

SIDEBAR = 26
"""The width of that sidebar."""

ROOMY = 32
"""The height from which lists may be taller."""

SPACIOUS = 112
"""The width from which a step may show more in a second column."""


class _Body(VerticalScroll, inherit_bindings=False):
    """Scrolls when the step says so. It has no keys of its own: they would hide those of the step."""


class StepScreen(FittedScreen):
    """One step of the wizard.

    A subclass has its help text in ``HELP``, composes its body in ``compose_body``, names its main action in
    ``primary_label`` and does it in ``primary``. It passes a new state on with ``keep``, ``advance`` or ``go_back``,
    and calls ``refresh_shell`` when the label or the readiness of its main action has changed.
    """

    HELP: ClassVar[str]
    """The text of F1: what the step is for and what its choices mean."""

    SCROLLS: ClassVar[str] = "#body"
    """The part that Page Up and Page Down scroll, whichever widget has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+b", "back", "Back"),
        Binding("ctrl+n", "primary", "Continue"),
        Binding("pagedown", "scroll_page(1)", "More", key_display="PgDn"),
        Binding("pageup", "scroll_page(-1)", "More", show=False),
        Binding("f1,question_mark", "help", "Help"),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it otherwise)
        (0, "-too-narrow"),
        (SMALLEST[0], "-narrow"),
        (WIDE, "-wide"),
        (SPACIOUS, "-spacious"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-too-short"),
        (SMALLEST[1], "-low"),
        (ROOMY, "-roomy"),
    ]

    class Replaced(Message):
        """``step`` has a new state and stays on the screen."""

        def __init__(self, state: WizardState, step: Step) -> None:
            super().__init__()
            self.state = state
            self.step = step

    class Finished(Replaced):
        """``step`` has its answer: go on to the next one."""

    class Left(Replaced):
        """The operator wants to go from ``step`` to ``to``, an earlier one or one that was reached before."""

        def __init__(self, state: WizardState, step: Step, to: Step) -> None:
            super().__init__(state, step)
            self.to = to

    def __init__(self, step: Step, state: WizardState, machine: Machine) -> None:
        super().__init__(classes="step")
        self.step = step
        self.state = state
        self.machine = machine

    def compose_body(self) -> ComposeResult:
        """The widgets of this step."""
        yield from ()

    def extra_buttons(self) -> Iterable[Widget]:
        """The buttons between Back and the main action."""
        return ()

    @property
    def lead(self) -> str:
        """A few words beside the title."""
        return ""

    @property
    def primary_label(self) -> str:
        """The label of the main button and its key: what it will do. Empty if there is no main action now."""
        return ""

    @property
    def primary_ready(self) -> bool:
        """Whether the main action can be taken now."""
        return True

    @property
    def back_ready(self) -> bool:
        """Whether the operator may leave this step now."""
        return True

    def primary(self) -> None:
        """Take the main action; called while ``primary_ready`` holds."""

    def explain_unready(self) -> None:
        """Say what is missing for the main action; called by its key while ``primary_ready`` does not hold."""

    def start_embedded(self) -> None:
        """Start the embedded server again where it is the destination and has ended. Raises ``MigrationError``."""
        if self.state.target is not None and self.state.target.embedded:
            self.machine.embedded.start()

    def keep(self, state: WizardState) -> None:
        """Set a new state and stay here."""
        self.state = state
        self.post_message(self.Replaced(state, self.step))
        self.refresh_shell()

    def advance(self, state: WizardState) -> None:
        """Set a new state and go on to the next step that asks something."""
        self.app.clear_notifications()  # such as what was missing until now
        self.state = state
        self.post_message(self.Finished(state, self.step))

    def go_back(self) -> None:
        """Go to the previous step; the answers are kept."""
        step = previous_step(self.step, self.state)
        if step is not None and self.back_ready:
            self.go_to(step)

    @property
    def reachable_steps(self) -> Sequence[Step]:
        """The other steps to which the operator may go now."""
        return [step for step in Step if self.back_ready and step is not self.step and reachable(step, self.state)]

    def go_to(self, step: Step) -> None:
        """Go to the given step."""
        self.post_message(self.Left(self.state, self.step, step))

    @property
    def scrolled(self) -> Widget:
        """The part that Page Up and Page Down scroll now."""
        return self.query_one(self.SCROLLS)

    def compose(self) -> ComposeResult:
        """The shell around ``compose_body``."""
        with Horizontal(id="top"):
            yield Label("vestige-tui", id="program")
            yield Label(id="move")
        with Horizontal(id="middle"):
            yield Sidebar(id="sidebar")
            with Vertical(id="page"):
                with Horizontal(id="heading"):
                    yield Label(self.step.title, id="title")
                    yield Label(id="lead")
                with _Body(id="body", can_focus=False):
                    yield from self.compose_body()
                with ButtonRow(id="buttons"):
                    yield Button("Back", id="back", compact=True)
                    yield from self.extra_buttons()
                    yield Static(classes="spacer")
                    yield Button("", id="primary", compact=True, classes="-primary")
        yield KeyBar()
        yield Static(id="too-small")

    def on_mount(self) -> None:
        """Fill the shell. Show the key that scrolls only while there is something to scroll."""
        for area in {self.scrolled, *self.query(".scrolls")}:
            self.watch(area, "show_vertical_scrollbar", self.refresh_bindings, init=False)
        self.refresh_shell()

    def refresh_shell(self) -> None:
        """Show state, label and readiness as they are now."""
        if not self.is_mounted:
            return
        show(self.query_one("#move", Label), moved(self.state))
        self.query_one(Sidebar).show(
            self.state, self.step, brief=self.app.size.width < WIDE, locked=not self.back_ready
        )
        show(self.query_one("#lead", Label), plain(self.lead))
        button = self.query_one("#primary", Button)
        if str(button.label) != self.primary_label:
            button.label = Content(self.primary_label)
            button.refresh(layout=True)  # by itself a new label keeps the old width
        button.display = bool(self.primary_label)
        button.disabled = not self.primary_ready
        back = self.query_one("#back", Button)
        back.display = previous_step(self.step, self.state) is not None
        back.disabled = not self.back_ready
        self.refresh_bindings()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys of this step; the key of the main action carries its label, and is dimmed where it only explains."""
        bindings = super().active_bindings
        if (found := bindings.get("ctrl+n")) is not None and found.node is self:
            named = replace(found.binding, description=self.primary_label)
            bindings["ctrl+n"] = found._replace(binding=named, enabled=self.primary_ready)
        return bindings

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key is available: None shows it dimmed, False hides it."""
        if action == "primary":
            return self.is_mounted and bool(self.primary_label)
        if action == "back":
            return previous_step(self.step, self.state) is not None and (self.back_ready or None)
        if action == "scroll_page":
            return self.is_mounted and self.scrolled.max_scroll_y > 0
        return super().check_action(action, parameters)

    def action_primary(self) -> None:
        """The key of the main action."""
        if self.primary_ready:
            self.primary()
        else:
            self.explain_unready()

    def action_back(self) -> None:
        """The key that goes back."""
        self.go_back()

    def action_scroll_page(self, direction: int) -> None:
        """Scroll by a page."""
        area = self.scrolled
        area.scroll_relative(y=direction * max(area.size.height - 1, 1), animate=False)

    def action_help(self) -> None:
        """Show the help of this step."""
        show_help(self, self.step.title, self.HELP)

    @on(Button.Pressed, "#primary")
    def _primary_pressed(self) -> None:
        self.primary()

    @on(Button.Pressed, "#back")
    def _back_pressed(self) -> None:
        self.go_back()

    @on(StepLine.Chosen)
    def _step_chosen(self, event: StepLine.Chosen) -> None:
        self.go_to(event.step)

    def on_resize(self, event: events.Resize) -> None:
        """Adjust the sidebar, or say that the terminal is too small."""
        width, height = event.size
        self.query_one("#too-small", Static).update(
            f"Too small: {width} × {height}\nvestige-tui needs\n{SMALLEST[0]} × {SMALLEST[1]} characters.\n"
            "Make it larger:\neverything goes on."
        )
        self.refresh_shell()


def moved(state: WizardState) -> Content:
    """The source's file name and the destination, with its password masked."""
    source = state.source.path.name if state.source is not None else "…"
    if state.target is None:
        destination = "…"
    elif state.target.embedded:
        destination = "embedded PostgreSQL"
    else:
        destination = place_of(state.target.dsn)
    return Content.assemble(plain(source), "  ", ("→", "$accent"), "  ", plain(destination))


def place_of(dsn: Dsn) -> str:
    """A short name of a destination: ``user@host:port/database``."""
    values = dsn.parameters
    if values.get("host", "").startswith(("/", "@")):
        return f"{values.get('dbname', 'database')} on this machine"
    from vestige_tui.screens.dsn_fields import without_secrets  # the first step needs none of libpq, which loads slowly

    return without_secrets(dsn).masked.removeprefix("postgresql://")


def is_spacious(size: tuple[int, int]) -> bool:
    """Whether a terminal has room for more than a step needs, both beside it and below."""
    width, height = size
    return width >= SPACIOUS and height >= ROOMY


def show(label: Label, content: Content) -> None:
    """Put a text into a label, and lay the screen out again only where it is another one."""
    if label.content != content:
        label.update(content)
