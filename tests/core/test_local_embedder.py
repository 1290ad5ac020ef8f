"""A model on this machine, through fastembed's real loading: folders, caches, the hub, and what comes out."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event

import pytest

from tests.support.tiny_model import TinyModel
from vestige_tui.core.errors import Cancelled, EmbedderError, UsageError
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.reembed.embedders import local
from vestige_tui.core.reembed.embedders.model_folders import vestige_caches
from vestige_tui.core.reembed.embedders.opening import open_embedder
from vestige_tui.core.reembed.embedders.protocol import Download, EmbedderEvent, TextEmbedder
from vestige_tui.core.reembed.embedders.treatment import values
from vestige_tui.core.reembed.profiles import EmbedderChoice

NOMIC = "nomic-ai/nomic-embed-text-v1.5"
NOMIC_CACHE = "models--nomic-ai--nomic-embed-text-v1.5"


@pytest.fixture
def model(tmp_path: Path) -> TinyModel:
    return TinyModel(tmp_path / "model")


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Vestige's cache folder, empty, and no other cache."""
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(local, "other_caches", lambda: (tmp_path / "hub",))
    return tmp_path / "cache"


def opened(path: Path | None, name: str = "test/tiny", **choice: object) -> TextEmbedder:
    return open_embedder(EmbedderChoice(**{"model": name, "path": path, **choice}), cancel=Event())  # type: ignore[arg-type]


def failed(path: Path | None, name: str = "test/tiny", **choice: object) -> EmbedderError:
    with pytest.raises(EmbedderError) as error:
        opened(path, name, **choice)
    return error.value


def numbers(vector: object) -> list[float]:
    assert isinstance(vector, bytes)
    return list(values(vector))


def unit(vector: list[float]) -> object:
    return pytest.approx([number / math.hypot(*vector) for number in vector], abs=1e-6)


@pytest.mark.parametrize("file", ["onnx/model.onnx", "model.onnx", "onnx/model_int8.onnx"])
@pytest.mark.parametrize("pooled", [False, True], ids=["tokens", "pooled"])
def test_a_folder_with_a_model(tmp_path: Path, file: str, pooled: bool) -> None:
    model = TinyModel(tmp_path / "model", file=file, pooled=pooled)
    embedder = opened(model.folder)
    assert embedder.model_signature().dimension == 6
    texts = ["alpha beta", "beta gamma", "alpha beta"] if pooled else ["alpha", "alpha beta", "alpha"]
    first, second, third = embedder.embed(texts, Event())  # the pooled one takes padding for text
    assert numbers(first) == unit(model.mean(*texts[0].split()))
    assert numbers(second) == unit(model.mean(*texts[1].split()))
    assert first == third
    assert embedder.place.shown == str(model.folder)
    assert not embedder.place.leaves_machine
    embedder.close()
    embedder.close()


@pytest.mark.parametrize(
    ("mode", "words"), [("mean_tokens", "alpha beta"), ("cls_token", "alpha"), ("lasttoken", "beta")]
)
def test_pooling_as_the_files_say(model: TinyModel, mode: str, words: str) -> None:
    model.write_json("1_Pooling/config.json", {"pooling_mode_cls_token": False, f"pooling_mode_{mode}": True})
    vector = opened(model.folder).embed(["alpha beta"], Event())[0]
    assert numbers(vector) == unit(model.mean(*words.split()))


def test_two_folders_of_one_name(model: TinyModel, tmp_path: Path) -> None:
    other = TinyModel(tmp_path / "other", 4)
    both = [opened(folder).model_signature().dimension for folder in (model.folder, other.folder, model.folder)]
    assert both == [6, 4, 6]


def test_many_texts_of_many_lengths(model: TinyModel) -> None:
    embedder = opened(model.folder)
    texts = ["alpha " * (1 + number % 7) + "beta" for number in range(70)]
    made = embedder.embed(texts, Event())
    assert [numbers(vector) for vector in made] == [unit(model.mean(*text.split())) for text in texts]
    assert embedder.embed_query("gamma", Event()) == embedder.embed(["gamma"], Event())[0]


