"""Child processes of runs in which a test has changed something: code is patched there, not in this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hostile import ROOT
from vestige_tui.core.events import Event, Phase
from vestige_tui.core.run.child import process
from vestige_tui.core.run.child.process import Child

_MODULE = "vestige_tui.core.run.child.__main__"

_HELD = """
import pathlib, sys, time
folder, kind, phase, table = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
released_by_cancel = sys.argv[5] == "True"
carry_out, watch = child._carry_out, child.Outbox.watch
entered, cancels = [], []
def noted(task, cancel, answers):
    cancels[:] = [cancel]
    return carry_out(task, cancel, answers)
def held(outbox, event):
    watch(outbox, event)
    if type(event).__name__ == "PhaseStarted":
        entered[:] = [event.phase.name]
    if type(event).__name__ == kind and entered == [phase] and event.table.startswith(table) and not (folder / "opened").exists():
        (folder / "reached").touch()
        latest = time.monotonic() + 60  # a test that failed ends, too
        while not (folder / "opened").exists() and time.monotonic() < latest:
            if released_by_cancel and cancels[0].is_set():
                break
            time.sleep(0.01)
child._carry_out, child.Outbox.watch = noted, held
"""


class Gate:
    """Holds a run at the first event of a kind in a phase, and each thread of it at its next, until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.children: list[Child] = []
        self._folder = folder

    def reached(self) -> bool:
        """Whether a run has come to it."""
        return (self._folder / "reached").exists()

    def open(self) -> None:
        """Let the run go on."""
        (self._folder / "opened").touch()


@contextmanager
def held(
    monkeypatch: pytest.MonkeyPatch,
    event: type[Event],
    phase: Phase,
    table: str = "",
    *,
    released_by_cancel: bool = False,
) -> Iterator[Gate]:
    """A gate for the runs that begin in the block, which all get a child of their own; it is open after the block.

    ``table`` is that of the event; empty, where any will do.
    """
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(Path(folder))
        with patched(
            monkeypatch, _HELD, folder, event.__name__, phase.name, table, str(released_by_cancel)
        ) as children:
            gate.children = children
            try:
                yield gate
            finally:
                gate.open()


@contextmanager
def patched(monkeypatch: pytest.MonkeyPatch, code: str, *words: str) -> Iterator[list[Child]]:
    """Each run that begins in the block gets a child of its own, which first executes ``code``; they are returned.

    The code knows the child's main module as ``child``, and ``words`` as ``sys.argv[1:]``.
    """
    children: list[Child] = []

    def new() -> Child:
        children.append(Child())
        return children[-1]

    program = f"import sys\nsys.path.append({str(ROOT)!r})\nimport {_MODULE} as child\n{code}\nchild.main()\n"
    with monkeypatch.context() as patches:
        patches.setattr(process, "COMMAND", (*process.COMMAND[:2], "-c", program, *words))
        patches.setattr(process, "_take", new)
        patches.setattr(process, "_give_back", Child.end)
        try:
            yield children
        finally:
            for each in children:
                each.end()
