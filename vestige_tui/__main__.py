"""The program. It alone prints errors and decides the exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from setproctitle import setproctitle

from vestige_tui.terminal.streams import failure_of, guarded, occupy_standard_descriptors
from vestige_tui.user.masking import ArgumentMask, mask_argument

PROGRAM = "vestige-tui"


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    occupy_standard_descriptors()
    arguments = sys.argv[1:]
    _hide_secrets(arguments)
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
    sys.exit(_code_after_output(run(arguments)))


def _code_after_output(code: int) -> int:
    """The exit code of a command, which also depends on whether standard output has taken all of its text."""
    failure = failure_of(sys.stdout)
    if failure is None:
        return code
    from vestige_tui.cli.exit_codes import ExitCode
    from vestige_tui.cli.outputs import OutputFailures
    from vestige_tui.terminal.output import standard_error

    failures = OutputFailures(standard_error())
    failures.warn("standard output is not complete", failure)
    return failures.code(ExitCode(code))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Errors go to standard error, in plain words."""
    import click

    from vestige_tui.cli.exit_codes import ExitCode, code_of_error
    from vestige_tui.cli.main import cli
    from vestige_tui.core.errors import MigrationError
    from vestige_tui.user.logs import frames

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
    except Exception as error:  # show where it came from, but no secret and no variable
        from vestige_tui.core.explain import unexpected_fault

        _show(mask, unexpected_fault(error), frames(error))
        return ExitCode.UNUSABLE
    return int(code or ExitCode.CLEAN)


def _show(mask: ArgumentMask, what: str, *more: str) -> None:
    from vestige_tui.terminal.output import safe, standard_error

    console = standard_error()
    first, *rest = mask(what).splitlines() or [""]
    console.print(safe("error: ", "bold red") + safe(first, "bold"), soft_wrap=True)
    for line in rest:
        console.print(safe(line), soft_wrap=True)
    for paragraph in more:
        for line in mask(paragraph).splitlines():
            console.print(safe(line), soft_wrap=True)


def _hide_secrets(arguments: Sequence[str]) -> None:
    """Hide a password of the command line from the list of processes, before anything slow is loaded."""
    masked = [mask_argument(argument) for argument in arguments]
    if masked != list(arguments):
        title = shlex.join([PROGRAM, *masked])
        setproctitle(title.encode("utf-8", "backslashreplace").decode())  # a file name need not be UTF-8


if __name__ == "__main__":
    main()
