"""``python -m docs.pictures``: walks the wizard through the sample database and draws what it shows into docs/images.

SVG always; PNG beside it where ``rsvg-convert`` (Debian: librsvg2-bin) is there.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from textual.pilot import Pilot

from vestige_tui.app import VestigeApp
from vestige_tui.copying import EMBEDDED
from vestige_tui.demo import MODEL
from vestige_tui.embedded_host import EmbeddedHost
from vestige_tui.sample import SampleSpec, create_seed_sample
from vestige_tui.screens.state import Prefill, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.wizard import this_machine

IMAGES = Path(__file__).parent / "images"
SIZE = (100, 32)
PATIENCE = 120.0
"""Seconds for a step to be ready."""


async def walk(app: VestigeApp) -> None:
    """From the first step to the last, a picture of each."""
    async with app.run_test(size=SIZE) as pilot:
        for step in (Step.SOURCE, Step.DESTINATION, Step.PREVIEW, Step.COPY, Step.REPORT):
            await until_shown(pilot, app, step)
            await pilot.pause(2.0 if step is not Step.COPY else 0.6)
            if step is Step.DESTINATION:
                await pilot.press("ctrl+n")  # tests it; the next one goes on
                await pilot.pause(6.0)
            draw(app, step.name.lower())
            await pilot.press("ctrl+n")


async def until_shown(pilot: Pilot[None], app: VestigeApp, step: Step) -> None:
    """Wait for a step. Raises ``TimeoutError``."""
    deadline = time.monotonic() + PATIENCE
    while app.current_step is not step:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the wizard shows {app.current_step}, not {step}")
        await pilot.pause(0.05)


def draw(app: VestigeApp, name: str) -> None:
    """What the wizard shows right now."""
    picture = IMAGES / f"{name}.svg"
    picture.write_text(app.export_screenshot(title="vestige-tui"), encoding="utf-8")
    converter = shutil.which("rsvg-convert")
    if converter is None:
        print(f"{picture.name}; no PNG, for rsvg-convert is not there")  # noqa: T201
        return
    subprocess.run([converter, "-o", str(picture.with_suffix(".png")), str(picture)], check=True)  # noqa: S603
    print(f"{picture.name} and PNG")  # noqa: T201


def main() -> None:
    """Draw every step."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vestige-") as folder:
        home = Path(folder)
        sample = home / "vestige.db"
        create_seed_sample(
            sample,
            SampleSpec(model_name=MODEL.name, dimension=MODEL.dimension, model_hash=MODEL.hash, broken_rows=True),
        )
        with EmbeddedHost(home / "postgres") as host:
            prefill = Prefill(sqlite_path=str(sample), postgres_url=EMBEDDED)
            app = VestigeApp(this_machine(host), WizardState(prefill=prefill))
            app.animation_level = "none"
            asyncio.run(walk(app))


if __name__ == "__main__":
    main()
