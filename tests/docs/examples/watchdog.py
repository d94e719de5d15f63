"""Kills a process that takes too long."""

from __future__ import annotations

import subprocess
import threading


class Watchdog:
    """`with Watchdog(process, seconds):` kills the process if the block takes longer."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.fired = False
        self._process = process
        self._timer = threading.Timer(seconds, self._fire)

    def _fire(self) -> None:
        self.fired = True
        self._process.kill()

    def __enter__(self) -> Watchdog:
        """Starts the time."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the time."""
        self._timer.cancel()
