"""Reads the reference pages, and starts servers to compare them with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from lockwatch.testing import RedisServer

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PYTHON_SOURCE = ROOT / "clients" / "python" / "src" / "lockwatch"
NODE = ROOT / "clients" / "node"
_HEADING = re.compile(r"#+ +(.*)")
# A pipe in a cell is written `\|`.
_PIPE = re.compile(r"(?<!\\)\|")


class Table(NamedTuple):
    """A table and the heading that it stands under."""

    heading: str
    columns: list[str]
    rows: list[dict[str, str]]


def page(name: str) -> str:
    """The text of a reference page."""
    return (REFERENCE / name).read_text("utf-8")


def headings(text: str) -> list[str]:
    """The headings of a page, in order."""
    return [match[1] for line in _lines_outside_of_code(text) if (match := _HEADING.fullmatch(line))]


def tables(text: str) -> list[Table]:
    """The tables of a page, in order."""
    found: list[Table] = []
    heading, columns = "", list[str]()
    for line in _lines_outside_of_code(text):
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


def table(text: str, heading: str) -> Table:
    """The first table under a heading."""
    return next(each for each in tables(text) if each.heading == heading)


def _lines_outside_of_code(text: str) -> Iterator[str]:
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


def module() -> str:
    """The path of the module under test."""
    path = Path(os.environ.get("LOCKWATCH_MODULE") or ROOT / "target" / "release" / "liblockwatch.so")
    if not path.is_file():
        pytest.fail(f"there is no {path}: cargo build --release, or set LOCKWATCH_MODULE")
    return str(path)


def server(*arguments: str) -> RedisServer:
    """A server with the module. It is not started yet."""
    return RedisServer(*arguments, module=module())
