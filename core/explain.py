"""What an operator reads about a problem, from data, in the tense that fits: of any run, of a dry run, of a copy."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

from vestige_tui.core.events import Waiting
from vestige_tui.core.facts import (
    Activity,
    DataState,
    EmbedderObstacle,
    LockHolder,
    NotVerified,
    Obstacle,
    Refusal,
    Staleness,
)
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.rows.problems import EMBEDDING_KINDS, EXPLANATIONS, OF_MANY, Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, ForeignKey
from vestige_tui.core.rows.vectors import SHORT, Fate, VectorGroup
from vestige_tui.core.text import count

_K = TypeVar("_K", bound=Hashable)


class Tense(Enum):
    """Which run a sentence is about."""

    ANY = "any"
    """None in particular, as in the documentation."""

    FORETOLD = "foretold"
    DONE = "done"


def tense_of(*, dry: bool) -> Tense:
    """The tense for the report of a dry run, or of a copy."""
    return Tense.FORETOLD if dry else Tense.DONE


# Errors: what they mean for the data

_DATA = {
    DataState.NOTHING_CHANGED: "Nothing has been changed, neither in the source nor in the destination.",
    DataState.ONLY_TESTED: "Nothing has been changed.",
    DataState.BATCHES_STAY: "What had arrived stays; what was in flight was not kept.",
    DataState.LAST_BATCH_UNKNOWN: "What had arrived stays. Whether what was in flight arrived is not known; the next "
    "run looks, and completes it.",
    DataState.TABLES_ONLY: "Tables may have been made at the destination; no row has been written.",
    DataState.ROWS_COMPLETE: "All rows have arrived. Indexes, or the check of references between tables, are not "
    "complete; the next run completes them.",
    DataState.ROWS_COMPLETE_AT_LIMIT: "All rows have arrived. Indexes, or the check of references between tables, are "
    "not complete, and the next run would meet the same limit.",
    DataState.SOURCE_OVERWRITTEN: "What has arrived may be a mixture of what was in the file before and after.",
    DataState.UPGRADE_FAILED: "The upgrade failed, and the file is as it was.",
    DataState.UPGRADE_UNKNOWN: "The upgrade is one transaction: your file either has all of it or is as it was.",
    DataState.STORE_UNCHANGED: "Nothing has been changed.",
    DataState.EMBEDDED_KEPT: "All memories have the vectors they had. The new ones that were made are kept beside "
    "them, and the next run goes on from there.",
    DataState.MISSING_KEPT: "The vectors that were made have been stored, and the next run goes on from there.",
    DataState.SWAP_UNKNOWN: "The swap is one transaction: either all memories have their new vectors or all have "
    "the old ones. The next run looks.",
    DataState.SWAPPED: "All memories have their new vectors.",
}
_SOURCE_UNCHANGED = frozenset(
    {
        DataState.BATCHES_STAY,
        DataState.LAST_BATCH_UNKNOWN,
        DataState.TABLES_ONLY,
        DataState.ROWS_COMPLETE,
        DataState.ROWS_COMPLETE_AT_LIMIT,
    }
)
"""States whose words say nothing of the source, which is as it was unless it was upgraded."""

REFERENCES_PENDING = (
    "PostgreSQL does not enforce all references between the tables yet: until a copy has gone through to its end, a "
    "memory that is deleted at the destination leaves behind what belongs to it."
)


def data_state(state: DataState, *, memories: tuple[int, int] | None = None, backup: Path | None = None) -> str:
    """What an error means for the data; the facts are those of ``MigrationError``."""
    sentences = [_DATA[state]]
    if backup is None and state in _SOURCE_UNCHANGED:
        sentences.append("The source is unchanged.")
    if memories is not None:
        sentences.append("{:,} of {:,} memories had been read.".format(*memories))
    if backup is not None and state is DataState.UPGRADE_FAILED:
        sentences.append(f"The backup that was made stays: {backup}")
    elif backup is not None:
        if state is DataState.NOTHING_CHANGED:
            sentences = ["Nothing has been changed at the destination."]
        sentences.append(f"The source was upgraded to V15; its backup from before: {backup}")
    return " ".join(sentences)


OBSTACLES = {
    Obstacle.NO_ANSWER: (
        "The server did not answer in time.",
        "Check host and port, and that no firewall is in the way.",
    ),
    Obstacle.WRONG_PASSWORD: (
        "The server refused the password or the user name.",
        "Check both. A password can also come from PGPASSWORD or a passfile.",
    ),
    Obstacle.NO_PASSWORD: (
        "The server wants a password, and none was given.",
        "Put it in the URL, in PGPASSWORD or in a passfile.",
    ),
    Obstacle.UNKNOWN_HOST: ("The host name is unknown.", "Check its spelling, and your network or VPN."),
    Obstacle.REFUSED: (
        "Nothing answers at that address.",
        "Check host and port, that PostgreSQL runs there, and that it listens on that address.",
    ),
    Obstacle.TLS_REQUIRED: (
        "The server wants an encrypted connection.",
        "Add sslmode=require to the connection string.",
    ),
    Obstacle.NOT_ALLOWED: (
        "The server allows no login for this user, database and address.",
        "Let its administrator add a line to pg_hba.conf.",
    ),
    Obstacle.NO_TLS: (
        "The server offers no encryption; the connection requires it.",
        "Remove sslmode from it, where the network can be trusted.",
    ),
    Obstacle.TLS_FAILED: (
        "The encrypted connection could not be established.",
        "Check sslmode, sslrootcert and the server's certificate.",
    ),
    Obstacle.DATABASE_MISSING: (
        "That database does not exist on the server.",
        "Create it (createdb NAME), or name another.",
    ),
    Obstacle.UNKNOWN_USER: ("That user does not exist on the server.", "Check the user name."),
    Obstacle.POOL_FULL: (
        "The pooler has no free connection to the server.",
        "Wait, or let its administrator enlarge the pool.",
    ),
    Obstacle.NO_SLOT: (
        "The server has no free connection.",
        "Wait, or let its administrator raise max_connections.",
    ),
    Obstacle.NOT_READY: ("The server is starting up or shutting down.", "Try again in a moment."),
}
"""What each obstacle to a connection is, and what to do about it."""


_CHECK_ADDRESS = "Check the URL: it is the one that ends in /v1 in the server's documentation."
_TRY_LATER = "Try again later; the next run goes on where this one ended."
_ITS_LOG = "The server's log says more. Then run again: what has been embedded is not embedded again."
_NOT_THE_FORM = "See that this is a server of the OpenAI form for embeddings, and that the model is one for embeddings."

_EMBEDDER_OBSTACLES = {
    EmbedderObstacle.NOT_INSTALLED: (
        "The packages that run a model on this machine are not installed.",
        "Install vestige-tui[local-embedder], or name a server with --embedder-url.",
    ),
    EmbedderObstacle.NO_MODEL: (
        "The files of {detail} are not on this machine, and could not be fetched. They were looked for in {where}.",
        "Name their folder with --model-path, or run this once where huggingface.co can be reached.",
    ),
    EmbedderObstacle.FILES_MISSING: (
        "The folder {where} holds no whole model: {detail}.",
        "It needs model.onnx (there, or in a folder onnx), tokenizer.json and tokenizer_config.json.",
    ),
    EmbedderObstacle.UNREADABLE_MODEL: (
        "The model in {where} cannot be used ({detail}).",
        "Fetch its files again: one of them may be incomplete, or of another kind.",
    ),
    EmbedderObstacle.UNUSABLE_KEY: (
        "The key for {where} has characters that no key has.",
        "Set VESTIGE_EMBEDDER_API_KEY to the key alone.",
    ),
    EmbedderObstacle.NO_ANSWER: ("{where} did not answer in time.", f"See whether it is busy. {_TRY_LATER}"),
    EmbedderObstacle.NO_SERVER: (
        "Nothing answers at {where}.",
        "Check host and port, and that the server runs and listens there.",
    ),
    EmbedderObstacle.UNKNOWN_HOST: ("The host of {where} is unknown.", "Check its spelling, and your network."),
    EmbedderObstacle.TLS_FAILED: (
        "The encrypted connection to {where} could not be established.",
        "Check the URL and the server's certificate; SSL_CERT_FILE can name its authority.",
    ),
    EmbedderObstacle.LOST: ("The connection to {where} broke, again and again.", f"Check the network. {_TRY_LATER}"),
    EmbedderObstacle.KEY_REFUSED: (
        "{where} refuses the key, or wants one ({detail}).",
        "Set VESTIGE_EMBEDDER_API_KEY to a key that may use this model.",
    ),
    EmbedderObstacle.NO_QUOTA: (
        "{where} says that the quota of this key is used up ({detail}).",
        "Raise it with the provider. The next run goes on where this one ended.",
    ),
    EmbedderObstacle.NOT_FOUND: ("{where} knows no such address or model ({detail}).", _CHECK_ADDRESS),
    EmbedderObstacle.REDIRECTED: (
        "{where} sends on to {detail}. Neither key nor memories were sent there.",
        "If that is the right server, name its URL.",
    ),
    EmbedderObstacle.BUSY: ("{where} is too busy to answer ({detail}).", _TRY_LATER),
    EmbedderObstacle.SERVER_FAILED: ("{where} failed, again and again ({detail}).", _ITS_LOG),
    EmbedderObstacle.REQUEST_REFUSED: ("{where} refuses the request ({detail}).", _NOT_THE_FORM),
    EmbedderObstacle.NO_EMBEDDINGS: ("{where} answers, but not with embeddings: {detail}.", _CHECK_ADDRESS),
    EmbedderObstacle.WRONG_COUNT: ("{where} gave {detail}. None of them was stored.", _NOT_THE_FORM),
    EmbedderObstacle.WRONG_ORDER: (
        "{where} gave vectors whose numbers do not match the texts. None of them was stored.",
        _NOT_THE_FORM,
    ),
    EmbedderObstacle.WRONG_LENGTH: (
        "{where} gave a vector of {detail}. It was not stored.",
        "See that it still serves the same model, and that --dimension or --profile fits that.",
    ),
    EmbedderObstacle.WRONG_VECTORS: (
        "{where} gave no usable vector: {detail}. None of them was stored.",
        "See that the model is one for embeddings; half precision on some hardware gives NaN.",
    ),
    EmbedderObstacle.DIFFERENT_VECTORS: (
        "{where} gives a text another vector in a batch than alone. Nothing was stored.",
        "It pads or orders its batches wrongly: bring it up to date, or use another one.",
    ),
    EmbedderObstacle.OTHER_VECTORS: (
        "{where} gives other vectors than when this run began: another model answers there now. None was stored.",
        "See that it serves the same model as before.",
    ),
}


def embedder_obstacle(obstacle: EmbedderObstacle, where: str, detail: str = "") -> tuple[str, str]:
    """Why an embedder cannot be used, and what to do; the facts are those of ``EmbedderError``."""
    what, remedy = _EMBEDDER_OBSTACLES[obstacle]
    return what.format(where=where, detail=detail), remedy


REFUSALS: Mapping[Refusal, str] = {
    Refusal.REQUEST_REFUSED: "the embedder refuses the text: it may be too long for the model",
    Refusal.SERVER_FAILED: "the embedder fails at this text, and at no other",
    Refusal.NOT_FINITE: "the embedder's vector of it holds NaN or Infinity",
    Refusal.ZERO: "the embedder's vector of it is zero",
}
"""Why one memory has no vector, where the embedder makes vectors of others."""


def lock_holder(holder: LockHolder | None) -> tuple[str, str]:
    """Who keeps a copy from starting, and what to do about it; None: its session could not be seen."""
    if holder is None:
        return "Another copy or re-embedding is writing to this destination.", _WAIT_FOR_COPY
    if holder.abandoned:
        first = "An earlier copy still holds this destination, and its program seems to be gone:"
    else:
        first = "Another copy or re-embedding is writing to this destination:"
    where = f" from {holder.address}" + (f" port {holder.port}" if holder.port else "") if holder.address else ""
    user = f" of {holder.user}" if holder.user else ""
    since = f", connected{where} since {holder.since}" if holder.since else where
    what = f"{first} session {holder.pid}{user}{since}. {_doing(holder)}".rstrip()
    end = f"end that session: SELECT pg_terminate_backend({holder.pid})"
    if holder.abandoned:
        return what, f"Wait until the server has ended it, or {end}. Then run this one again."
    if holder.idle_long:
        return what, (
            f"See whether that copy is still running there: it may be suspended. If it is not, {end}. "
            "Then run this one again."
        )
    return what, _WAIT_FOR_COPY


def _doing(holder: LockHolder) -> str:
    match holder.activity:
        case Activity.INDEXING:
            done = f" ({holder.fraction:.0%} done)" if holder.fraction is not None else ""
            return f"It is building an index{done}."
        case Activity.WAITING:
            return "It is waiting for a lock that another session holds."
        case Activity.IDLE if holder.idle_long:
            return f"It has had nothing to do for {holder.seconds:,.0f} seconds."
        case Activity.WORKING | Activity.IDLE:
            return "It is at work."
        case Activity.UNKNOWN:
            return ""


_WAIT_FOR_COPY = "Wait until it has finished, then run this one again."


def unexpected_fault(error: BaseException) -> str:
    """A fault of this program, by its type and place: its message could quote a row or a password."""
    frames = extract_tb(error.__traceback__)
    place = f", {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"An unexpected fault in vestige-tui: {type(error).__name__}{place}."


# Rows with a problem

NOT_OVERWRITTEN = {
    Tense.ANY: "A row that has arrived is not overwritten: delete it at the destination before the next copy.",
    Tense.FORETOLD: "Do it before the copy: a row that has arrived is not overwritten.",
    Tense.DONE: "A row that has arrived is not overwritten: delete it at the destination before the next copy.",
}

_ARRIVES = {Tense.ANY: ("arrives", "arrive"), Tense.FORETOLD: ("will arrive",) * 2, Tense.DONE: ("arrived",) * 2}

_OTHER_ARRIVALS = {
    Kind.BAD_UUID: "with {field} empty",
    Kind.VALUE_NOT_ALLOWED: "with the default in {field}",
}
"""How a row arrives with a problem of a kind that mostly keeps rows from being copied."""

_LOCAL_OWNER = "with the user local as its owner"


_NOT_CORRECTED_IN_SOURCE = EMBEDDING_KINDS | OF_MANY | {Kind.TOO_LARGE}
"""Kinds that no change of the source corrects."""


def meaning(kind: Kind, tense: Tense) -> str:
    """What is wrong with rows of a kind, and how they arrive all the same."""
    explanation = EXPLANATIONS[kind]
    if not explanation.arrival:
        return explanation.meaning
    return f"{explanation.meaning} {_arriving(kind, explanation.arrival, None, tense)}"


def _arriving(kind: Kind, arrival: str, field: str | None, tense: Tense) -> str:
    several = kind in OF_MANY
    subject = "The rows" if several else "The row"
    return f"{subject} {_ARRIVES[tense][several]} {arrival.format(field=field or 'the field')}."


def fate(error: RowError) -> str:
    """What becomes of a row, in two words that fit before and after a copy."""
    if error.kind in _FATES:
        return _FATES[error.kind]
    return "repaired" if error.copied else "not copied"


_FATES = {
    Kind.DANGLING_REFERENCE: "left as is",
    Kind.DIFFERS_AT_DESTINATION: "differs",
    Kind.GONE_AT_DESTINATION: "gone",
}


def fate_in_full(error: RowError, tense: Tense) -> str:
    """What becomes of a row, in a sentence or two."""
    if error.kind is Kind.DANGLING_REFERENCE:
        return "Those rows are at the destination, and no copy changes them. All that the source has is there too."
    if error.kind is Kind.GONE_AT_DESTINATION:
        return "The row is not at the destination. The source still has it."
    if not error.copied:
        return _NOT_COPIED[tense]
    if error.kind is Kind.DIFFERS_AT_DESTINATION:
        return _arriving(error.kind, _arrival(error), error.field, tense)
    return f"{_arriving(error.kind, _arrival(error), error.field, tense)} {_UNCHANGED[tense]}"


_NOT_COPIED = {
    Tense.ANY: "The row is not copied.",
    Tense.FORETOLD: "The row will not be copied: nothing of it will be written.",
    Tense.DONE: "The row was not copied: nothing of it was written.",
}
_UNCHANGED = {
    Tense.ANY: "If it is at the destination already, it is not changed.",
    Tense.FORETOLD: "If it is at the destination already, it will not be changed.",
    Tense.DONE: "If it was at the destination before, it was not changed.",
}


def _arrival(error: RowError) -> str:
    if error.kind is Kind.BAD_UUID and error.field == "owner_user_id":
        return _LOCAL_OWNER
    if error.kind in EMBEDDING_KINDS and error.table != "knowledge_nodes":
        return "without its vector"
    return EXPLANATIONS[error.kind].arrival or _OTHER_ARRIVALS.get(error.kind, "with {field} empty")


def remedy(error: RowError, tense: Tense) -> str:
    """What to do about a row, in a sentence or two."""
    own = EXPLANATIONS[error.kind].remedy
    corrected_in_source = error.copied and error.kind not in _NOT_CORRECTED_IN_SOURCE
    return f"{own} {NOT_OVERWRITTEN[tense]}" if corrected_in_source else own


# Indexes and foreign keys that are missing


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Parts that are missing for one reason: a headline, their names, what to do about them, and the SQL for that."""

    headline: str
    names: tuple[str, ...]
    remedy: str
    sql: tuple[str, ...] = ()


