"""The sentences that notes are made of. ``{slot}`` is filled by :mod:`vestige_tui.sample.content`."""

from __future__ import annotations

PEOPLE = ("Mina", "Tomás", "Priya", "Jonas", "Aiko", "Noor", "Zoë", "Kwame", "Lena", "Rafael", "Ingrid", "Søren")
"""Given names only; nobody in particular."""

PROJECTS = (
    "harbor-api",
    "lantern-ui",
    "quill",
    "tidewater",
    "copperfield",
    "moss-agent",
    "northwind-sync",
    "orchard",
    "pebble-cli",
    "saltmarsh",
)
"""Code bases of nobody in particular. They fill the ``codebase`` column and the ``codebase:`` tags."""

PLACES = ("Lisbon", "Zürich", "Kyoto", "Utrecht", "Tromsø", "Montréal", "the Berlin office", "Room Juniper")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
FILES = (
    "src/store/reader.rs",
    "app/models/session.py",
    "web/src/palette.tsx",
    "deploy/values.yaml",
    "Makefile",
    "docs/adr/0007-storage.md",
    "crates/core/src/lib.rs",
    "tests/conftest.py",
)

OPENINGS: dict[str, tuple[str, ...]] = {
    "fact": (
        "In {project}, {part} runs on {tool} {version}; nothing newer is supported yet.",
        "{tool} needs {number} ms on average for {part} in {project}, measured on {day}.",
        'The reason for "{symptom}" in {project} was {cause}.',
        "{project} keeps its settings for {part} in `{file}`.",
        "User prefers {tool} for {part} and wants short answers with the command first.",
        "The limit for {part} is {number} per minute; {person} confirmed it on {day}.",
    ),
    "decision": (
        "Decided with {person} on {day}: {fix} instead of replacing {tool} in {project}.",
        "Decision for {project}: {part} moves to {tool} {version}. {person} owns the roll-out.",
        "We will not touch {part} before version {version}; until then: {fix}.",
        "Chose {tool} over {other_tool} for {part}, because of the latter's history: {symptom}.",
    ),
    "event": (
        "On {day} {part} of {project} failed for {number} minutes. Symptom: {symptom}.",
        "{person} released {project} {version}; {part} is included, the flag stays off.",
        "Meeting with {person} and {other} about {part}: agreed to {fix}.",
        "Incident in {project}: {symptom}. Found by {person}, closed after {number} minutes.",
    ),
    "pattern": (
        'On "{symptom}", look for {cause} first; it was that {number} times this year.',
        'Recurring in {project}: {cause} ends in "{symptom}". Remedy: {fix}.',
        "{person} always asks to {fix} before a release, and it pays off.",
        "Good habit from {project}: {fix}, then watch {part} for a day.",
    ),
    "concept": (
        "How {part} works with {tool}: one writer, many readers, and {term} decides who waits.",
        "{term} and {other_term} are easily confused: the first is about {part}, the second about its cost.",
        'Mental model for {part}: if the symptom is "{symptom}", think of {cause}.',
    ),
    "person": (
        "{person} maintains {part} of {project} and knows {tool} best; prefers written questions.",
        "{person} works from {place}, usually online until {number_small} pm, reviews {project} on Fridays.",
        "Ask {person} about {term}, and {other} about anything that concerns {part}.",
    ),
    "place": (
        "{place}: where the {project} team meets; the second screen needs the adapter from the drawer.",
        "The {project} workshop in {place} was about {term}; notes are in `{file}`.",
    ),
    "note": (
        "To check {part}: `{command}`",
        "TODO {project}: {fix}. Asked for by {person} on {day}.",
        'Handy for "{symptom}": `{command}`',
        "Follow up with {other} on {term} once {project} {version} is out.",
    ),
}
"""First sentences by node type. All have a use for the topic's words."""

DETAILS = (
    "First sign: {symptom}.",
    "{person} suspected {cause}, {other} did not agree at first.",
    "It turned out to be {cause}.",
    "What helped: {fix}.",
    "As a safeguard we also {fix}.",
    "The change is in `{file}`, reviewed by {other}.",
    "Before it took {number} ms, now it takes {number_small} ms.",
    "This does not concern {part}, which has its own copy.",
    "Run `{command}` to see it.",
    "With {tool} {version} the same thing happens, so an upgrade alone is no answer.",
    "About {percent} % of the requests were affected, mostly from {place}.",
    "Open question: does {term} still matter once we {fix}?",
    "{other} writes it up by {day}.",
    'The ticket says "{symptom}", but that is only half of it.',
    "Compare with {other_tool}, where {cause} would have been noticed at once.",
    "Keep an eye on {part} – {other_term} broke it before.",
    "Nothing to do for {other_project}; it doesn't use {part}.",
    "The customer's words: “it just stops”. Meaning: {symptom}.",
    "Rollback is one step: `{command}`.",
    "Assumption to verify: {term} is cheap enough for {number} rows.",
)
"""Sentences that carry a note on."""

HEADINGS = (
    "## Context",
    "## What we saw",
    "## Analysis",
    "## Options",
    "## Decision",
    "## Next steps",
    "## Afterwards",
)

SHORTS = (
    "{project}: {fix}.",
    "{person} prefers {tool} over {other_tool}.",
    "{term} → ask {person}.",
    "`{command}`",
    "Remember: {cause} was the bug in {project}.",
    "{part} is owned by {person} since {day}.",
)
"""Whole notes of one line."""

WORLD = (
    "Entscheidung für {project}: {tool} {version} bleibt, weil „{symptom}“ sonst zurückkommt. Zuständig: {person}.",
    "{person} bevorzugt kurze Antworten, zuerst der Befehl: `{command}`. Größe der Änderung: {number} Zeilen.",
    "Réunion avec {person} et {other} à {place} : on garde {tool}, l'équipe vérifie « {term} » avant la sortie.",
    "Acordado con {person}: primero {fix}; después se revisa {part}. ¿Quién avisa al equipo de {project}?",
    "{project} の {tool} は {version} のまま。原因は「{cause}」。次の確認は{person}さんが担当。",
    "{project} 使用 {tool} {version}。问题:{symptom}。处理办法:{fix}。",
    "Решение по {project}: оставляем {tool} {version}, отвечает {person}. Команда: `{command}`",
    "قرار مشروع {project}: نستخدم {tool} {version} ونراجع {term} مع {person}.",
    '🚀 {project} {version} is out, {person} fixed "{symptom}" 🐛➡️✅',
    "⚠️ don't restart {part} of {project} on {day} – {person}'s import is still running 🙏",
    'Quote from {person}: "If {symptom}, it\'s \'{cause}\' – always."\n\tAnswer: "Then {fix}!"',
)
"""Whole notes in other languages, with emoji, or with quotes, tabs and newlines."""