def test_what_vestige_reads_of_a_text(tmp_path: Path) -> None:
    """The raw profile: 512 tokens and 256 elements. The retrieval profile: a prefix, and more tokens."""
    model = TinyModel(tmp_path / "model", 768)
    raw = opened(model.folder, "nomic-v1.5")
    assert raw.model_signature().dimension == 256
    text = "alpha " * 512 + "beta " * 100
    assert numbers(raw.embed([text], Event())[0]) == unit(model.mean("alpha")[:256])
    retrieval = opened(model.folder, NOMIC, profile="nomic-v1.5-retrieval-v1-256")
    words = ["search_document", ":", *text.split()]
    assert numbers(retrieval.embed([text], Event())[0]) == unit(model.mean(*words)[:256])
    assert numbers(retrieval.embed_query("beta", Event())) == unit(model.mean("search_query", ":", "beta")[:256])


def test_another_dimension_than_is_asked_for(model: TinyModel) -> None:
    with pytest.raises(UsageError, match="gives 6 elements, not 8"):
        opened(model.folder, dimension=8)
    with pytest.raises(UsageError, match="gives 6 elements, not 768"):
        opened(model.folder, "nomic-v1.5")
    assert opened(model.folder, dimension=6, hash="abcd").model_signature().hash == "abcd"


def test_a_text_without_a_usable_vector(tmp_path: Path) -> None:
    embedder = opened(TinyModel(tmp_path / "model", nan="gamma").folder)
    made = embedder.embed(["gamma", "alpha"], Event())
    assert made[0] is Refusal.NOT_FINITE
    assert isinstance(made[1], bytes)
    assert embedder.embed(["gamma"], Event()) == [Refusal.NOT_FINITE]
    assert failed(TinyModel(tmp_path / "nan", nan="[UNK]").folder).obstacle is EmbedderObstacle.WRONG_VECTORS


def test_it_stops_between_two_batches(model: TinyModel) -> None:
    cancel = Event()
    embedder = opened(model.folder)
    cancel.set()
    with pytest.raises(Cancelled):
        embedder.embed(["alpha"], cancel)


def test_a_folder_that_is_not_whole(model: TinyModel, tmp_path: Path) -> None:
    (model.folder / "tokenizer_config.json").unlink()
    (model.folder / "onnx" / "model.onnx").rename(model.folder / "a.onnx")
    lacking = failed(model.folder)
    assert lacking.obstacle is EmbedderObstacle.FILES_MISSING
    assert lacking.detail == "it lacks tokenizer_config.json"
    (model.folder / "b.onnx").touch()
    assert failed(model.folder).detail == "it has several ONNX files, and none is model.onnx: a.onnx, b.onnx"
    (tmp_path / "empty").mkdir()
    assert failed(tmp_path / "empty").detail == "it lacks an ONNX file, tokenizer.json, tokenizer_config.json"
    assert failed(tmp_path / "none").detail == "it does not exist, or is no folder"


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_cannot_be_read(model: TinyModel, name: str) -> None:
    (model.folder / name).write_bytes(b"\0 no such thing")
    error = failed(model.folder)
    assert error.obstacle is EmbedderObstacle.UNREADABLE_MODEL
    assert error.where == str(model.folder)


def test_without_the_extra(model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)  # an import of it fails
    error = failed(model.folder)
    assert error.obstacle is EmbedderObstacle.NOT_INSTALLED
    assert "'fastembed>=0.9'" in error.remedy


def test_a_model_that_fastembed_does_not_know(caches: Path) -> None:
    with pytest.raises(UsageError, match="does not know the model test/tiny"):
        opened(None)


def test_vestiges_cache_is_looked_at_first(caches: Path, tmp_path: Path) -> None:
    ours = TinyModel(caches / NOMIC_CACHE / "snapshots" / "abc", 768)
    TinyModel(tmp_path / "hub" / NOMIC_CACHE / "snapshots" / "abc", 768)
    assert opened(None, NOMIC).place.shown == str(ours.folder)
    (ours.folder / "tokenizer.json").unlink()  # not whole: the next cache
    assert opened(None, "nomic-v1.5").place.shown.startswith(str(tmp_path / "hub"))


