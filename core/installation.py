"""How vestige-tui was installed, and the command that adds to it what one of its extras brings.

The command names packages that an index has, or what vestige-tui itself was installed from: it works from any folder,
and before vestige-tui is on an index.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from enum import Enum, StrEnum, auto
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from vestige_tui.core import system

NAME = "vestige-tui"

_AFTER_NAME = re.compile(r"[^A-Za-z0-9._-]")


class Extra(StrEnum):
    """What an operator can add; the names are those of ``pyproject.toml``."""

    EMBEDDED = "embedded"
    LOCAL_EMBEDDER = "local-embedder"


class Installer(Enum):
    """The program that made the environment, and changes it."""

    PIP = auto()
    PIPX = auto()
    UV = auto()
    """``uv pip``: in an environment without pip."""
    UV_TOOL = auto()
    UVX = auto()
    """An environment in uv's cache, for one run."""


def installer(prefix: Path) -> Installer:
    """The installer of an environment, by the files that each one leaves in it."""
    if (prefix / "pipx_metadata.json").is_file():
        return Installer.PIPX
    if (prefix / "uv-receipt.toml").is_file():
        return Installer.UV_TOOL
    if prefix.parent.name.startswith("archive-v"):
        return Installer.UVX
    return Installer.PIP if find_spec("pip") is not None else Installer.UV


def install_command(extra: Extra, prefix: Path = Path(sys.prefix)) -> str:
    """The command, for a shell, with which the packages of an extra are there from the next start on."""
    ours = distribution(NAME)
    packages = [*_packages(ours, extra)]
    match installer(prefix):
        case Installer.PIP:
            command = [sys.executable, "-m", "pip", "install", *packages]
        case Installer.UV:
            command = ["uv", "pip", "install", "--python", str(prefix), *packages]
        case Installer.PIPX:
            command = ["pipx", "inject", prefix.name, *packages]
        case Installer.UV_TOOL:
            command = ["uv", "tool", "install", with_extra(extra, ours)]
        case Installer.UVX:
            command = ["uvx", "--from", with_extra(extra, ours), NAME]
    return system.command_line(command)


def with_extra(extra: Extra, ours: Distribution | None = None) -> str:
    """vestige-tui as it was installed, as one requirement, with an extra and with those that it has already."""
    ours = ours or distribution(NAME)
    extras = ",".join(each for each in Extra if each == extra or _is_there(ours, each))
    source = _source(ours)
    return f"{NAME}[{extras}]" + (f" @ {source}" if source else "")


def _packages(ours: Distribution, extra: Extra) -> Iterator[str]:
    """What an extra brings, as requirements without a marker."""
    for requirement in ours.requires or ():
        package, _, marker = requirement.partition(";")
        if re.search(rf"""\bextra\s*==\s*["']{extra}["']""", marker):
            yield package.strip()


def _is_there(ours: Distribution, extra: Extra) -> bool:
    try:
        for package in _packages(ours, extra):
            distribution(_AFTER_NAME.split(package, maxsplit=1)[0])
    except PackageNotFoundError:
        return False
    return True


def _source(ours: Distribution) -> str:
    """The URL that vestige-tui was installed from, as ``direct_url.json`` (PEP 610) has it; empty for an index."""
    found = json.loads(ours.read_text("direct_url.json") or "{}")
    url = urlsplit(str(found.get("url", "")))
    user, _, host = url.netloc.rpartition("@")
    if ":" in user or (url.scheme in ("http", "https") and user != "git"):  # a token may stand in place of a name
        url = url._replace(netloc=host)
    vcs = found.get("vcs_info")
    if vcs is None:
        return urlunsplit(url)
    return f"{vcs['vcs']}+{urlunsplit(url)}@{vcs.get('requested_revision') or vcs['commit_id']}"
