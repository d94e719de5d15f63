"""The directory, server and database of a page, and the end of its processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lockwatch.testing import RedisServer

from .machine import REPOSITORY, Machine

_POSTGRES = Path(__file__).with_name("postgres.sh")
_CHECK_LOG = REPOSITORY / "scripts/check-log.pl"
_SECONDS_TO_END = 5.0


@contextlib.contextmanager
def directory(parent: Path) -> Iterator[Path]:
    """A temporary directory, for one page."""
    path = Path(tempfile.mkdtemp(prefix="p", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def link_repository(page: Path, machine: Machine) -> None:
    """Makes the directory look like a clone, so that examples may name files of the repository."""
    for entry in REPOSITORY.iterdir():
        if entry.name not in (".git", "node_modules"):
            (page / entry.name).symlink_to(entry)
    (page / "node_modules").symlink_to(machine.node_modules)


@contextlib.contextmanager
def server(machine: Machine, port: int, page: Path) -> Iterator[None]:
    """A fresh server with all commands of the module on `port`. Fails if its log has faults."""
    running = RedisServer("--lockwatch.cl-throttle", "yes", module=str(machine.module), port=port)
    running.start()
    try:
        yield
        running.kill()
        check = subprocess.run(
            ["perl", str(_CHECK_LOG), str(running.directory)],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if check.returncode:
            raise RuntimeError(f"{page}: faults in the server's log:\n{check.stdout}{check.stderr}")
    finally:
        running.stop()


@contextlib.contextmanager
def postgres() -> Iterator[int]:
    """A PostgreSQL with the database `lockwatch` and its user; yields its port."""
    process = subprocess.Popen([str(_POSTGRES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("PostgreSQL did not start; see above")
        yield int(port)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def end_processes(root: Path) -> None:
    """Ends the processes that a page has started and left running."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _SECONDS_TO_END
        left = _processes_of(root)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, kind)
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = _processes_of(root)
        if not left:
            return


def _processes_of(root: Path) -> list[int]:
    """Processes that have the page's environment or work in its directory.

    A Redis server overwrites its environment, and works in a directory below the page's.
    """
    found = []
    mark = f"DOCS_FILES={root}/".encode()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            is_zombie = (process / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            is_inside = (process / "cwd").readlink().is_relative_to(root)
            if not is_zombie and (is_inside or mark in (process / "environ").read_bytes()):
                found.append(int(process.name))
    return found
