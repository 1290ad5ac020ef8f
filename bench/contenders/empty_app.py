"""The first frame of an app of Textual with one word in it."""

from __future__ import annotations

import sys

from bench.contenders.terminal import first_frame
from bench.tasks import Measured, Task

_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("Destination")

Empty().run()
"""


def run(task: Task) -> Measured:
    """Start it."""
    return first_frame([sys.executable, "-c", _APP], "Destination")
