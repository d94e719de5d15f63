"""The shared file, with its options in the spelling of this client."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lockwatch

_BESIDE = Path(__file__).resolve().parents[3] / "conformance.json"
DOCUMENT: dict[str, Any] = json.loads(Path(os.environ.get("LOCKWATCH_CONFORMANCE", _BESIDE)).read_text("utf-8"))
CASES: list[dict[str, Any]] = DOCUMENT["cases"]
_OF_CLIENT = {"service", "connect_timeout", "command_timeout", "breaker_timeouts", "breaker_seconds"}


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    """The middleware's keyword arguments for a case."""
    options = {**DOCUMENT["defaults"]["options"], **case["options"]}
    if '"timeout"' not in json.dumps(case["steps"]):
        # On a busy machine an expected answer must not become a timeout.
        options["command_timeout"] = 10
        options["connect_timeout"] = 10
    if "rate_limit_requests" in case["options"]:
        options.pop("limits", None)
    return with_functions(options)


def with_functions(options: dict[str, Any]) -> dict[str, Any]:
    """Options with the functions of which the file says what they return."""
    options = {**options}
    for name in ("key_func", "plan_func", "limits", "cost"):
        if f"{name}_returns" in options:
            options[name] = _returning(options.pop(f"{name}_returns"))
    if "count_when_status" in options:
        options["count_when"] = _counting(options.pop("count_when_status"))
    if isinstance(options.get("routes"), dict):
        options["routes"] = {
            pattern: with_functions(policy) if isinstance(policy, dict) else policy
            for pattern, policy in options["routes"].items()
        }
    if "error_bodies_echo" in options:
        echoed = options.pop("error_bodies_echo")
        options["error_bodies"] = {**options.get("error_bodies", {}), **dict.fromkeys(echoed, _echo)}
    for name in ("on_denied", "challenge"):
        if f"{name}_returns" in options:
            options[name] = _answering(options.pop(f"{name}_returns"))
    return options


def _echo(_request: Any, denial: lockwatch.Denial) -> dict[str, Any]:
    return asdict(denial)


def _answering(answer: Any) -> Any:
    if isinstance(answer, dict):
        answer = lockwatch.Reply(answer["status"], answer["body"], dict(answer["headers"]))
    return lambda *_: answer


def _returning(value: Any) -> Any:
    value = _constant(value)
    # FastAPI passes the request to the functions of a route limit, Flask nothing.
    return lambda *_request: value


def _counting(statuses: list[int]) -> Any:
    return lambda response: response.status in statuses


def _constant(value: Any) -> Any:
    return getattr(lockwatch, value["constant"]) if isinstance(value, dict) and "constant" in value else value


def route_limit_of(step: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The limits of a step's route limit, and the keyword arguments."""
    options = dict(step["route_limit"]["options"])
    for name in ("key", "limits", "cost"):
        if f"{name}_returns" in options:
            options[name] = _returning(options.pop(f"{name}_returns"))
    if "count_when_status" in options:
        options["count_when"] = _counting(options.pop("count_when_status"))
    return options.pop("limits", step["route_limit"]["limits"]), options


def client_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the client object, and those that are left to the middleware."""
    of_client = {name: value for name, value in options.items() if name in _OF_CLIENT}
    return of_client, {name: value for name, value in options.items() if name not in _OF_CLIENT}


def app_of(step: dict[str, Any]) -> dict[str, Any]:
    """What the application answers in a step. It accepts a WebSocket unless the step says more."""
    app: dict[str, Any] = step.get("app", DOCUMENT["defaults"]["app"])
    if is_handshake(step) and "app" not in step:
        return {**app, "status": 101}
    return app


def is_handshake(step: dict[str, Any]) -> bool:
    """Whether the request of a step is the handshake of a WebSocket."""
    return bool(step["request"].get("websocket"))
