"""A receipt in Markdown, to read and to keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vestige_tui.core.left_behind import meaning_of
from vestige_tui.core.rows.problems import EXPLANATIONS, Kind
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.text import display_safe, size

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")

_OUTCOMES = {
    "clean": "The copy is clean: every row of the source is at the destination.",
    "different": "Every row of the source is at the destination. Some were there before, with other values.",
    "errors": "The copy has problems, which are listed below.",
    "incomplete": "Every row of the source is at the destination, but an index or a foreign key is not.",
    "cancelled": "The copy was cancelled before its end.",
    "failed": "The copy failed before its end.",
    "equal": "Every row of the source that can be at the destination is there, with equal values.",
}
_DIFFERENT = "Rows of the source are not at the destination, or have other values there."
_TITLES = {
    "copy": "Receipt of a copy from SQLite to PostgreSQL",
    "verification": "Receipt of a comparison of PostgreSQL with a SQLite source",
}
_VERIFIED = {
    True: "Every value of every row was compared with the source.",
    False: "The values at the destination were not compared with the source, or not to the end.",
}
_COLUMNS = {
    "source": "in the source",
    "inserted": "inserted",
    "already_equal": "there before, equal",
    "already_different": "there before, different",
    "left_out": "not copied",
    "changed": "inserted, changed there",
    "missing": "not found there",
    "at_destination": "at the destination",
}
_BY_OPERATOR = {
    "repaired_by_operator": "rows repaired",
    "left_out_by_operator": "rows left out knowingly",
    "mended": "rows there before and mended there",
}


def page(document: Mapping[str, Any]) -> str:
    """The page above the JSON. Text from data is shown as it is: nothing in it counts as Markdown."""
    return "\n".join(_lines(document))


def verdict(document: Mapping[str, Any]) -> str:
    """What the receipt confirms, in one or two sentences."""
    of, outcome = document["of"], document["outcome"]
    became = _DIFFERENT if (of, outcome) == ("verification", "different") else _OUTCOMES[outcome]
    return f"{became} {_VERIFIED[document['verified']]}"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {_TITLES[document['of']]}\n"
    yield f"{verdict(document)}\n"
    yield from _grid(("", ""), _ends(document))
    yield "\n## Rows\n"
    tables = document["tables"]
    yield from _grid(("table", *_COLUMNS.values()), (_counts(name, entry) for name, entry in tables.items()))
    for title, key in (("Copied without a broken value", "repaired"), ("Not copied", "left_out")):
        if document[key]:
            yield f"\n## {title}\n"
            yield from _grid(("table", "problem", "times"), _problems(document[key]))
    by_operator = {title: document.get(key, {}) for key, title in _BY_OPERATOR.items()}
    if any(by_operator.values()):
        yield "\n## By the operator's repairs\n"
        names = dict.fromkeys(name for counts in by_operator.values() for name in counts)
        rows = ((_title(name), *(f"{counts.get(name, 0):,}" for counts in by_operator.values())) for name in names)
        yield from _grid(("table", *by_operator), rows)
    if document["left_behind"]:
        yield "\n## Left behind: the destination has no place for it\n"
        yield from _grid(("what", "rows or values", ""), _left_behind(document["left_behind"]))
    if document["incomplete"]:
        yield "\n## Missing at the destination\n"
        yield from _grid(("what", "table", "reason"), map(_missing, document["incomplete"]))
    yield "\n## Digests\n"
    yield (
        "SHA-256 over all values of all rows that each table had when this receipt was made. `docs/receipt.md` says "
        "how to compute them again with `psql`; `vestige-tui verify --receipt FILE` does it with this page.\n"
    )
    yield from _grid(("table", "digest"), ((_title(name), f"`{entry['digest']}`") for name, entry in tables.items()))
    yield "\n## The receipt as data\n"


def _ends(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    source, destination = document["source"], document["destination"]
    yield "Made by", _plain(document["tool"])
    yield "From", _plain(document["started_at"])
    yield "To", _plain(document["ended_at"])
    yield "Source", _plain(f"{source['path']} ({source['layout']} layout, version {source['version'] or 'unknown'})")
    yield "SHA-256 before", _file(source["before"])
    yield "SHA-256 after", _file(source["after"])
    yield "Destination", _plain(f"{destination['url']}, schema {destination['schema']}")
    yield (
        "Server",
        _plain(
            f"PostgreSQL {destination['server_version']}, pgvector {destination['pgvector_version'] or 'not installed'}"
        ),
    )
    model = destination["model"]
    yield "Model", _plain(f"{model['name']}, dimension {model['dimension']}, hash {model['hash']}" if model else "none")


def _file(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not known: the file could not be read whole"
    files = [(name, found[name]) for name in ("database", "wal") if found[name] is not None]
    return "; ".join(f"`{file['sha256']}` ({name}, {size(file['size'])})" for name, file in files)


def _counts(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield _title(name)
    for key in _COLUMNS:
        number = entry[key]
        yield "–" if number is None else f"{number:,}"


def _problems(counted: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, str, str]]:
    for table, kinds in counted.items():
        for kind, times in kinds.items():
            yield _title(table), _plain(EXPLANATIONS[Kind(kind)].title), f"{times:,}"


def _left_behind(counted: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    for name, rows in counted.items():
        yield _plain(name), f"{rows:,}", meaning_of(name)


def _missing(part: Mapping[str, Any]) -> tuple[str, str, str]:
    return _plain(part["name"]), _title(part["table"]), _plain(part["reason"])


def _title(table: str) -> str:
    return BY_NAME[table].title if table in BY_NAME else _plain(table)


def _grid(heads: tuple[str, ...], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _plain(text: str) -> str:
    """Text from data on one line, without a meaning in Markdown or for a terminal."""
    return _MARKUP.sub(r"\\\1", display_safe(text))
