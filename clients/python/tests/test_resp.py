"""Replies of RESP2, however the network cuts them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from lockwatch import CommandError, UnavailableError
from lockwatch.redis.resp import Reader

REPLIES: list[tuple[bytes, Any]] = [
    (b":-1\r\n", -1),
    (b":9007199254740991\r\n", 9_007_199_254_740_991),
    (b"+OK\r\n", b"OK"),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"$0\r\n\r\n", b""),
    (b"*0\r\n", []),
    (b"$12\r\na\r\n*1\r\n:7\r\n\x00\r\n", b"a\r\n*1\r\n:7\r\n\x00"),
    (b"*5\r\n:0\r\n:100\r\n:99\r\n:0\r\n:60000\r\n", [0, 100, 99, 0, 60_000]),
    (b"*2\r\n:1\r\n$2\r\n:2\r\n", [1, b":2"]),
    (b"*2\r\n$2\r\n:1\r\n:2\r\n", [b":1", 2]),
    (b"*17\r\n" + b":1\r\n" * 17, [1] * 17),
    (b"*3\r\n*2\r\n$1\r\na\r\n$-1\r\n*0\r\n:1\r\n", [[b"a", None], [], 1]),
]


def reader(data: bytes, size: int) -> Reader:
    chunks: Iterator[bytes] = iter([data[at : at + size] for at in range(0, len(data), size)])
    return Reader(lambda _most: next(chunks, b""), "redis:6379")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 16])
def test_every_kind_of_reply_in_chunks_of_any_size(size: int) -> None:
    read = reader(b"".join(data for data, _ in REPLIES), size)
    assert [read.read() for _ in REPLIES] == [expected for _, expected in REPLIES]
    assert read.is_done


def test_error_replies_are_errors_of_the_package() -> None:
    read = reader(b"-LOADING Redis is loading\r\n-WRONGTYPE wrong kind\r\n-ERR\r\n*2\r\n:1\r\n-OOM no memory\r\n", 5)
    loading, wrong, short, several = (read.read() for _ in range(4))
    assert isinstance(loading, UnavailableError)
    assert (loading.code, str(loading)) == ("LOADING", "LOADING Redis is loading (Redis at redis:6379)")
    assert isinstance(wrong, CommandError)
    assert (wrong.code, str(wrong)) == ("WRONGTYPE", "WRONGTYPE wrong kind")
    assert isinstance(short, CommandError)
    assert isinstance(several, list)
    assert isinstance(several[1], UnavailableError)


def test_a_closed_connection_and_another_protocol_are_errors() -> None:
    with pytest.raises(RedisConnectionError):
        reader(b"*2\r\n:1\r\n", 100).read()
    with pytest.raises(InvalidResponse):
        reader(b"HTTP/1.1 400 Bad Request\r\n", 100).read()
    with pytest.raises(InvalidResponse):
        reader(b":one\r\n", 100).read()


def test_what_nobody_asked_for_is_noticed() -> None:
    read = reader(b":1\r\n:2\r\n", 100)
    assert read.read() == 1
    assert not read.is_done


def test_a_large_reply_in_small_chunks_takes_linear_time() -> None:
    members = 50_000
    read = reader(b"*%d\r\n" % members + b":1\r\n" * members, 1 << 10)
    assert read.read() == [1] * members


def test_a_reply_that_comes_byte_by_byte_has_the_time_of_the_exchange() -> None:
    def drip(_most: int) -> bytes:
        time.sleep(0.05)
        return b"1"

    read = Reader(drip, "redis:6379")
    read.begin(0.2)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        read.read()
    assert time.monotonic() - started >= 0.2
    late = reader(b"+OK\r\n", 1 << 16)
    late.begin(0)
    assert late.read() == b"OK", "a reply that is there is read, however late the thread is"
