"""What the commands share that work with a destination: it is opened, logged, and can be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

from vestige_tui.cli.destination import opened
from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.core.dsn import Dsn
from vestige_tui.terminal.signals import stop_requests
from vestige_tui.user.logs import logging_to
from vestige_tui.user.masking import Mask


@contextmanager
def working_with(postgres_url: str, log_file: Path | None, failures: OutputFailures) -> Iterator[tuple[Dsn, Event]]:
    """The destination, and what is set when the operator wants to stop. What is logged meanwhile is masked."""
    log_failed = partial(failures.warn, f"the log {log_file} is not complete")
    with (
        logging_to(log_file, Mask.of([postgres_url]), log_failed),
        stop_requests(failures.console) as cancel,
        opened(postgres_url) as dsn,
    ):
        yield dsn, cancel
