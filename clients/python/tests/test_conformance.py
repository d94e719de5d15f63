"""The cases that every client of lockwatch shares, through the real middleware of both kinds."""

from __future__ import annotations

import re
from typing import Any

import pytest

import lockwatch
from conformance import through_asgi, through_wsgi
from conformance.cases import CASES, DOCUMENT, options_of
from conformance.outcome import Outcome
from conformance.scripted import ScriptedServer, Words
from lockwatch.limits import limits_of
from lockwatch.middleware.patterns import name_of

LATENCY = re.compile(r"\d+\.\d{3}ms")
MIDDLEWARE: dict[str, Any] = {"asgi": through_asgi.run, "wsgi": through_wsgi.run}


@pytest.mark.parametrize("kind", MIDDLEWARE)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_middleware_does_what_the_case_says(case: dict[str, Any], kind: str) -> None:
    with ScriptedServer() as server:
        expected_audits = [step["audit"] for step in case["steps"] if step["audit"] is not None]

        def before(step: dict[str, Any]) -> None:
            server.sent.clear()
            server.script.extend(call["reply"] for call in step["round_trip"])
            server.audit_reply = step.get("audit_reply", DOCUMENT["defaults"]["audit_reply"])
            if step.get("redis") == "refused":
                server.refuse()

        def after(step: dict[str, Any] | None, outcome: Outcome) -> None:
            if step is None:
                assert [without_latency(words) for words in server.audited] == expected_audits
                return
            assert [words for words, _ in server.sent] == [call["command"] for call in step["round_trip"]]
            assert len({where for _, where in server.sent}) <= 1, "in one write, on one connection"
            check_response(step, outcome)

        MIDDLEWARE[kind]({"redis_url": f"redis://127.0.0.1:{server.port}", **options_of(case)}, case, before, after)


def check_response(step: dict[str, Any], outcome: Outcome) -> None:
    response = step["response"]
    assert outcome.app_called == step["app_called"]
    if "configuration_error" in response:
        assert isinstance(outcome.error, lockwatch.ConfigurationError)
        assert response["configuration_error"] in str(outcome.error)
        return
    assert outcome.error is None
    assert outcome.status == response["status"]
    for name, value in response["headers"].items():
        assert [found for other, found in outcome.headers if other == name.lower()] == [value], name
    for name in response["absent"]:
        assert name.lower() not in dict(outcome.headers)
    if response["body"] is not None:
        assert outcome.body.decode() == response["body"]
    if "failure" in response:
        assert outcome.failure == response["failure"]


def without_latency(words: Words) -> Words:
    return [
        "<latency>" if before == "LATENCY" and LATENCY.fullmatch(word) else word
        for before, word in zip(["", *words], words, strict=False)
    ]


@pytest.mark.parametrize("case", DOCUMENT["limit_strings"], ids=lambda case: case["text"])
def test_limits_are_read_as_others_write_them(case: dict[str, Any]) -> None:
    assert [[limit.limit, limit.window_ms] for limit in limits_of(case["text"])] == case["limits"]


@pytest.mark.parametrize("text", DOCUMENT["bad_limit_strings"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(lockwatch.ConfigurationError):
        limits_of(text)


@pytest.mark.parametrize("case", DOCUMENT["policy_names"], ids=lambda case: case["pattern"])
def test_policies_get_their_names_from_their_patterns(case: dict[str, Any]) -> None:
    assert name_of(case["pattern"]) == case["name"]


@pytest.mark.parametrize("middleware", [lockwatch.LockWatchMiddleware, lockwatch.LockWatchFlaskMiddleware])
@pytest.mark.parametrize("case", DOCUMENT["startup_errors"], ids=lambda case: case["name"])
def test_options_that_can_not_work_are_refused_at_the_start(case: dict[str, Any], middleware: Any) -> None:
    with pytest.raises(lockwatch.ConfigurationError):
        middleware(lambda *_: None, redis_url="redis://localhost", **case["options"])
