"""A model on this machine, run by fastembed on onnxruntime: the extra ``local-embedder``.

fastembed is loaded at the first use: it takes a second, and need not be installed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from vestige_tui.core.errors import Cancelled, EmbedderError, UsageError
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.reembed.embedders.fetching import fetch
from vestige_tui.core.reembed.embedders.model_folders import (
    TOKENIZER_FILES,
    ModelFolder,
    find_cached,
    model_folder,
    other_caches,
    vestige_caches,
)
from vestige_tui.core.reembed.embedders.profiled import ProfiledEmbedder
from vestige_tui.core.reembed.embedders.protocol import PROBE, EmbedderWatcher, Place, Vector
from vestige_tui.core.reembed.embedders.treatment import treated
from vestige_tui.core.reembed.profiles import BATCH, Pooling, Profile
from vestige_tui.core.text import display_safe

if TYPE_CHECKING:
    from fastembed import TextEmbedding


@dataclass(slots=True)
class LocalEmbedder(ProfiledEmbedder):
    """Runs a model. Made by ``open_local``, which has tried it."""

    folder: Path
    _model: TextEmbedding | None

    @property
    def place(self) -> Place:
        """The folder of the model."""
        return Place(display_safe(str(self.folder)))

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def _made(self, documents: list[str], cancel: Event) -> list[Vector | Refusal]:
        made: list[Vector | Refusal] = []
        for start in range(0, len(documents), BATCH):
            if cancel.is_set():
                raise Cancelled
            made += treated(self.raw(documents[start : start + BATCH]), self.dimension)
        return made

    def raw(self, documents: list[str]) -> list[bytes]:
        """The model's own vectors of little-endian float32. Raises ``EmbedderError``."""
        import numpy as np

        if self._model is None:
            raise ValueError("the embedder is closed")
        try:
            return [np.asarray(vector, "<f4").tobytes() for vector in self._model.embed(documents, batch_size=BATCH)]
        except Exception as error:  # of onnxruntime, whose errors share no class, and whose texts may quote
            raise _unreadable(self.folder, error) from None


def open_local(
    profile: Profile, path: Path | None, *, hash: str, cancel: Event, watcher: EmbedderWatcher
) -> LocalEmbedder:
    """The model in a folder; or, by its name, in Vestige's cache, in other caches, or fetched into Vestige's.

    Raises ``EmbedderError``, ``Cancelled``, and ``UsageError`` where fastembed does not know the model, or it has
    another dimension.
    """
    try:
        import fastembed  # noqa: F401
    except ImportError:
        raise EmbedderError(EmbedderObstacle.NOT_INSTALLED, "this machine") from None
    _silence()
    if path is not None:
        folder = model_folder(path)
        place, model = path, _loaded_folder(folder, profile.pooling or folder.pooling or Pooling.MEAN)
    else:
        place = _find(profile, cancel, watcher)
        model = _load(place, model_name=profile.model)
    _limit(model, profile.tokens)
    embedder = LocalEmbedder(profile, hash, place, model)
    native = len(embedder.raw([PROBE])[0]) // 4
    if profile.dimension is not None and native not in (profile.native, profile.dimension):
        raise UsageError(
            f"{display_safe(profile.model)} in {embedder.place.shown} gives {native:,} elements, "
            f"not {profile.native or profile.dimension:,}.",
            remedy="Leave out --dimension to take what it gives, or name the model or profile that this is.",
        )
    embedder.profile = profile.giving(native)
    embedder.embed([PROBE], cancel)  # raises where it has no vector
    return embedder


def _find(profile: Profile, cancel: Event, watcher: EmbedderWatcher) -> Path:
    """The folder of a model that fastembed knows, fetched where it is nowhere."""
    known = _described(profile.model)
    files = [known["model_file"], *known["additional_files"], *TOKENIZER_FILES]
    repository = known["sources"]["hf"]
    caches = (*vestige_caches(), *other_caches())
    found = find_cached(caches, repository, files)
    if found is not None:
        return found
    try:
        size = int(known["size_in_GB"] * 1e9)
        return fetch(repository, files, caches[0], size=size, cancel=cancel, watcher=watcher)
    except Cancelled:
        raise
    except Exception:  # no network, no such repository, no space: what helps is the same
        shown = ", ".join(display_safe(os.fspath(cache)) for cache in caches)
        raise EmbedderError(EmbedderObstacle.NO_MODEL, shown, profile.model) from None


def _described(name: str) -> dict[str, Any]:
    from fastembed import TextEmbedding

    for known in TextEmbedding.list_supported_models():
        if known["model"].lower() == name.lower() and known["sources"]["hf"]:
            return known
    raise UsageError(
        f"fastembed does not know the model {display_safe(name)}.",
        remedy="Name the folder of its ONNX files with --model-path, or a server with --embedder-url.",
    )


def _loaded_folder(folder: ModelFolder, pooling: Pooling) -> TextEmbedding:
    from fastembed.common.model_description import PoolingType

    types = {Pooling.MEAN: PoolingType.MEAN, Pooling.FIRST: PoolingType.CLS, Pooling.LAST: PoolingType.LAST_TOKEN}
    model = _load(folder.path, model_name=_registered(folder, types[pooling]))
    inner: Any = model.model  # one of fastembed's classes, by the kind of model
    output = inner.model.get_outputs()[0]
    if len(output.shape) == 2:  # one vector for each text: the model pools by itself
        model = _load(folder.path, model_name=_registered(folder, PoolingType.DISABLED))
    return model


def _registered(folder: ModelFolder, pooling: Any) -> str:
    """The name under which fastembed knows a folder from now on, for as long as this process lives."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource

    name = f"folder/{blake3(f'{folder.path.resolve()}:{folder.file}:{pooling}'.encode()).hexdigest()}"
    if not any(known["model"] == name for known in TextEmbedding.list_supported_models()):
        TextEmbedding.add_custom_model(
            name, pooling, normalization=False, sources=ModelSource(hf=name), dim=0, model_file=folder.file
        )
    return name


def _load(folder: Path, *, model_name: str) -> TextEmbedding:
    from fastembed import TextEmbedding

    try:
        return TextEmbedding(model_name, cache_dir=str(folder), specific_model_path=str(folder), local_files_only=True)
    except Exception as error:  # of onnxruntime and tokenizers, whose errors share no class
        raise _unreadable(folder, error) from None


def _limit(model: TextEmbedding, tokens: int | None) -> None:
    """Read no more than ``tokens`` tokens of a text, where the model itself would read more."""
    inner: Any = model.model
    now = inner.tokenizer.truncation
    if tokens is not None and now is not None and tokens < now["max_length"]:
        inner.tokenizer.enable_truncation(tokens, direction=now["direction"])


def _unreadable(folder: Path, error: Exception) -> EmbedderError:
    return EmbedderError(EmbedderObstacle.UNREADABLE_MODEL, display_safe(str(folder)), type(error).__name__)


def _silence() -> None:
    """fastembed writes to the terminal by itself."""
    from loguru import logger

    logger.disable("fastembed")
