"""Reads the server's options and configuration file, as far as `lockwatch-server` needs them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from .errors import LockwatchServerError

Settings = dict[str, list[str]]


def split(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separates the configuration file, which is the first argument if it is no option."""
    if arguments and (arguments[0] == "-" or not arguments[0].startswith("-")):
        return arguments[0], list(arguments[1:])
    return None, list(arguments)


def of_arguments(arguments: Sequence[str]) -> Settings:
    """The words of each option like `--port 7000`; the last one of a name counts."""
    settings: Settings = {}
    words: list[str] = []
    for argument in arguments:
        if argument.startswith("--"):
            # Redis also takes "--port 7000" as one word.
            # Nothing may follow the dashes.
            name, *words_of_name = argument[2:].split() or [""]
            words = settings[name.lower()] = words_of_name
        else:
            words.append(argument)
    return settings


def of_file(path: str) -> Settings:
    """The directives of a configuration file, without those of files that it includes."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError as error:
        raise LockwatchServerError(f"cannot read the configuration file {path}: {error.strerror}") from None
    settings: Settings = {}
    for line in lines:
        try:
            words = [] if line.lstrip().startswith("#") else shlex.split(line)
        except ValueError:
            # The server says what is wrong.
            continue
        if words:
            settings[words[0].lower()] = words[1:]
    return settings


def data_directory(port: str) -> str:
    """Makes and returns the directory of the server on this port in the user's data home."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    directory = Path(home, "lockwatch-server", port)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LockwatchServerError(
            f"cannot make the data directory {directory} ({error.strerror}): choose another with --dir DIRECTORY"
        ) from None
    return str(directory)
