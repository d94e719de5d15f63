"""The cases that all clients share, through both kinds of middleware."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest

import lockwatch
from conformance import through_asgi, through_django, through_guard, through_wsgi
from conformance.cases import CASES, DOCUMENT, is_handshake, options_of, with_functions
from conformance.outcome import Outcome
from conformance.scripted import ScriptedServer, Words
from lockwatch.guard_user import normalized, password_digest
from lockwatch.http.policy_name import policy_name
from lockwatch.limits import parse_limits

LATENCY = re.compile(r"\d+\.\d{3}ms")
MIDDLEWARE: dict[str, Any] = {
    "asgi": through_asgi.run,
    "wsgi": through_wsgi.run,
    "django": through_django.run,
    "django, asgi": through_django.run_async,
}
GUARDS: dict[str, Any] = {"sync": through_guard.run, "async": through_guard.run_async}


def plays(case: dict[str, Any], kind: str) -> bool:
    """Whether requests of a case reach a middleware. Django gets no handshakes of WebSockets."""
    return kind in ("asgi", "wsgi") or not any(is_handshake(step) for step in case["steps"])


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        pytest.param(case, kind, id=f"{case['name']}-{kind}")
        for case in CASES
        for kind in MIDDLEWARE
        if plays(case, kind)
    ],
)
def test_the_middleware_does_what_the_case_says(case: dict[str, Any], kind: str) -> None:
    with ScriptedServer() as server:
        corrections = [exchange for step in case["steps"] for exchange in step.get("after_response", ())]
        server.corrections.extend(exchange["reply"] for exchange in corrections)
        expected_audits = [step["audit"] for step in case["steps"] if step["audit"] is not None]

        events: list[dict[str, Any]] = []

        def before(step: dict[str, Any]) -> None:
            server.sent.clear()
            events.clear()
            server.script.extend(exchange["reply"] for exchange in exchanges(step))
            server.audit_reply = step.get("audit_reply", DOCUMENT["defaults"]["audit_reply"])
            if step.get("redis") == "refused":
                server.refuse()

        def after(step: dict[str, Any] | None, outcome: Outcome, stats: lockwatch.Stats) -> None:
            if step is None:
                assert [without_latency(words) for words in server.audited] == expected_audits
                assert server.corrected == [exchange["command"] for exchange in corrections]
                return
            assert [words for words, _ in server.sent] == [exchange["command"] for exchange in exchanges(step)]
            writes = [where for _, where in server.sent]
            assert len(set(writes[: len(step["round_trip"])])) <= 1, "in one write, on one connection"
            placed = len(exchanges(step)) > len(step["round_trip"])
            assert writes.count(writes[-1]) == 1 if placed else True, "in a write of its own"
            check_response(step, outcome)
            if "events" in step:
                assert events == step["events"]
            if "stats" in step:
                assert {"requests": stats.requests, "limits_off": stats.limits_off} == step["stats"]

        url = f"redis://127.0.0.1:{server.port}"
        MIDDLEWARE[kind](url, options_of(case), case, before, after, lambda event: events.append(asdict(event)))


def exchanges(step: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands of a step and their replies, but for the audit event."""
    placed = step.get("route_limit")
    return [*step["round_trip"], *([placed] if placed and placed["command"] is not None else [])]


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
    for name in response.get("present", ()):
        assert len([found for other, found in outcome.headers if other == name.lower()]) == 1, name
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
def test_limits_in_the_spellings_of_other_packages(case: dict[str, Any]) -> None:
    parsed = parse_limits(case["text"])
    assert isinstance(parsed, tuple)
    assert [[limit.limit, limit.window_ms] for limit in parsed] == case["limits"]


@pytest.mark.parametrize("case", DOCUMENT["policy_limit_strings"], ids=lambda case: case["text"])
def test_limits_that_are_a_policy_of_the_server(case: dict[str, Any]) -> None:
    assert parse_limits(case["text"]) == lockwatch.ServerPolicy(case["policy"])


@pytest.mark.parametrize("text", DOCUMENT["bad_limit_strings"])
def test_invalid_limits(text: str) -> None:
    with pytest.raises(lockwatch.ConfigurationError):
        parse_limits(text)


@pytest.mark.parametrize("case", DOCUMENT["policy_names"], ids=lambda case: case["pattern"])
def test_names_of_policies(case: dict[str, Any]) -> None:
    assert policy_name(case["pattern"]) == case["name"]


@pytest.mark.parametrize("case", DOCUMENT["guard_users"], ids=lambda case: repr(case["text"]))
def test_the_one_spelling_of_a_name(case: dict[str, Any]) -> None:
    assert normalized(case["text"]) == case["sent"]


@pytest.mark.parametrize("case", DOCUMENT["password_digests"], ids=lambda case: case["password"])
def test_digests_of_passwords(case: dict[str, Any]) -> None:
    assert password_digest(case["key"].encode(), case["password"]) == case["digest"]


@pytest.mark.parametrize("case", DOCUMENT["message_limits"], ids=lambda case: case["name"])
def test_limits_of_messages(case: dict[str, Any]) -> None:
    now = 0
    limit = lockwatch.MessageLimit(case["limits"], clock=lambda: now)
    for step in case["steps"]:
        now = step["at_ms"] * 1_000_000
        assert limit.allow(step["cost"]) == step["allowed"], step
        assert round(limit.retry_after * 1000) == step["retry_after_ms"], step


@pytest.mark.parametrize("text", DOCUMENT["bad_message_limits"])
def test_invalid_limits_of_messages(text: str) -> None:
    with pytest.raises(lockwatch.ConfigurationError):
        lockwatch.message_limit(text)


@pytest.mark.parametrize("kind", GUARDS)
@pytest.mark.parametrize("case", DOCUMENT["guard_attempts"], ids=lambda case: case["name"])
def test_a_guard_does_what_the_case_says(case: dict[str, Any], kind: str) -> None:
    stub = GUARDS[kind](case, with_functions(case["options"]))
    asked = [list(words) for words in stub.called("LW.ATTEMPT")]
    assert asked == [exchange["command"] for exchange in case["asked"]]
    assert [list(words) for words in stub.called("LW.EVENT")] == case.get("told", [])


@pytest.mark.parametrize("middleware", [lockwatch.LockWatchMiddleware, lockwatch.LockWatchWSGIMiddleware])
@pytest.mark.parametrize("case", DOCUMENT["startup_errors"], ids=lambda case: case["name"])
def test_invalid_options_are_refused_at_once(case: dict[str, Any], middleware: Any) -> None:
    with pytest.raises(lockwatch.ConfigurationError):
        middleware(lambda *_: None, redis_url="redis://localhost", **with_functions(case["options"]))
