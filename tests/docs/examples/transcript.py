"""Reads the commands and expected replies of a transcript, and compares them with real ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

ELLIPSIS = "…"
# How redis-cli marks an error on a terminal.
_ERROR = "(error) "
_WORD = re.compile(r"[\w.-]+")
_SHORTENED = re.compile(rf"([\w.-]+){ELLIPSIS}")


@dataclass
class Step:
    """A command and the reply that the page shows. `offset` is its line in the block."""

    command: str
    offset: int
    expected: list[str] = field(default_factory=list)


def read_steps(text: str, prompt: str) -> list[Step]:
    """The steps of a transcript. Raises a ValueError if it does not begin with a command."""
    steps: list[Step] = []
    for offset, line in enumerate(text.split("\n"), 1):
        if line.startswith(prompt):
            steps.append(Step(line[len(prompt) :], offset))
        elif steps:
            steps[-1].expected.append(line)
        elif line.strip():
            raise ValueError(f"a transcript begins with a command, a line that starts with '{prompt}'")
    if not steps:
        raise ValueError("the transcript has no command")
    return steps


def difference(expected: Iterable[str], actual: Iterable[str]) -> str | None:
    """What differs, or None.

    `…` matches any text within a line; alone in a line, any number of lines. It does not match an
    error of Redis.
    """
    wanted, found = _trimmed(expected), _trimmed(actual)
    pattern = "".join(_line_pattern(line) for line in wanted)
    matches = re.fullmatch(pattern, "".join(line + "\n" for line in found))
    if matches and _count_errors(wanted) == _count_errors(found):
        return None
    lines = difflib.ndiff(wanted, found)
    return "\n".join(
        ["the page shows (-) something else than the real output (+):"]
        + [f"  {line}" for line in lines if not line.startswith("?")]
    )


def _count_errors(lines: list[str]) -> int:
    return sum(_ERROR in line for line in lines)


def _line_pattern(line: str) -> str:
    if line.strip() == ELLIPSIS:
        return r"(?:[^\n]*\n)*?"
    return "[^\n]*".join(re.escape(part) for part in line.split(ELLIPSIS)) + "\n"


def _trimmed(lines: Iterable[str]) -> list[str]:
    """Without blanks at the end of lines and without empty lines at either end."""
    trimmed = [line.rstrip() for line in lines]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    while trimmed and not trimmed[0]:
        trimmed.pop(0)
    return trimmed


class Seen:
    """Words that the page's outputs have shown.

    A command may shorten one, such as a token: `LW.VERIFY auth eyJ…` gets the last word that begins
    with `eyJ`.
    """

    def __init__(self) -> None:
        self._words: list[str] = []

    def add(self, output: str) -> None:
        """Remembers the words of an output."""
        self._words.extend(_WORD.findall(output))

    def complete(self, command: str) -> str:
        """The command with each shortened word in full. Raises a ValueError if there is none."""
        return _SHORTENED.sub(self._full, command)

    def _full(self, match: re.Match[str]) -> str:
        for word in reversed(self._words):
            if word.startswith(match[1]) and word != match[1]:
                return word
        raise ValueError(f"no output before this command has a word that begins with '{match[1]}'")
