"""Redis killed, hung, failed over, read-only and out of memory, while requests come in.

In each case no request waits longer than the timeouts allow, and limits are back soon afterwards.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from support.faults import CLIENTS, FAULTS, Load, Stand
from support.waiting import wait_for
from support.web import Web

TIMEOUTS: dict[str, Any] = {"connect_timeout": 0.4, "command_timeout": 0.3, "breaker_seconds": 0.5}
# The timeouts and the time that a busy machine may take for the rest.
LONGEST_WAIT = 0.7 + 2.3
# Limits are back within this time in seconds.
BACK_AFTER = 2.0
# How long a fault lasts, so that the breaker opens and tries more than once. A server hangs for
# longer than a request may wait.
HELD_FOR = {"hung": LONGEST_WAIT + 1}

# What answers while Redis is away, by the mode.
MODES: dict[str, dict[str, Any]] = {
    "allow": {"limits": "1000000/hour", "on_redis_failure": "allow"},
    "local": {"limits": "1000000/hour", "on_redis_failure": "local", "local_limits": "5/hour"},
}
STATUSES = {"allow": {200}, "local": {200, 429}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_no_request_waits_for_long_and_limits_are_back_soon(framework: str, fault: str, mode: str) -> None:
    with ExitStack() as servers:
        stand = Stand(servers)
        web = servers.enter_context(Web(framework, redis_url=stand.proxy.url, **MODES[mode], **TIMEOUTS))
        with Load(web) as load:
            wait_for("limits", lambda: load.limited > 20)
            with FAULTS[fault](stand):
                before = load.unlimited
                wait_for("requests without Redis", lambda: load.unlimited > before + 20)
                lasts_until = time.monotonic() + HELD_FOR.get(fault, 1.0)
                wait_for("the end of the fault", lambda: time.monotonic() > lasts_until)
            ended, limited = time.monotonic(), load.limited
            wait_for("limits again", lambda: load.limited > limited)
            took = time.monotonic() - ended
    assert load.errors == []
    assert load.statuses == STATUSES[mode]
    assert load.longest < LONGEST_WAIT
    assert took < BACK_AFTER


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_the_process_limits_exactly_while_redis_is_away(framework: str) -> None:
    options: dict[str, Any] = {"redis_url": "redis://127.0.0.1:1", "on_redis_failure": "local"}
    with Web(framework, limits="40/hour", local_share=0.5, **options, **TIMEOUTS) as web:
        statuses: list[int] = []

        def ask() -> None:
            with httpx.Client(base_url=str(web.http.base_url), timeout=20) as http:
                statuses.extend(http.get("/items").status_code for _ in range(10))

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200] * 20 + [429] * 40