def shortfalls(parts: Iterable[MissingPart], tense: Tense) -> Iterator[Shortfall]:
    """What is missing, by kind and reason, in words."""
    for (kind, reason, code), alike in _grouped(parts, lambda part: (part.kind, part.reason, part.sqlstate)):
        cause, what_to_do = _MISSING[reason]
        yield Shortfall(
            f"{_state(alike, kind, tense)}: {cause}{f' (SQLSTATE {code})' if code else ''}.",
            tuple(f"{part.name} of {part.table}" for part in alike),
            what_to_do,
            (_FIND,) if reason is Reason.TABLES_IN_USE else tuple(filter(None, map(_statement, alike))),
        )


def what_is_missing(parts: Iterable[MissingPart], tense: Tense) -> str:
    """How many of each kind: ``2 indexes are missing and 1 foreign key is not enforced``."""
    by_kind = _grouped(parts, lambda part: part.kind)
    return " and ".join(_state(alike, kind, tense) for kind, alike in by_kind)


def _grouped(parts: Iterable[MissingPart], by: Callable[[MissingPart], _K]) -> Iterable[tuple[_K, list[MissingPart]]]:
    groups: dict[_K, list[MissingPart]] = {}
    for part in parts:
        groups.setdefault(by(part), []).append(part)
    return groups.items()


