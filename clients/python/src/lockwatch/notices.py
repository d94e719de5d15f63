"""What a process says once, about its configuration: neither a failure nor a single request."""

from __future__ import annotations

import logging
import threading

logger = logging.getLogger("lockwatch")
_said: set[str] = set()
_lock = threading.Lock()


def is_said(kind: str) -> bool:
    """Whether a notice of this kind was logged, so that nobody needs to look for its reason."""
    return kind in _said


def say_once(kind: str, level: int, message: str) -> None:
    """Logs the first notice of each kind in this process."""
    with _lock:
        if kind in _said:
            return
        _said.add(kind)
    logger.log(level, message)
