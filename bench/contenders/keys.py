"""Keys pressed in the wizard while it copies and compares: from the press to the frame that shows its effect.

The key is Tab, which moves the focus. A thread presses it, as the thread that reads a terminal does, and the time ends
when the frame is written that shows the focus elsewhere. The phases are not parts of a whole: each is one figure of all
presses.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from textual import events
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size
from textual.widget import Widget

from bench.contenders.wizard import copy_in_wizard
from bench.stopwatch import KEYS_LONGEST, KEYS_P95
from bench.tasks import Measured, Phase, Task
from vestige_tui.app import VestigeApp

_PRESSES = 1_000
_GAP = 0.04  # seconds between an answer and the next press
_LIMIT = 5.0


class Keyboard(HeadlessDriver):
    """A terminal that is written to, and whose keys a thread presses."""

    took: list[float]

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ):
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._answered = threading.Event()
        self._left: Widget | None = None
        Keyboard.took = []

    @property
    def is_headless(self) -> bool:
        """Frames are made and written, as for a terminal."""
        return False

    def write(self, data: str) -> None:
        """Note the frame that a key has led to."""
        if self._left is not None and self._app.focused is not self._left:
            self._left = None
            self._answered.set()

    def press(self, while_running: threading.Event) -> None:
        """Press the key until the copy has ended."""
        while while_running.is_set() and len(self.took) < _PRESSES:
            time.sleep(_GAP)
            self._answered.clear()
            started = time.monotonic()
            self._left = self._app.focused
            self.process_message(events.Key("tab", None))
            if self._answered.wait(_LIMIT) or while_running.is_set():  # not the last one, which no step waits for
                self.took.append(time.monotonic() - started)

    def _get_terminal_size(self) -> tuple[int, int]:
        return self._size or Size(120, 40)


def run(task: Task) -> Measured:
    """Copy ``task.source`` and press keys meanwhile."""
    copying = threading.Event()
    threads: list[threading.Thread] = []

    def begin(app: VestigeApp) -> None:
        copying.set()
        driver = app._driver
        if not isinstance(driver, Keyboard):
            raise SystemExit("the wizard has another terminal")
        threads.append(threading.Thread(target=driver.press, args=(copying,), daemon=True))
        threads[0].start()

    def end() -> None:
        copying.clear()

    measured = copy_in_wizard(task, driver=Keyboard, begin=begin, end=end, compared=True)
    took = sorted(Keyboard.took)
    if len(took) < 20:
        raise SystemExit(f"only {len(took)} keys were pressed")
    phases = (
        Phase(KEYS_P95, 0.0, took[len(took) * 95 // 100 - 1]),
        Phase(KEYS_LONGEST, 0.0, took[-1]),
    )
    return replace(measured, phases=phases, batches=len(took))
