"""Who runs against whom, and on what."""

from __future__ import annotations

from dataclasses import dataclass

from bench.sources import Recipe

DELAY = 0.020
"""Seconds that the slow link adds, each way."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One line of a table: ``contender`` names the module that is run.

    ``delay`` puts a slow link between it and the server (seconds each way). ``then`` runs afterwards on the database
    that this one has filled. One that is not ``comparable`` does less than the tool, and one that does not fill the
    database at all is no ``copy``.
    """

    name: str
    contender: str
    delay: float = 0.0
    then: Entrant | None = None
    comparable: bool = True
    copy: bool = True


AGAIN = Entrant("this tool, again", "tool")
HEADLESS = Entrant("this tool", "tool")
COPY_AND_AGAIN = Entrant(HEADLESS.name, "tool", then=AGAIN)
VERIFICATION = Entrant("this tool, verify", "verification")
COPY_AND_VERIFICATION = Entrant(HEADLESS.name, "tool", then=VERIFICATION)
WIZARD = Entrant("this tool, wizard", "wizard")
SLOW = Entrant("this tool, slow link", "tool", delay=DELAY)
FLOOR = Entrant("floor", "floor")
FLOOR_FOREIGN_KEYS_LAST = Entrant("floor, foreign keys last", "floor_foreign_keys_last")
SPECIFICATION = Entrant("specification", "specification")
SPECIFICATION_LIBPQ = Entrant("specification, libpq", "specification_libpq")
PGLOADER = Entrant("pgloader", "pgloader", comparable=False)
SEARCH = Entrant("this tool, search", "search")
COPY_AND_SEARCH = Entrant(HEADLESS.name, "tool", then=SEARCH)
WORKBENCH = Entrant("this tool, workbench", "workbench", copy=False)
REEMBED = Entrant("re-embedding", "reembed")
REEMBED_DROP_FIRST = Entrant("re-embedding, dropped", "reembed_drop_first")
REEMBED_SQL = Entrant("plain SQL, dropped", "reembed_sql")
REEMBED_SQL_KEEP = Entrant("plain SQL, kept", "reembed_sql_keep")
PREVIEW = Entrant("this tool, preview", "preview", copy=False)
PLAIN_READ = Entrant("plain read and one lookup", "plain_read", copy=False)
INSPECTION = Entrant("this tool, inspect", "inspection", copy=False)
READ_FILE = Entrant("reading the file", "read_file", copy=False)
SCREEN = Entrant("this tool, first screen", "first_screen", copy=False)
EMPTY_APP = Entrant("an empty Textual app", "empty_app", copy=False)
IMPORT_TEXTUAL = Entrant("import textual", "import_textual", copy=False)

PRESSES = Entrant("this tool, keys", "keys")
PRESSES_APART = Entrant("this tool, keys apart", "keys_apart")

REFERENCES = (HEADLESS, FLOOR, SPECIFICATION)
"""Whose times the others are divided by."""


@dataclass(frozen=True, slots=True)
class Race:
    """Entrants who take turns on one source; ``rounds`` None means as many as the command line says."""

    name: str
    title: str
    recipe: Recipe
    hnsw: bool
    entrants: tuple[Entrant, ...]
    rounds: int | None = None


FRESH = "fresh"
PLAIN = "plain"
SPECIFIED = "specification"
SPECIFIED_PLAIN = "specification-plain"
SLOW_LINK = "slow-link"
LOADER = "pgloader"
VERIFY = "verify"
REEMBEDDED = "reembed"
SEARCHED = "search"
MENDED = "workbench"
FIRST_SCREEN = "first-screen"
INSPECTED = "inspect"
PREVIEWED = "preview"
PRESSED = "keys"
PRESSED_APART = "keys-apart"
LARGE = "large"

JOURNEY = (
    FIRST_SCREEN,
    INSPECTED,
    PREVIEWED,
    MENDED,
    FRESH,
    PLAIN,
    PRESSED,
    PRESSED_APART,
    VERIFY,
    REEMBEDDED,
    SEARCHED,
)
"""What an operator waits for, in the order of the wizard."""

NAMES = (*JOURNEY, SPECIFIED, SPECIFIED_PLAIN, SLOW_LINK, LOADER, LARGE)


_FIRST_SCREENS = (SCREEN, EMPTY_APP, IMPORT_TEXTUAL)


def races(main: Recipe, small: int, large: int | None) -> tuple[Race, ...]:
    """All of them: on ``main``, on as many memories as ``small`` says, and on ``large`` where that is given."""
    smaller = main.of_size(small)
    specified = (HEADLESS, SPECIFICATION, SPECIFICATION_LIBPQ)
    reembedded = tuple(
        Entrant("the copy before", "tool", then=entrant)
        for entrant in (REEMBED, REEMBED_SQL, REEMBED_DROP_FIRST, REEMBED_SQL_KEEP)
    )
    lasting = (
        ()
        if large is None
        else (
            Race(LARGE, "Many memories, without HNSW", main.of_size(large), False, (COPY_AND_VERIFICATION,), rounds=1),
        )
    )
    gigabyte = main.of_size(3 * main.memories)
    return (
        Race(FIRST_SCREEN, "From the start of the process to the first screen", smaller, False, _FIRST_SCREENS),
        Race(INSPECTED, "Finding out what a source is, 1 GB large", gigabyte, False, (INSPECTION, READ_FILE)),
        Race(PREVIEWED, "Preview, beside the copy without HNSW", main, False, (HEADLESS, PREVIEW, PLAIN_READ)),
        Race(FRESH, "Fresh destination, all indexes", main, True, (COPY_AND_AGAIN, WIZARD, FLOOR)),
        Race(PLAIN, "Fresh destination without HNSW", main, False, (HEADLESS, FLOOR, FLOOR_FOREIGN_KEYS_LAST)),
        Race(SPECIFIED, "The specification's algorithm, as written", smaller, True, specified),
        Race(SPECIFIED_PLAIN, "The specification's algorithm without HNSW", smaller, False, specified),
        Race(SLOW_LINK, f"A link that adds {DELAY * 1000:.0f} ms each way", main, True, (HEADLESS, SLOW)),
        Race(LOADER, "Not comparable: it does far less", main, True, (HEADLESS, PGLOADER)),
        Race(PRESSED, "Keys pressed while the wizard copies", main, True, (PRESSES,)),
        Race(PRESSED_APART, "The same, the server on a processor of its own", main, True, (PRESSES_APART,)),
        Race(VERIFY, "Every value compared, beside the copy without HNSW", main, False, (COPY_AND_VERIFICATION,)),
        Race(REEMBEDDED, "All memories embedded anew, by an embedder that answers at once", smaller, True, reembedded),
        Race(SEARCHED, "Questions to a store, nineteen of twenty of them", main, True, (COPY_AND_SEARCH,)),
        Race(MENDED, "The workbench, with a problem in every memory", smaller, False, (WORKBENCH,)),
        *lasting,
    )
