"""Rules that the tests themselves keep."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.support.ids import LONGEST, short_id
from tests.support.ordering import long_first

LONGEST_NAME = 160
"""Characters of a test's whole name."""

TESTS = Path(__file__).parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions() -> list[tuple[str, Function]]:
    """Every function of the tests and their support, with its file."""
    return [
        (path.relative_to(TESTS).as_posix(), node)
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, Function)
    ]


@cache
def called(function: Function) -> set[str]:
    """The names of what a function calls, without the modules and objects that they belong to."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else call.id for call in calls
            if isinstance(call, ast.Attribute | ast.Name)}  # fmt: skip


def test_names_are_short(request: pytest.FixtureRequest) -> None:
    long = [item.nodeid for item in request.session.items if len(item.nodeid) > LONGEST_NAME]
    assert not long, [f"{name[:LONGEST_NAME]}... has {len(name)} characters" for name in long]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * LONGEST, None),
        ("x" * 5_000, "x" * 23 + "...(5000)"),
        (b"\x00" * 9, r"\x00" * 6 + r"\x" + "...(9)"),
        (10**100, "1" + "0" * 23 + "...(101)"),
        (("x" * 5_000,), None),
    ],
    ids=["just short", "text", "bytes", "number", "no text"],
)
def test_a_long_value_is_cut_in_a_name(value: object, expected: str | None) -> None:
    assert short_id(value) == expected
    assert len(expected or "") <= LONGEST


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 40])
def test_every_worker_begins_with_long_tests(workers: int) -> None:
    """No test is lost, those of a group stay together, and the others keep their order."""
    group_of = {2: "a", 3: "a", 11: "b", 14: "a", 17: "c", 18: "c"}
    ordered = long_first(range(20), workers, group_of.get)
    assert sorted(ordered) == [*range(20)]
    assert [test for test in ordered if test not in group_of] == [test for test in range(20) if test not in group_of]
    for members in ([2, 3, 14], [11], [17, 18]):
        assert ordered[ordered.index(members[0]) :][: len(members)] == members
    if workers <= 3:
        starts = [number * 20 // workers for number in range(workers)]
        assert all(ordered[start] in group_of for start in starts)


def test_every_test_can_fail() -> None:
    """It asserts something itself, or by way of a function that it calls."""
    asserting = {"raises"} | {
        function.name for _, function in functions()
        if any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(function))
    }  # fmt: skip
    while more := {function.name for _, function in functions() if called(function) & asserting} - asserting:
        asserting |= more
    idle = [f"{file}: {function.name}" for file, function in functions()
            if function.name.startswith("test_") and function.name not in asserting]  # fmt: skip
    assert not idle


def test_no_test_sleeps() -> None:
    """A test waits with ``wait_until``; what is slow on purpose calls ``outlast``."""
    sleeping = [
        f"{file}: {function.name}"
        for file, function in functions()
        if not file.startswith("support/")
        and any(isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep" for node in ast.walk(function))
    ]
    assert not sleeping
