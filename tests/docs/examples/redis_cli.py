"""redis-cli as on a terminal, for the transcripts of a page."""

from __future__ import annotations

import re
import subprocess

from .shell import ShellError
from .watchdog import Watchdog

# An unbalanced quote: redis-cli answers it itself, even within MULTI.
_SEPARATOR, _SEPARATED = '"', "Invalid argument(s)"
_SLOW = re.compile(r"^\(\d+\.\d\ds\)$")


class RedisCli:
    """A redis-cli that writes as on a terminal, and its connection."""

    def __init__(self, environment: dict[str, str], deadline: float) -> None:
        self._deadline = deadline
        # stdbuf: redis-cli buffers its own messages if its output is no terminal.
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", environment["DOCS_REDIS_CLI"], "--no-raw", "-p", environment["DOCS_REDIS_PORT"]],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def call(self, command: str) -> list[str]:
        """Sends a command; returns the lines of its reply."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = Watchdog(self._process, self._deadline)
        with watchdog:
            self._process.stdin.write(f"{command}\n{_SEPARATOR}\n".encode())
            self._process.stdin.flush()
            reply: list[str] = []
            for line in self._process.stdout:
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if text == _SEPARATED:
                    return [line for line in reply if not _SLOW.match(line)]
                reply.append(text)
        if watchdog.fired:
            raise ShellError(f"no reply after {self._deadline:g} s")
        raise ShellError("redis-cli ended:\n" + "\n".join(reply))

    def close(self) -> None:
        """Ends redis-cli."""
        self._process.kill()
        self._process.communicate()
