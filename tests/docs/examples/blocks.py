"""Finds the fenced blocks of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: Languages whose blocks are run.
RUN = frozenset({"conf", "console", "go", "js", "python", "redis", "sh", "sql", "ts"})
#: Languages of data, which is saved if the first line names a file.
DATA = frozenset({"dockerfile", "http", "ini", "json", "nginx", "text", "toml", "yaml"})
#: Languages that can't be run here: each block has to be marked.
FOREIGN = frozenset({"c", "csharp", "html", "java", "lua", "php", "ruby", "rust"})

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_NOT_RUN = re.compile(r"^ *<!--\s*not run\b:?\s*(?P<why>.*?)\s*-->\s*$", re.DOTALL)
_FILE = re.compile(r"^(?:#|//|--|;) (?P<name>[\w.-]+(?:/[\w.-]+)*\.\w+|Dockerfile|Procfile)$")


class ExampleError(Exception):
    """A fault of a block, worded for the page's author."""

    def __init__(self, page: Path, line: int, message: str) -> None:
        super().__init__(f"{page}:{line}: {message}")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its opening fence."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None = None

    @property
    def file_name(self) -> str | None:
        """The file that the block is saved as, from the comment in its first line."""
        if self.language in ("redis", "console", "sh"):
            return None
        match = _FILE.match(self.text.split("\n", 1)[0].rstrip())
        return match["name"] if match else None

    @property
    def is_run(self) -> bool:
        """Whether the block is executed, and not only saved, shown or skipped."""
        return self.not_run is None and self.language in RUN and self.file_name is None

    def error(self, message: str, offset: int = 0) -> ExampleError:
        """An error in the block's line `offset`; 0 is the opening fence."""
        return ExampleError(self.page, self.line + offset, message)


def read_blocks(page: Path, text: str) -> list[Block]:
    """The blocks of a page in order. Raises an ExampleError for one that breaks the convention."""
    lines = text.split("\n")
    blocks: list[Block] = []
    reason: tuple[int, str] | None = None
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.lstrip().startswith("<!--") and "not run" in line:
            reason, at = _read_reason(page, lines, at)
        elif fence := _FENCE.match(line):
            block, at = _read_block(page, lines, at, fence, reason)
            blocks.append(block)
            reason = None
        else:
            if line.strip() and reason is not None:
                raise ExampleError(page, reason[0], "no block follows this 'not run'")
            at += 1
    if reason is not None:
        raise ExampleError(page, reason[0], "no block follows this 'not run'")
    return blocks


def _read_reason(page: Path, lines: list[str], at: int) -> tuple[tuple[int, str], int]:
    end = at
    while "-->" not in lines[end] and end + 1 < len(lines):
        end += 1
    match = _NOT_RUN.match("\n".join(lines[at : end + 1]))
    why = " ".join(match["why"].split()) if match else ""
    if not why:
        raise ExampleError(page, at + 1, "write the reason: <!-- not run: WHY -->")
    return (at + 1, why), end + 1


def _read_block(
    page: Path, lines: list[str], at: int, fence: re.Match[str], reason: tuple[int, str] | None
) -> tuple[Block, int]:
    indent, mark, start = len(fence["indent"]), fence["fence"], at
    language = (fence["info"].split() or [""])[0]
    if language not in RUN | DATA | FOREIGN:
        known = ", ".join(sorted(RUN | DATA | FOREIGN))
        raise ExampleError(page, start + 1, f"unknown language '{language}' of a block; known are {known}")
    body: list[str] = []
    at += 1
    while not _closes(lines, at, mark):
        if at >= len(lines):
            raise ExampleError(page, start + 1, "this block is not closed")
        line = lines[at]
        body.append(line[min(indent, len(line) - len(line.lstrip(" "))) :])
        at += 1
    block = Block(page, start + 1, language, "\n".join(body), reason[1] if reason else None)
    if block.not_run is None and language in FOREIGN:
        raise block.error(f"nothing here runs {language}: put <!-- not run: WHY --> before the block")
    return block, at + 1


def _closes(lines: list[str], at: int, mark: str) -> bool:
    if at >= len(lines):
        return False
    line = lines[at].strip()
    return len(line) >= len(mark) and set(line) == {mark[0]}
