"""Reads the reference pages, and starts servers to compare them with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import redis
from lockwatch.testing import RedisServer

from examples.machine import REPOSITORY, module

REFERENCE = REPOSITORY / "docs" / "reference"
PYTHON_SOURCE = REPOSITORY / "clients" / "python" / "src" / "lockwatch"
NODE = REPOSITORY / "clients" / "node"
_HEADING = re.compile(r"#+ +(.*)")
# A pipe in a cell is written `\|`.
_PIPE = re.compile(r"(?<!\\)\|")


class Table(NamedTuple):
    """A table and the last heading before it."""

    heading: str
    columns: list[str]
    rows: list[dict[str, str]]


def page(name: str) -> str:
    """The text of a reference page."""
    return (REFERENCE / name).read_text("utf-8")


def headings(text: str) -> list[str]:
    """The headings of a page, in order."""
    return [match[1] for line in lines_outside_of_code(text) if (match := _HEADING.fullmatch(line))]


def tables(text: str) -> list[Table]:
    """The tables of a page, in order."""
    found: list[Table] = []
    heading, columns = "", list[str]()
    for line in lines_outside_of_code(text):
        if match := _HEADING.fullmatch(line):
            heading, columns = match[1], []
        elif not line.startswith("|"):
            columns = []
        elif not columns:
            columns = _cells(line)
            found.append(Table(heading, columns, []))
        elif not set(line) <= set("|-: "):
            found[-1].rows.append(dict(zip(columns, _cells(line), strict=True)))
    return found


def table(text: str, heading: str, column: str = "") -> Table:
    """The first table under a heading, or the first with this column."""
    return next(each for each in tables(text) if each.heading == heading and (not column or column in each.columns))


def listed(text: str, heading: str, column: str) -> dict[str, dict[str, str]]:
    """The rows of a table by the names in a column, which may name several."""
    return {name: row for row in table(text, heading, column).rows for name in codes(row[column])}


def lines_outside_of_code(text: str) -> Iterator[str]:
    """The lines of a page that are in no fenced block."""
    is_code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield line


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _PIPE.split(line.strip())[1:-1]]


def codes(cell: str) -> list[str]:
    """The texts in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def code(cell: str) -> str:
    """The first text in backticks."""
    return codes(cell)[0]


def server(*arguments: str) -> RedisServer:
    """A server with the module. It is not started yet."""
    return RedisServer(*arguments, module=str(module()))


def connect(running: RedisServer) -> redis.Redis:
    """A client whose replies are text."""
    return redis.Redis.from_url(running.url, decode_responses=True)
