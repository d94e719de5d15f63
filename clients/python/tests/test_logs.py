"""A test fails if its server logs a panic, a flood of warnings or a secret."""

from __future__ import annotations

import pytest

from lockwatch.testing import RedisServer

WARNING = "7:M 29 Nov 2026 10:06:52.123 # <module> "


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{WARNING}panic caught at src/window/log.rs:12; please report it\n", "a panic"),
        ("=== REDIS BUG REPORT START\n", "a crash"),
        (f"{WARNING}Postgres is away\n" * 21, "a flood of 21 warnings"),
        (f"{WARNING}lwr_AbCdEfGhIjKlMnOpQrSt\n", "a refresh token"),
    ],
)
def test_a_server_with_a_fault_in_its_log_fails_the_test(text: str, what: str) -> None:
    server = RedisServer().start()
    with (server.directory / "redis.log").open("a") as log:
        log.write(text)
    with pytest.raises(AssertionError, match=what):
        server.stop()
    assert not server.directory.exists()
