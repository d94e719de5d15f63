"""Reads the server's options and configuration file, as far as `lockwatch-server` needs them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from .errors import LockwatchServerError

Settings = dict[str, list[str]]

# A word of a configuration file, as the server reads it: quotes keep blanks, and "#" is no comment.
_WORD = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')(?!\S)|(\S+)""")


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
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LockwatchServerError(f"cannot read the configuration file {path}: {error.strerror}") from None
    settings: Settings = {}
    for line in text.split("\n"):
        words = [_word(match) for match in _WORD.finditer(line)]
        if words and not words[0].startswith("#"):
            settings[words[0].lower()] = words[1:]
    return settings


def _word(match: re.Match[str]) -> str:
    double, single, bare = match.groups()
    return bare if bare is not None else re.sub(r"\\(.)", r"\1", double if double is not None else single)


def connect_address(settings: Settings) -> str:
    """An address at which a client on this machine reaches the server.

    The server listens on all addresses if none is given.
    """
    # It ignores an address with a minus sign if this machine does not have it.
    addresses = [address.removeprefix("-") for address in settings.get("bind", [])]
    if not addresses or not {"*", "0.0.0.0", "127.0.0.1", "localhost"}.isdisjoint(addresses):  # noqa: S104
        return "127.0.0.1"
    return "::1" if addresses[0] in {"::", "::*"} else addresses[0]


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
