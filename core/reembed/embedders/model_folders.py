"""Where the files of a model are: Vestige's cache, the caches of fastembed and of the hub, a folder that is named."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vestige_tui.core import system
from vestige_tui.core.errors import EmbedderError
from vestige_tui.core.facts import EmbedderObstacle
from vestige_tui.core.reembed.profiles import Pooling
from vestige_tui.core.text import display_safe

CACHE_VARIABLE = "FASTEMBED_CACHE_PATH"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
"""What fastembed needs beside the model itself."""

_MODEL_FILES = ("onnx/model.onnx", "model.onnx")
_MODES = {
    "pooling_mode_cls_token": Pooling.FIRST,
    "pooling_mode_mean_tokens": Pooling.MEAN,
    "pooling_mode_lasttoken": Pooling.LAST,
}
"""What sentence-transformers writes into ``1_Pooling/config.json``."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with a whole model: ``file`` is the path of its ONNX file in it."""

    path: Path
    file: str
    pooling: Pooling | None = None
    """As its files say; None where they do not."""


def vestige_caches(
    environment: Mapping[str, str] = os.environ, *, home: Path | None = None, platform: str = system.name()
) -> tuple[Path, ...]:
    """The folders in which Vestige keeps models, the likeliest first. The first one is where a new model belongs.

    That is what Rust's ``ProjectDirs("", "vestige", "vestige")`` gives, and then what Vestige's documents name.
    """
    home = home or Path.home()
    if named := environment.get(CACHE_VARIABLE, "").strip():
        return (Path(named),)
    if platform == system.WINDOWS:
        local = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        bases = [local / "vestige" / "vestige" / "cache", local / "vestige" / "cache"]
    elif platform == system.MACOS:
        caches = home / "Library" / "Caches"
        bases = [caches / "vestige.vestige", caches / "vestige"]
    else:
        set_ = Path(environment.get("XDG_CACHE_HOME", ""))
        bases = [(set_ if set_.is_absolute() else home / ".cache") / "vestige"]
    return tuple(dict.fromkeys(base / "fastembed" for base in (*bases, home / ".cache" / "vestige")))


def other_caches(environment: Mapping[str, str] = os.environ, *, home: Path | None = None) -> tuple[Path, ...]:
    """The folders in which fastembed and the hub's own programs keep models."""
    home = home or Path.home()
    hub = environment.get("HF_HUB_CACHE") or Path(environment.get("HF_HOME") or home / ".cache" / "huggingface") / "hub"
    return Path(tempfile.gettempdir()) / "fastembed_cache", Path(hub)


def find_cached(caches: Iterable[Path], repository: str, files: Sequence[str]) -> Path | None:
    """The newest snapshot of ``owner/name`` that has all these files, in the first cache that has one."""
    for cache in caches:
        snapshots = [
            snapshot
            for snapshot in _entries(cache / f"models--{repository.replace('/', '--')}" / "snapshots")
            if all((snapshot / file).is_file() for file in files)
        ]
        if snapshots:
            return max(snapshots, key=lambda snapshot: snapshot.stat().st_mtime)
    return None


def model_folder(path: Path) -> ModelFolder:
    """A folder that an operator names. Raises ``EmbedderError`` where it holds no whole model, or several."""
    if not path.is_dir():
        raise EmbedderError(EmbedderObstacle.FILES_MISSING, _shown(path), "it does not exist, or is no folder")
    missing = [name for name in TOKENIZER_FILES if not (path / name).is_file()]
    file = next((name for name in _MODEL_FILES if (path / name).is_file()), None)
    if file is None:
        found = [*_onnx_files(path)]
        if len(found) > 1:
            detail = f"it has several ONNX files, and none is model.onnx: {display_safe(', '.join(found))}"
            raise EmbedderError(EmbedderObstacle.FILES_MISSING, _shown(path), detail)
        file = found[0] if found else None
    if file is None or missing:
        lacks = ", ".join([*([] if file else ["an ONNX file"]), *missing])
        raise EmbedderError(EmbedderObstacle.FILES_MISSING, _shown(path), f"it lacks {lacks}")
    return ModelFolder(path, file, _pooling(path))


def _onnx_files(path: Path) -> Iterator[str]:
    for folder in (path / "onnx", path):
        yield from (file.relative_to(path).as_posix() for file in _entries(folder) if file.suffix == ".onnx")


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _pooling(path: Path) -> Pooling | None:
    try:
        modes = json.loads((path / "1_Pooling" / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    chosen = [pooling for name, pooling in _MODES.items() if isinstance(modes, dict) and modes.get(name) is True]
    return chosen[0] if len(chosen) == 1 else None


def _shown(path: Path) -> str:
    return display_safe(str(path))
