"""The flags that name an embedder, for the commands that need one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from vestige_tui.core.reembed.profiles import EmbedderChoice
from vestige_tui.user.credentials import Keyring
from vestige_tui.user.embedder_key import KEY_VARIABLE, embedder_key

_Command = TypeVar("_Command", bound=Callable[..., Any])

FLAGS = ("model", "profile", "dimension", "embedder_url", "model_path")
"""Their names, as parameters."""


def embedder_flags(*, model: str, sent: str) -> Callable[[_Command], _Command]:
    """The options. ``model`` is the help of ``--model``, ``sent`` says what goes to a server."""
    options = (
        click.option("--model", help=model),
        click.option(
            "--profile",
            metavar="ID",
            help="One of Vestige's embedding profiles, such as nomic-v1.5-retrieval-v1-256.",
        ),
        click.option(
            "--dimension",
            type=click.IntRange(min=1),
            help="Elements of a vector; checked against what the embedder gives.",
        ),
        click.option(
            "--embedder-url",
            metavar="URL",
            help=f"A server of the OpenAI form, such as http://localhost:11434/v1. {sent} are sent there. "
            f"Its key comes from {KEY_VARIABLE} or the keyring.",
        ),
        click.option(
            "--model-path",
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="A folder with the model: ONNX file and tokenizer.",
        ),
    )

    def with_options(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


def embedder_choice(flags: Mapping[str, Any], *, keyring: bool = False) -> EmbedderChoice:
    """What the flags name. With ``keyring`` the key of a server is looked for, which may wait for a keyring."""
    url: str | None = flags["embedder_url"]
    key = embedder_key(url, Keyring()) if url is not None and keyring else None
    return EmbedderChoice(
        flags["model"], flags["profile"], flags["dimension"], url=url, path=flags["model_path"], key=key
    )
