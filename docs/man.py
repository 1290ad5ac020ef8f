"""``python -m docs.man``: writes the manual page from the commands themselves, all of them on one page.

``click-man`` writes a page for each command, and none for commands that are loaded when they are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import metadata
from inspect import cleandoc
from pathlib import Path

import click

from vestige_tui.cli.main import cli

PAGE = Path(__file__).parent / "vestige-tui.1"
NAME = "vestige-tui"
_AS_IT_IS = "\b\n"
"""Begins a paragraph whose lines click leaves as they are."""


def page() -> str:
    """The manual page, as troff reads it."""
    about = metadata(NAME)
    title = f'.TH {NAME.upper()} 1 "" "{NAME} {about["Version"]}" "User Commands"'
    context = click.Context(cli, info_name=NAME, **cli.context_settings)
    lines = [title, ".SH NAME", rf"{_text(NAME)} \- {_text(about['Summary'])}", ".SH SYNOPSIS", *_usage(context)]
    lines += [".SH DESCRIPTION", *_paragraphs(cli.help), ".SH OPTIONS", *_options(context), ".SH COMMANDS"]
    for below in _below(context):
        lines += [f".SS {_text(below.command_path.removeprefix(f'{NAME} '))}", *_usage(below)]
        lines += [*_paragraphs(below.command.help), *_options(below)]
    lines += [
        ".SH SEE ALSO",
        _text("All flags, the report and the exit codes: docs/commands.md, in the source package."),
    ]
    return "\n".join(lines) + "\n"


def _below(context: click.Context) -> Iterator[click.Context]:
    """The commands below one, each before its own."""
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                below = click.Context(command, context, name)
                yield below
                yield from _below(below)


def _usage(context: click.Context) -> Iterator[str]:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    yield rf"\fB{_text(context.command_path)}\fR {_text(pieces)}"
    yield ".PP"


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in cleandoc(text or "").split("\n\n"):
        lines = [_text(line) for line in paragraph.removeprefix(_AS_IT_IS).splitlines()]
        yield from (".nf", *lines, ".fi") if paragraph.startswith(_AS_IT_IS) else lines
        yield ".PP"


def _options(context: click.Context) -> Iterator[str]:
    """The options; the help option is listed once, for all commands."""
    of_help = context.command.get_help_option(context) if context.parent else None
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context) if parameter is not of_help else None
        if record is not None:
            yield from (".TP", rf"\fB{_text(record[0])}\fR", _text(record[1]))


def _text(text: str) -> str:
    """Text that troff prints as it is, also with a dot at the beginning of a line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
