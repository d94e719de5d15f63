"""The shared file, and its options in the spelling of this client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import lockwatch

_BESIDE = Path(__file__).resolve().parents[3] / "conformance.json"
DOCUMENT: dict[str, Any] = json.loads(Path(os.environ.get("LOCKWATCH_CONFORMANCE", _BESIDE)).read_text("utf-8"))
CASES: list[dict[str, Any]] = DOCUMENT["cases"]


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    """The middleware's keyword arguments for a case."""
    options = {**DOCUMENT["defaults"]["options"], **case["options"]}
    if '"timeout"' not in json.dumps(case["steps"]):
        # On a busy machine an answer that is meant to come must not come too late.
        options["command_timeout"] = 10
    if "rate_limit_requests" in case["options"]:
        options.pop("limits", None)
    for name in ("key_func", "plan_func"):
        if f"{name}_returns" in options:
            options[name] = _returning(options.pop(f"{name}_returns"))
    if "on_denied_returns" in options:
        answer = options.pop("on_denied_returns")
        made = lockwatch.Answer(answer["status"], answer["body"], dict(answer["headers"]))
        options["on_denied"] = lambda _request, _verdict: made
    return options


def _returning(value: Any) -> Any:
    return lambda _request: value


def app_of(step: dict[str, Any]) -> dict[str, Any]:
    """What the application answers in a step."""
    app: dict[str, Any] = step.get("app", DOCUMENT["defaults"]["app"])
    return app
