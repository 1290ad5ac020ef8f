"""What PostgreSQL itself makes of a field of the binary ``COPY`` format."""

from __future__ import annotations

from psycopg import pq

from tests.support.servers import Connection

NULL = b"\xff\xff\xff\xff"


class Fields:
    """Sends fields to a server, which reads them with its own receive functions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._oids: dict[str, int] = {}

    def read(self, field: bytes, type_name: str, expression: str = "$1::text") -> str | None:
        """``expression`` over ``$1``, the value in a field, as the server's text; None is NULL."""
        parameter = payload(field)
        result = self._connection.pgconn.exec_params(
            f"SELECT {expression}".encode(), [parameter], [self._oid(type_name)], [pq.Format.BINARY]
        )
        return _value(result)

    def accepts(self, text: str, type_name: str) -> bool:
        """Whether the server takes a text as a value of this type."""
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            return False
        if b"\0" in encoded:
            return False
        result = self._connection.pgconn.exec_params(f"SELECT $1::text::{type_name}".encode(), [encoded])
        return result.status == pq.ExecStatus.TUPLES_OK

    def _oid(self, type_name: str) -> int:
        if type_name not in self._oids:
            row = self._connection.execute("SELECT %s::regtype::oid", (type_name,)).fetchone()
            assert row is not None
            self._oids[type_name] = row[0]
        return self._oids[type_name]


def payload(field: bytes) -> bytes | None:
    """What is in a field, whose four bytes of length must be right; None is NULL."""
    if field == NULL:
        return None
    assert int.from_bytes(field[:4], "big") == len(field) - 4
    return field[4:]


def _value(result: pq.abc.PGresult) -> str | None:
    assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message.decode()
    value = result.get_value(0, 0)
    return None if value is None else value.decode()