def _state(alike: Sequence[MissingPart], kind: PartKind, tense: Tense) -> str:
    singular, plural, state = _STATES[kind]
    one = len(alike) == 1
    verb = {Tense.FORETOLD: "will"}.get(tense, "is" if one else "are")
    return f"{len(alike):,} {singular if one else plural} {verb} {state[tense is Tense.FORETOLD]}"


def _statement(part: MissingPart) -> str:
    """What adds a foreign key, or has it checked."""
    alter = f"ALTER TABLE {part.table}"
    match part.reason:
        case Reason.ABSENT:
            found = (one for one in BY_NAME[part.table].foreign_keys if one.constraint(part.table) == part.name)
            return " ".join(f"{alter} ADD FOREIGN KEY {_definition(foreign_key)};" for foreign_key in found)
        case Reason.NOT_VALID:
            return f'{alter} VALIDATE CONSTRAINT "{part.name}";'
        case Reason.NOT_ENFORCED:
            return f'{alter} ALTER CONSTRAINT "{part.name}" ENFORCED;'
        case Reason.SWITCHED_OFF:
            tables = dict.fromkeys((part.table, *(one.table for one in BY_NAME[part.table].foreign_keys)))
            return " ".join(f"ALTER TABLE {table} ENABLE TRIGGER ALL;" for table in tables)
        case _:
            return ""


