"""``python -m docs.pictures``: walks the wizard through the sample database and draws every step into docs/images.

SVG always; PNG beside it where ``rsvg-convert`` (Debian: librsvg2-bin) is there. The sample is the demo's, of a Vestige
from before V15 and with another model presented, so that no step is passed over.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from vestige_tui.app import VestigeApp
from vestige_tui.cli.demo import MODEL
from vestige_tui.core.dsn import EMBEDDED
from vestige_tui.core.model import ModelSignature
from vestige_tui.sample import SampleSpec, create_seed_sample
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.machine import Kept
from vestige_tui.screens.state import Prefill, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.progress_bars import ProgressBars
from vestige_tui.user.embedded_host import EmbeddedHost
from vestige_tui.user.recent import Recent
from vestige_tui.user.saving import save
from vestige_tui.wizard import this_machine

IMAGES = Path(__file__).parent / "images"
SIZE = (100, 32)
PATIENCE = 120.0
"""Seconds for a step to be ready."""

OVER = {Step.PREVIEW: ("f2", "workbench"), Step.REPORT: ("f3", "search")}
"""The screens that lie over a step: the key that opens each, and the name of its picture."""
TYPED = {"search": tuple("schema")}

OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1_024)
BEFORE_V15 = 14


async def walk(app: VestigeApp) -> None:
    """From the first step to the last, a picture of each."""
    async with app.run_test(size=SIZE) as pilot:
        for step in Step:
            if step is Step.EMBED:  # shown only to those who choose it
                continue
            await until(pilot, partial(shows, app, step))
            if step is Step.DESTINATION:
                await until(pilot, lambda: ready(app))
                await pilot.press("ctrl+n")  # tests it; the next one goes on
                await until(pilot, lambda: app.state.target is not None)
            await until(pilot, (lambda: half_way(app)) if step is Step.COPY else lambda: ready(app))
            await pilot.pause(0.5 if step is not Step.COPY else 0.0)
            draw(app, step.name.lower())
            if (over := OVER.get(step)) is not None:
                await look_over(app, pilot, *over)
            if step is not Step.REPORT:
                await pilot.press("ctrl+n")


async def look_over(app: VestigeApp, pilot: Pilot[None], key: str, name: str) -> None:
    """Open the screen that lies over a step by its key, draw it, and close it."""
    under = app.screen
    await pilot.press(key)
    await until(pilot, lambda: app.screen is not under)
    await pilot.pause(1.0)
    await pilot.press(*TYPED.get(name, ()))
    await pilot.pause(1.5)
    draw(app, name)
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is under)


def shows(app: VestigeApp, step: Step) -> bool:
    """Whether this step shows, all of it."""
    return app.current_step is step and app.screen.is_mounted


def ready(app: VestigeApp) -> bool:
    """Whether the step that shows has all that it waits for."""
    return isinstance(app.screen, StepScreen) and bool(app.screen.primary_label) and app.screen.primary_ready


def half_way(app: VestigeApp) -> bool:
    """Whether the copy is well on its way."""
    if app.current_step is not Step.COPY:
        raise RuntimeError("the copy was over before its picture was taken; try again")
    return app.screen.query_one(ProgressBars).progress.fraction > 0.3


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait until something holds. Raises ``TimeoutError``."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the wizard stays at {pilot.app.screen}")
        await pilot.pause(0.02)


def draw(app: VestigeApp, name: str) -> None:
    """What the wizard shows right now."""
    picture = IMAGES / f"{name}.svg"
    drawn = app.export_screenshot(title="vestige-tui")
    picture.write_text(drawn.replace("<svg ", '<svg xml:space="preserve" ', 1), encoding="utf-8")
    converter = shutil.which("rsvg-convert")
    if converter is None:
        print(f"{picture.name}; no PNG, for rsvg-convert is not there (Debian: librsvg2-bin)")  # noqa: T201
        return
    subprocess.run([converter, "-o", str(picture.with_suffix(".png")), str(picture)], check=True)  # noqa: S603
    print(f"{picture.name} and PNG")  # noqa: T201


def main() -> None:
    """Draw every step."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vestige-") as folder:
        home = Path(folder)
        sample = home / "vestige.db"
        spec = SampleSpec(
            dimension=MODEL.dimension,
            model_name=MODEL.name,
            model_hash=MODEL.hash,
            register_model=True,
            broken_rows=True,
        )
        create_seed_sample(sample, spec, version=BEFORE_V15)
        with EmbeddedHost(home / "postgres") as host:
            machine = replace(
                this_machine(host),
                home=home,
                folder=home,
                environment={},
                recent=Recent(home / "recent.json"),
                keep_report=lambda report: Kept(save(report, home / "report.json")),
            )
            prefill = Prefill(sqlite_path=str(sample), postgres_url=EMBEDDED)
            app = VestigeApp(machine, WizardState(prefill=prefill, presented=OTHER))
            app.animation_level = "none"
            asyncio.run(walk(app))


if __name__ == "__main__":
    main()
