"""Checks the syntax of blocks that are saved, shown or skipped, which nothing else would notice."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from .blocks import Block
from .machine import program


def syntax_error(block: Block) -> str | None:
    """The parser's message if the block is malformed, else None. Other languages pass."""
    if block.language == "python":
        return _of_python(block.text)
    if block.language == "js":
        return _of_program([program("node"), "--check"], block.text, ".mjs")
    if block.language == "go":
        return _of_program([program("gofmt"), "-e"], block.text, ".go")
    if block.language == "sh":
        return _of_program(["bash", "-n"], block.text, ".sh")
    if block.language == "json" and block.file_name is None:
        return _of_json(block.text)
    return None


def _of_python(text: str) -> str | None:
    try:
        compile(text, "block", "exec")
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    return None


def _of_json(text: str) -> str | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return str(error)
    return None


def _of_program(command: list[str], text: str, suffix: str) -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"block{suffix}"
        path.write_text(text, "utf-8")
        check = subprocess.run([*command, str(path)], check=False, capture_output=True, text=True)
    return check.stderr.replace(str(path), "block") if check.returncode else None