def _definition(foreign_key: ForeignKey) -> str:
    cascade = " ON DELETE CASCADE" if foreign_key.cascade else ""
    return f"({', '.join(foreign_key.columns)}) REFERENCES {foreign_key.table}{cascade}"


_STATES = {
    PartKind.INDEX: ("index", "indexes", ("missing", "be missing")),
    PartKind.FOREIGN_KEY: ("foreign key", "foreign keys", ("not enforced", "not be enforced")),
}
_IN_SQL = "Let the owner of the tables change that in SQL."
_AGAIN = "run the copy again: it adds what is missing, and copies no row twice."
_FIND = "SELECT pid, usename, state, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL;"
_MISSING = {
    Reason.NOT_OWNER: ("only the owner of the tables can change that", f"Connect as their owner, and {_AGAIN}"),
    Reason.TABLES_IN_USE: (
        "another session keeps the tables locked",
        f"End the transaction of that session, and {_AGAIN}",
    ),
    Reason.VALUE_TOO_LARGE: (
        "a value in the table is too large for an index",
        f"Shorten the longest values at the destination, and {_AGAIN}",
    ),
    Reason.OUT_OF_MEMORY: (
        "the server has too little memory to build it",
        f"Give the server more memory, and {_AGAIN}",
    ),
    Reason.ROWS_IN_THE_WAY: (
        "rows at the destination refer to rows that were deleted there",
        f"Delete those rows, or bring back what they refer to, and {_AGAIN}",
    ),
    Reason.REMOVED: ("another session removed it during the copy", f"Find out why, and {_AGAIN}"),
    Reason.ABSENT: (
        "the tables were there before without it, and a copy adds none to such tables",
        _IN_SQL,
    ),
    Reason.NOT_VALID: ("it was added as NOT VALID, and not by a copy", _IN_SQL),
    Reason.NOT_ENFORCED: ("it was set to NOT ENFORCED, and not by a copy", _IN_SQL),
    Reason.SWITCHED_OFF: (
        "the triggers that check it are disabled, and not by a copy",
        "Let a superuser enable them.",
    ),
    Reason.REFUSED_BY_SERVER: (
        "the server refuses it for a reason of its own",
        f"The server's log has its message. Correct the cause, such as an event trigger, and {_AGAIN}",
    ),
}
"""Why it is so, and what to do."""


