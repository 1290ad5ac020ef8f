"""The program: it alone decides what an error looks like on standard error, and with which code it ends."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from setproctitle import setproctitle

from vestige_tui.masking import ArgumentMask, mask_argument

PROGRAM = "vestige-tui"


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    arguments = sys.argv[1:]
    _hide_secrets(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no UTF-8 still gets the report
    sys.exit(run(arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors end up on standard error, in plain words."""
    import click

    from vestige_tui.cli import cli
    from vestige_tui.core.errors import MigrationError
    from vestige_tui.exit_codes import ExitCode, code_of_error
    from vestige_tui.logs import frames

    mask = ArgumentMask.of(arguments)
    try:
        code = cli.main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except MigrationError as error:
        _show(mask, error.what, error.means, error.remedy)
        return code_of_error(error)
    except click.ClickException as error:
        hint = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else PROGRAM
        _show(mask, error.format_message(), f"Try: {hint} --help")
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        _show(mask, "cancelled.")
        return ExitCode.CANCELLED
    except BrokenPipeError:  # whoever read the output has seen enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CLEAN
    except Exception as error:  # the last resort: whatever it is, no secret and no variable is shown
        _show(mask, f"an unexpected fault in vestige-tui: {type(error).__name__}", frames(error))
        return ExitCode.UNUSABLE
    return int(code or ExitCode.CLEAN)


def _show(mask: ArgumentMask, what: str, *more: str) -> None:
    from vestige_tui.terminal import safe, standard_error

    console = standard_error()
    first, *rest = mask(what).splitlines() or [""]
    console.print(safe("error: ", "bold red") + safe(first, "bold"), soft_wrap=True)
    for line in rest:
        console.print(safe(line), soft_wrap=True)
    for paragraph in more:
        for line in mask(paragraph).splitlines():
            console.print(safe(line), soft_wrap=True)


def _hide_secrets(arguments: Sequence[str]) -> None:
    """Keep a password on the command line out of the list of processes, before anything slow is loaded."""
    masked = [mask_argument(argument) for argument in arguments]
    if masked != list(arguments):
        title = shlex.join([PROGRAM, *masked])
        setproctitle(title.encode("utf-8", "backslashreplace").decode())  # a file's name need not be UTF-8


if __name__ == "__main__":
    main()
