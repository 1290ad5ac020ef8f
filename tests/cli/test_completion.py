"""The Tab key, in the shells themselves; only what draws the list of zsh is replaced, as it needs a terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vestige_tui.cli.main import cli

BASH = """
eval "$(_VESTIGE_TUI_COMPLETE=bash_source vestige-tui)"
complete -p vestige-tui >/dev/null || exit 9
COMP_WORDS=({words}); COMP_CWORD={place}
_vestige_tui_completion vestige-tui
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
autoload -Uz compinit; compinit -D -u
eval "$(_VESTIGE_TUI_COMPLETE=zsh_source vestige-tui)"
[[ -n $_comps[vestige-tui] ]] || exit 9
_describe() {{ local each; for each in "${{(@P)3}}"; do print -r -- "${{each%%:*}}"; done }}
compadd() {{ print -rl -- "${{(@P)${{@[-1]}}}}" }}
words=({words}); CURRENT=$(({place} + 1))
_vestige_tui_completion
"""
FISH = """
_VESTIGE_TUI_COMPLETE=fish_source vestige-tui | source
complete -C "{words}" | string split -f1 \\t
"""
SHELLS = {"bash": (BASH, ("--norc",)), "zsh": (ZSH, ("-f",)), "fish": (FISH, ("--no-config",))}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script, options = SHELLS[shell]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    text = script.format(words="vestige-tui m", place=1)
    done = subprocess.run([shell, *options, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env=os.environ | {"PATH": programs, "HOME": str(tmp_path)}, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["migrate"]


def complete(*words: str) -> list[str]:
    """What is offered for the last of these words."""
    line = {"COMP_WORDS": " ".join(("vestige-tui", *words)), "COMP_CWORD": str(len(words))}
    variable = {"_VESTIGE_TUI_COMPLETE": "zsh_complete"}
    done = CliRunner().invoke(cli, env=line | variable, prog_name="vestige-tui")
    lines = done.output.strip().splitlines()
    return [word for kind, word in zip(lines[::3], lines[1::3], strict=True) if kind == "plain"]


def test_words_that_an_option_also_takes() -> None:
    assert complete("--postgres-url", "e") == ["embedded"]
    assert complete("verify", "--postgres-url", "e") == ["embedded"]
    assert complete("migrate", "copy", "--from", "s") == ["sqlite"]
    assert complete("migrate", "copy", "--to", "p") == ["postgres"]
    assert complete("--postgres-url", "x") == []


def test_the_names_of_commands_load_none_of_them() -> None:
    """The Tab key answers at once only where neither Textual nor psycopg is imported."""
    script = (
        "import sys; from vestige_tui.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'textual', 'psycopg', 'keyring', 'httpx', 'rich'} & set(sys.modules)))"
    )
    variables = {"_VESTIGE_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "vestige-tui ", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | variables, capture_output=True, text=True,
                          check=True, timeout=60)  # fmt: skip
    *commands, loaded = done.stdout.splitlines()
    assert commands == [f"plain,{name}" for name in ("demo", "embedded", "inspect", "migrate", "search", "verify")]
    assert loaded == "[]"