def waiting_for(waiting: Waiting) -> str:
    """What a run waits for, and for how long at most."""
    tables = " or ".join(waiting.tables)
    return f"Waiting for another session that uses {tables}, at most {max(1, round(waiting.seconds))} s"


# Copies that are not verified

_NOT_VERIFIED = {
    NotVerified.NOT_ASKED: "no value was compared with the source, as --no-verify asks",
    NotVerified.CANCELLED: "the comparison with the source was stopped before its end",
    NotVerified.FAILED: "the comparison with the source did not reach its end",
}


def not_verified(reason: NotVerified, failure: str | None = None) -> str:
    """Why the values of a copy are not verified, and what verifies them; ``failure`` ended the comparison."""
    return f"{why_not_verified(reason, failure)}. The copy is finished; vestige-tui verify compares it."


def why_not_verified(reason: NotVerified, failure: str | None = None) -> str:
    """Why the values of a copy are not verified, without a full stop; ``failure`` ended the comparison."""
    why = f" ({failure.rstrip('.')})" if failure else ""
    return f"{_NOT_VERIFIED[reason]}{why}"


# What a copy brought, and what comparing every value found


def memories_there(there: int, source: int, *, equal: bool) -> str:
    """How many of the source's memories are at the destination; ``equal``: so is every value of every table."""
    if not source:
        memories = "The source holds no memories"
        return f"{memories}; every other value was compared and is equal." if equal else f"{memories}."
    verb = "is" if source == 1 else "are"
    compared = ", every value compared and equal" if equal else ""
    return f"{there:,} of {count(source, 'memory', 'memories')} {verb} at the destination{compared}."


