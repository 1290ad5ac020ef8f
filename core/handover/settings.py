"""The settings of Vestige for the new store: the lines of ``vestige.toml``, read from a file and set in one.

Vestige refuses keys that it does not know, so nothing else is ever written.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from vestige_tui.core.errors import UsageError
from vestige_tui.core.rows.vectors import CATALOGUE

PROVIDER = "fastembed"
"""What runs the models of Vestige's catalogue."""

_MARK = "\ufeff"
"""The byte order mark, with which some editors begin a file."""

_EMBEDDINGS, _STORAGE, _BACKEND = "embeddings", "storage", "postgres"


@dataclass(frozen=True, slots=True)
class VestigeSettings:
    """The store's URL, and the model that its vectors were made with; None where Vestige has none of that name."""

    url: str = field(repr=False)
    model: str | None = None

    @property
    def lines(self) -> str:
        """The lines for ``vestige.toml``, the last one with its line end."""
        model = ["[embeddings]", f'provider = "{PROVIDER}"', f"model = {_quoted(self.model)}", ""] if self.model else []
        store = ["[storage]", f'backend = "{_BACKEND}"', "", "[storage.postgres]", f"url = {_quoted(self.url)}"]
        return "\n".join([*model, *store, ""])


def known_to_vestige(model: str | None) -> str | None:
    """The name of a model, if Vestige's catalogue has it."""
    return model if model in {name for name, _ in CATALOGUE.values()} else None


def settings_in(data: bytes) -> VestigeSettings:
    """The settings that a file has. Raises ``UsageError`` where it is not TOML, or names no PostgreSQL."""
    parsed = parse_toml(_text(data))
    match parsed:
        case {"storage": {"backend": "postgres", "postgres": {"url": str(url)}}}:
            embeddings = parsed.get(_EMBEDDINGS)
            model = embeddings.get("model") if isinstance(embeddings, dict) else None
            return VestigeSettings(url, model if isinstance(model, str) else None)
    raise UsageError(
        "The file does not tell Vestige to use PostgreSQL.",
        remedy='It needs backend = "postgres" under [storage], and a url under [storage.postgres].',
    )


def edited(data: bytes, settings: VestigeSettings) -> bytes:
    """A file with these settings in it: its other sections, comments, order and line ends stay. Raises ``UsageError``.

    A URL that differs in nothing but its password stays as it is, so that no password is lost.
    """
    text = _text(data)
    before = parse_toml(text)
    wanted = _changes(before, settings)
    if not wanted:
        return data
    if not text.strip():
        return settings.lines.encode()
    try:
        document = tomlkit.parse(text.removeprefix(_MARK))
        for path, value in wanted.items():
            _set(document, path, value)
        result = _with_line_ends_of(text, tomlkit.dumps(document))
        fine = tomllib.loads(result) == _merged(before, wanted)
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, AttributeError):
        fine = False
    if not fine:
        raise UsageError(
            "The lines cannot be set in this file without changing its form.",
            remedy="Copy them, and put them in place with an editor.",
        )
    return f"{_MARK if text.startswith(_MARK) else ''}{result}".encode()


_Path = tuple[str, ...]


def _changes(before: Mapping[str, Any], settings: VestigeSettings) -> dict[_Path, str]:
    wanted: dict[_Path, str] = {}
    wanted[_STORAGE, "backend"] = _BACKEND
    present = _found(before, (_STORAGE, _BACKEND, "url"))
    if not (isinstance(present, str) and same_but_for_password(present, settings.url)):
        wanted[_STORAGE, _BACKEND, "url"] = settings.url
    if settings.model is not None:
        if _found(before, (_EMBEDDINGS, "provider")) is None:
            wanted[_EMBEDDINGS, "provider"] = PROVIDER
        wanted[_EMBEDDINGS, "model"] = settings.model
    return {path: value for path, value in wanted.items() if _found(before, path) != value}


def same_but_for_password(one: str, other: str) -> bool:
    """Whether two URLs lead to the same place as the same user."""
    from vestige_tui.core.dsn import SECRET_PARAMETERS, Dsn

    try:
        parameters = [dict(Dsn.parse(url).parameters) for url in (one, other)]
    except UsageError:
        return False
    for each in parameters:
        for name in SECRET_PARAMETERS:
            each.pop(name, None)
        each.setdefault("port", "5432")
    return parameters[0] == parameters[1]


def _found(document: Mapping[str, Any], path: _Path) -> object:
    found: object = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _set(document: Any, path: _Path, value: str) -> None:
    """Set a value, in the form that its table has. A new table goes to the end of the one around it."""
    table = document
    for name in path[:-1]:
        if name not in table:
            inline = isinstance(table, tomlkit.items.InlineTable)
            new = tomlkit.inline_table() if inline else tomlkit.table()
            new[path[-1]] = value
            if not inline and table is not document and path[0] != list(document)[-1]:
                new.add(tomlkit.nl())  # before the section that follows
            table[name] = new
        table = table[name]
    table[path[-1]] = value


def _merged(before: Mapping[str, Any], wanted: Mapping[_Path, str]) -> dict[str, Any]:
    """What the file has to say afterwards."""
    merged = _copied(before)
    for path, value in wanted.items():
        table = merged
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
    return merged


def _copied(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in table.items()}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UsageError("The file is not text in UTF-8.", remedy="Name another file.") from None


def parse_toml(text: str) -> dict[str, Any]:
    """What a file says. Raises ``UsageError``, in words that quote nothing of it."""
    try:
        return tomllib.loads(text.removeprefix(_MARK))
    except tomllib.TOMLDecodeError:  # its message may quote a line, and a line may hold a password
        raise UsageError("The file is not valid TOML.", remedy="Correct it with an editor first.") from None


def _with_line_ends_of(text: str, edited_text: str) -> str:
    """New lines end as all lines of a file do that has only those of Windows."""
    if "\r\n" in text and text.count("\n") == text.count("\r\n"):
        return edited_text.replace("\r\n", "\n").replace("\n", "\r\n")
    return edited_text


def _quoted(text: str | None) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
