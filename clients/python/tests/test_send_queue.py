"""The thread of a queue: it ends when nothing comes any more, and loses nothing by that."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from lockwatch import send_queue
from lockwatch.errors import LockWatchError
from lockwatch.send_queue import Losses, SendQueue


class Sent:
    """A connection that counts commands."""

    def __init__(self) -> None:
        self.count = 0

    def send(self, commands: Sequence[Any]) -> list[Any]:
        self.count += len(commands)
        return [None] * len(commands)


class Lost(Losses):
    """Counts commands that are lost."""

    def __init__(self) -> None:
        self.count = 0

    def lost(self, kind: str, error: LockWatchError | str, count: int = 1) -> None:
        self.count += count


class Queue(SendQueue):
    _name = "of this test"


def made(size: int = 1000) -> tuple[Queue, Sent, Lost]:
    sent, lost = Sent(), Lost()
    connection: Any = sent
    return Queue(connection, size, lost, 0), sent, lost


def threads() -> int:
    return sum(thread.name == Queue._name for thread in threading.enumerate())


def test_the_thread_of_a_queue_ends_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_queue, "_IDLE_SECONDS", 0.05)
    command: Any = "a command"
    queues = [made() for _ in range(20)]
    for queue, _, _ in queues:
        queue.record(command)
    until = time.monotonic() + 10
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert threads() == 0
    assert [sent.count for _, sent, _ in queues] == [1] * 20


def test_a_queue_loses_nothing_when_its_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_queue, "_IDLE_SECONDS", 0.0005)
    queue, sent, lost = made()
    command: Any = "a command"

    def record() -> None:
        for number in range(500):
            queue.record(command)
            time.sleep(0.0001 * (number % 12))

    recorders = [threading.Thread(target=record) for _ in range(4)]
    for each in recorders:
        each.start()
    for each in recorders:
        each.join()
    queue.flush(10)
    assert (sent.count, lost.count) == (2000, 0)


def test_without_a_thread_a_command_is_lost_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    queue, _, lost = made()
    command: Any = "a command"
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        queue.record(command)
    assert lost.count == 1
