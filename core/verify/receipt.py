"""A receipt: what was at the destination at the end of a copy, so that it can be checked later without the source.

``docs/receipt.md`` describes the format. A receipt holds no content, no id and no password.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vestige_tui.core.errors import UsageError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.verify.digests import Part, TableDigest

FORMAT = "vestige-tui/receipt/1"
LARGEST_FILE = 50_000_000
"""Bytes; a receipt has a thousandth of that."""

_SEALED = re.compile(rb'(?P<body>.*\n) "sha256": "(?P<digest>[0-9a-f]{64})"\n}\n', re.DOTALL)
_PAGE = re.compile(rb"(?P<body>.*\n)<!-- SHA-256 of the lines above: (?P<digest>[0-9a-f]{64}) -->\n", re.DOTALL)
_IN_PAGE = re.compile(rb".*\n```json\n(?P<json>.*\n)```\n", re.DOTALL)


_PART = re.compile("[0-9a-f]{2}")


class ReceiptError(UsageError):
    """A file is not a receipt, or not as it was written."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt. ``document`` are its JSON values; the others are what a check needs of them.

    ``tables`` have digests of parts that are cut to ``PART_DIGITS``. ``taken_at`` and ``xid`` are those of ``Taken``.
    """

    document: Mapping[str, Any]
    tables: Mapping[str, TableDigest]
    taken_at: datetime
    xid: int

    @property
    def model(self) -> ModelSignature | None:
        """The model of the destination's vectors; None where none was registered."""
        model = self.document["destination"].get("model")
        return None if model is None else ModelSignature(model["name"], model["dimension"], model["hash"])

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Receipt:
        """The receipt with these JSON values. Raises ``ValueError``, ``LookupError``, ``TypeError`` for others."""
        tables = {}
        for name, entry in document["tables"].items():
            if entry["digest"] is not None:
                split = {part: text.split() for part, text in entry["parts"].items()}
                if not all(map(_PART.fullmatch, split)):
                    raise ValueError("a part has another name")
                parts = {part: Part(int(rows), digest) for part, (rows, digest) in split.items()}
                tables[name] = TableDigest(entry["at_destination"], entry["digest"], parts)
        destination = document["destination"]
        return cls(document, tables, datetime.fromisoformat(destination["taken_at"]), int(destination["xid"]))

    def to_json(self) -> str:
        """The receipt as a file: ASCII, with the SHA-256 of all lines above it in the last line but one."""
        body = json.dumps(self.document, indent=1).removesuffix("\n}") + ",\n"
        return f'{body} "sha256": "{_sha256(body)}"\n}}\n'

    def to_page(self) -> str:
        """The receipt as Markdown, to read and to keep; it holds the JSON, and ends with the SHA-256 of its lines."""
        from vestige_tui.core.verify.receipt_page import page

        body = f"{page(self.document)}\n```json\n{self.to_json()}```\n"
        return f"{body}<!-- SHA-256 of the lines above: {_sha256(body)} -->\n"

    def for_file(self, path: Path) -> bytes:
        """What a file of this name holds: a page where the name ends in ``.md``, else JSON."""
        return (self.to_page() if path.suffix.lower() == ".md" else self.to_json()).encode()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load_receipt(path: Path) -> Receipt:
    """Read a receipt from a file. Raises ``ReceiptError`` where it is none, cannot be read, or has another byte."""
    try:
        with path.open("rb") as file:
            return read_receipt(file.read(LARGEST_FILE), str(path))
    except OSError as error:
        raise ReceiptError(
            f"The receipt {path} cannot be read: {error.strerror or error}.",
            remedy="Check the path and the permissions of the file.",
        ) from None


def read_receipt(data: bytes, name: str) -> Receipt:
    """A receipt from the bytes of a file in either form. Raises ``ReceiptError`` where one byte is not as written."""
    if FORMAT.rpartition("/")[0].encode() not in data:
        raise ReceiptError(
            f"{name} is not a receipt of vestige-tui.",
            remedy="Name the file of a receipt: JSON, or a page that ends in .md.",
        )
    if page := _PAGE.fullmatch(data):
        _check_digest(page, name)
        inside = _IN_PAGE.fullmatch(page["body"])
        data = inside["json"] if inside else b""
    sealed = _SEALED.fullmatch(data)
    if sealed is None:
        raise _changed(name)
    _check_digest(sealed, name)
    try:
        return _parse(json.loads(sealed["body"].removesuffix(b",\n") + b"\n}"), name)
    except (ValueError, LookupError, TypeError, AttributeError):  # the digest fits, so it was made by hand
        raise _changed(name) from None


def _check_digest(found: re.Match[bytes], name: str) -> None:
    if hashlib.sha256(found["body"]).hexdigest().encode() != found["digest"]:
        raise _changed(name)


def _changed(name: str) -> ReceiptError:
    return ReceiptError(
        f"The receipt {name} is not as it was written: its own digest does not fit.",
        remedy="Look for another copy of it. Mail programs and editors may change line ends and blanks.",
    )


def _parse(document: dict[str, Any], name: str) -> Receipt:
    if document["format"] != FORMAT:
        raise ReceiptError(
            f"The receipt {name} has a format that this version does not know.",
            remedy=f"Check it with the version that made it, or a newer one: {document['tool']}.",
        )
    return Receipt.of(document)