def need_you(memories: int) -> str:
    """How many memories were not copied and wait for the operator."""
    return f"{memories:,} {'was not copied and needs' if memories == 1 else 'were not copied and need'} you."


def arrived_different(rows: int) -> str:
    """How many rows that the copy wrote have other values now."""
    return (
        f"{count(rows, 'row')} arrived with other values: a trigger, a rule or another program changes "
        f"{'it' if rows == 1 else 'them'} there."
    )


def already_different(rows: Mapping[str, int]) -> str:
    """How many rows that were there before have other values, by the title of their table."""
    whole = sum(rows.values())
    tables = ", ".join(f"{title} {number:,}" for title, number in rows.items())
    return f"Already there, different: {count(whole, 'row')} ({tables}). A copy never overwrites what is there."


# Repairs


def by_operator(repaired: Mapping[str, int], left_out: Mapping[str, int]) -> str:
    """What an operator's repairs were, from rows by table; empty where there are none."""
    parts = []
    for counts, done in ((repaired, "repaired"), (left_out, "left out knowingly")):
        tables = [(BY_NAME[name], number) for name, number in counts.items()]
        if tables:
            parts.append(f"{', '.join(count(rows, table.noun, table.plural) for table, rows in tables)} {done}")
    return "; ".join(parts)


