"""``docs/server``: what its Compose file starts is what its page describes, and nobody else reaches it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vestige_tui.core.destination.build_resources import BUILD_MEMORY_MB
from vestige_tui.core.dsn import Dsn

FOLDER = next(
    folder / "docs" / "server" for folder in Path(__file__).resolve().parents if (folder / "docs" / "server").is_dir()
)


@pytest.fixture(scope="module")
def compose() -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def test_the_server_is_for_this_machine_and_has_a_password(compose: Any) -> None:
    service = compose["services"]["postgres"]
    assert re.fullmatch(r"pgvector/pgvector:\d+\.\d+\.\d+-pg(1[6-9]|[2-9]\d)-[a-z]+", service["image"]), "a pinned tag"
    assert service["ports"] == ["127.0.0.1:5432:5432"]
    assert service["env_file"] == "server.env"
    assert not [name for name in service["environment"] if "PASSWORD" in name or "METHOD" in name]


def test_its_data_stays_and_an_index_build_has_room(compose: Any) -> None:
    service = compose["services"]["postgres"]
    (mount,) = service["volumes"]
    volume, _, place = mount.partition(":")
    assert place == "/var/lib/postgresql"  # since PostgreSQL 18; older images: /var/lib/postgresql/data
    assert compose["volumes"][volume]["name"] == "vestige-memories"
    assert int(service["shm_size"].removesuffix("gb")) * 1024 > max(BUILD_MEMORY_MB)
    assert "--host=127.0.0.1" in service["healthcheck"]["test"], "else it is healthy while its volume is prepared"


def test_the_page_fits_the_file(compose: Any) -> None:
    service, page = compose["services"]["postgres"], (FOLDER / "README.md").read_text()
    assert f">{service['env_file']})" in page
    assert f"`{compose['volumes']['memories']['name']}`" in page
    (url,) = set(re.findall(r"postgresql://\S+", page))
    assert dict(Dsn.parse(url).parameters) == {
        "user": service["environment"]["POSTGRES_USER"],
        "dbname": service["environment"]["POSTGRES_DB"],
        "host": "127.0.0.1",
        "port": "5432",
    }
