"""Where the module is, and whether this machine can load it."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

from .errors import LockwatchServerError

_DIRECTORY = Path(__file__).parent


def module_path() -> str:
    """The path of `liblockwatch.so`.

    Raises LockwatchServerError if the file is missing or this machine cannot load it.
    """
    module = _DIRECTORY / "liblockwatch.so"
    needs = _DIRECTORY / "needs.json"
    if not module.is_file() or not needs.is_file():
        raise LockwatchServerError(
            f"{module if needs.is_file() else needs} is missing: install the package again with "
            "pip install --force-reinstall lockwatch-server"
        )
    _check_platform(**json.loads(needs.read_text()))
    # Redis refuses to load a module that is not executable.
    if not os.access(module, os.X_OK):
        raise LockwatchServerError(f"{module} is not executable, which Redis insists on: chmod +x {module}")
    return str(module)


def _check_platform(machine: str, glibc: str) -> None:
    needed = f"this package is for Linux on {machine} with glibc {glibc} or later"
    if sys.platform != "linux" or platform.machine() != machine:
        raise LockwatchServerError(f"{needed}, and this machine is {platform.system()} on {platform.machine()}")
    found = _glibc_version()
    if found is None:
        raise LockwatchServerError(f"{needed}, and this Python uses another C library")
    if _numbers(found) < _numbers(glibc):
        raise LockwatchServerError(f"{needed}, and this machine has glibc {found}")


def _glibc_version() -> str | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (OSError, ValueError):
        return None
    return version if name == "glibc" else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