def test_without_files_and_network(caches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    error = failed(None, NOMIC)
    assert error.obstacle is EmbedderObstacle.NO_MODEL
    assert f"looked for in {caches}, {tmp_path / 'hub'}." in error.what
    assert "--model-path" in error.remedy


class Hub(ThreadingHTTPServer):
    """The few answers of a hub that a download needs. ``paths`` are those that were asked for."""

    daemon_threads = True
    commit = "1" * 40

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), HubHandler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.paths.append(path)
        if path.startswith("/api/models/"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.server.files.items()
            ]
            about = {"id": NOMIC, "sha": Hub.commit, "siblings": [{"rfilename": name} for name in self.server.files]}
            self.send(json.dumps(tree if "/tree/" in path else about).encode())
            return
        name = path.partition(f"/resolve/{Hub.commit}/")[2]
        self.send(self.server.files.get(name), {"ETag": f'"{hashlib.sha1(name.encode()).hexdigest()}"'})

    do_HEAD = do_GET

    def send(self, data: bytes | None, headers: dict[str, str] | None = None) -> None:
        self.send_response(404 if data is None else 200)
        self.send_header("X-Repo-Commit", Hub.commit)
        self.send_header("Content-Length", str(len(data or b"")))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data or b"")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = TinyModel(tmp_path / "there", 768).folder
    names = ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json"]
    running = Hub({name: (folder / name).read_bytes() for name in names} | {"model.safetensors": b"not needed"})
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
    yield running
    running.shutdown()
    running.server_close()


def test_a_download_is_announced_and_shows_its_progress(
    caches: Path, hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    events: list[EmbedderEvent] = []

    def watch(event: EmbedderEvent) -> None:
        assert events or not hub.paths  # announced before anything is asked for
        events.append(event)

    embedder = open_embedder(EmbedderChoice(model=NOMIC), cancel=Event(), watcher=watch)
    assert embedder.model_signature().dimension == 256
    downloads = [event for event in events if isinstance(event, Download)]
    host = f"127.0.0.1:{hub.server_port}"
    assert downloads[0] == Download(NOMIC, host, str(caches), 0, 520_000_000)
    assert downloads[-1].done == downloads[-1].total
    assert [event.done for event in downloads] == sorted(event.done for event in downloads)
    assert not any("safetensors" in path for path in hub.paths)
    asked = len(hub.paths)
    assert opened(None, NOMIC).place == embedder.place  # and is not fetched again
    assert len(hub.paths) == asked
    assert capfd.readouterr() == ("", "")


def test_a_download_can_be_stopped(caches: Path, hub: Hub) -> None:
    cancel = Event()

    def watch(_event: EmbedderEvent) -> None:
        cancel.set()

    with pytest.raises(Cancelled):
        open_embedder(EmbedderChoice(model=NOMIC), cancel=cancel, watcher=watch)
    assert not [*caches.glob("**/*.onnx")]


HOME = Path("/home/ada")


@pytest.mark.parametrize(
    ("platform", "environment", "first"),
    [
        ("linux", {}, HOME / ".cache/vestige/fastembed"),
        ("linux", {"XDG_CACHE_HOME": "/var/cache/ada"}, Path("/var/cache/ada/vestige/fastembed")),
        ("linux", {"XDG_CACHE_HOME": "relative"}, HOME / ".cache/vestige/fastembed"),
        ("linux", {"FASTEMBED_CACHE_PATH": "/models"}, Path("/models")),
        ("darwin", {}, HOME / "Library/Caches/vestige.vestige/fastembed"),
        ("win32", {"LOCALAPPDATA": "/appdata"}, Path("/appdata/vestige/vestige/cache/fastembed")),
    ],
    ids=["linux", "xdg", "relative xdg", "named", "mac", "windows"],
)
def test_where_vestige_keeps_its_models(platform: str, environment: dict[str, str], first: Path) -> None:
    assert vestige_caches(environment, home=HOME, platform=platform)[0] == first