# Stale sources

STALE_MEANS = (
    "Vestige 4 writes new memories to its log alone, which is encrypted and cannot be read here. A copy of this file "
    "brings what the file held on that day, and nothing newer."
)


def stale_source(stale: Staleness, modified: datetime) -> str:
    """That Vestige 4 has moved on from a file, how that shows, and since when."""
    went_on = f", its log on {_day(stale.written)}" if stale.written is not None else ""
    return (
        f"Vestige 4 has moved on from this file, as what lies beside it shows ({', '.join(stale.signs)}): "
        f"the file last changed on {_day(modified)}{went_on}."
    )


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


# Vectors

VECTOR_FATES: Mapping[Fate, str] = {
    Fate.COPIED: "copied as they are",
    Fate.CUT: f"cut to {SHORT} elements and normalised, as Vestige does it",
    Fate.STALE: "not copied, stale: the content was edited after they were made",
    Fate.OTHER_MODEL: "not copied, made by another model",
    Fate.OTHER_SPACE: "not copied, of another vector space than that of the active profile",
    Fate.SUPERSEDED: "not copied, since their memories have another vector that counts",
    Fate.NO_MEMORY: "not copied, since they belong to no memory",
    Fate.WRONG_DIMENSION: "not copied, of another dimension than the model's",
    Fate.UNUSABLE: "not copied, since they are no usable vectors",
}
"""Each fate in words that fit before and after a copy."""


def vector_group(group: VectorGroup) -> str:
    """A group in one line: how many vectors, which, and what becomes of them."""
    kind = "no whole vector" if group.dimension is None else f"dimension {group.dimension:,}"
    made_by = f" by {group.model}" if group.model else ""
    place = f"{group.table}, profile {group.profile}" if group.profile else group.table
    named = f" ({', '.join(group.named)}{', …' if group.count > len(group.named) else ''})" if group.named else ""
    return f"{group.count:>12,} of {kind}{made_by} in {place}: {VECTOR_FATES[group.fate]}{named}"


def unknown_hash(model: ModelSignature, *, registered: bool) -> str:
    """What an unknown hash means for Vestige; ``registered``: the destination has it already."""
    what = f"The hash of the model {model.name}, dimension {model.dimension:,}, is not known"
    compares = "Vestige compares name, dimension and hash exactly"
    if registered:
        return (
            f'{what}: the destination registers "{UNKNOWN_HASH}". {compares}: set the hash in its table '
            "embedding_model. (--embedder NAME:DIM:HASH registers one in a first copy only.)"
        )
    return f'{what}, and "{UNKNOWN_HASH}" is registered. {compares}: name the embedder with --embedder NAME:DIM:HASH.'
