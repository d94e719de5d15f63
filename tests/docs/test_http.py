"""The page of HTTP headers and bodies, compared with the cases and the source of both clients."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from examples.machine import REPOSITORY
from reference_pages import NODE, PYTHON_SOURCE, code, page, table, tables

PAGE = page("http.md")
CASES: dict[str, Any] = json.loads((REPOSITORY / "clients" / "conformance.json").read_text("utf-8"))


def steps() -> Iterator[dict[str, Any]]:
    for case in CASES["cases"]:
        for step in case["steps"]:
            yield {**step, "options": case["options"]}


def of_the_application(step: dict[str, Any]) -> set[str]:
    """The headers that the application, or its `on_denied`, sends in a step."""
    answers = [step.get("app", {}), CASES["defaults"]["app"], step["options"].get("on_denied_returns", {})]
    route_limit = step.get("route_limit", {})
    answers.append(route_limit.get("options", {}).get("on_denied_returns", {}))
    return {name for answer in answers if answer for name, _ in answer.get("headers", ())}


def test_each_header_of_the_cases_is_on_the_page() -> None:
    rows = [row for heading in ("An admitted request", "A denied request") for row in table(PAGE, heading).rows]
    listed = {code(row["header"]) for row in rows}
    sent: set[str] = set()
    for step in steps():
        response = step.get("response", {})
        sent |= set(response.get("headers", {})) - of_the_application(step)
        sent |= set(response.get("absent", ()))
    assert sent == listed


def test_each_body_of_the_cases_is_on_the_page() -> None:
    bodies = {step["response"].get("body") for step in steps() if "response" in step}
    own = {re.sub(r":\d+}$", ":12}", body) for body in bodies if body and body.startswith('{"error"')}
    assert len(own) == 6
    for body in own:
        # Redis is asked again after one second, always.
        assert body in PAGE or body.replace(":12}", ":1}") in PAGE, body


def test_each_status_of_the_cases_is_on_the_page() -> None:
    for step in steps():
        status = step.get("response", {}).get("status")
        if status is not None and step.get("app_called") is False and "on_denied_returns" not in step["options"]:
            assert re.search(rf"\b{status}\b", PAGE), status


def test_the_binding_window_is_shown_as_in_the_cases() -> None:
    [case] = [case for case in CASES["cases"] if case["name"] == "several windows: the binding one is named"]
    headers = case["steps"][0]["response"]["headers"]
    for name in ("RateLimit-Policy", "RateLimit"):
        assert f"\n{name}: {headers[name]}\n" in PAGE


def errors_of(source: str) -> set[str]:
    """The values of `error` in the bodies that a client's source has."""
    return set(re.findall(r'"?\berror"?: "([a-z_]+)"', source)) | set(
        re.findall(r'(?:_refuse|refusal|_challenge|challenge)\((?:40\d, )?"([a-z_]+)"', source)
    )


PYTHON = {path.name: path.read_text("utf-8") for path in PYTHON_SOURCE.rglob("*.py")}
TYPESCRIPT = {path.name: path.read_text("utf-8") for path in (NODE / "src").rglob("*.ts")}


@pytest.mark.parametrize("source", [PYTHON, TYPESCRIPT], ids=["python", "node"])
def test_the_errors_in_bodies_are_those_of_the_source(source: dict[str, str]) -> None:
    listed = set(re.findall(r'\{"error":"([a-z_]+)"', PAGE))
    assert errors_of("\n".join(source.values())) == listed


@pytest.mark.parametrize("source", [PYTHON, TYPESCRIPT], ids=["python", "node"])
def test_what_challenges_and_cookies_consist_of_is_in_the_source(source: dict[str, str]) -> None:
    text = "\n".join(source.values())
    for part in (
        "the token has expired",
        "the token is not valid",
        "application/jwk-set+json",
        "no-store",
        "lw_refresh",
    ):
        assert part in PAGE
        assert part in text
    assert ("the token has been revoked" in text) == (source is TYPESCRIPT)
    assert 'realm="api"' in PAGE
    assert "SameSite=Strict" in text


def test_the_data_of_a_denial_is_that_of_the_cases() -> None:
    [shown] = re.findall(r'^\{"policy":.*$', PAGE, re.MULTILINE)
    [of_a_guard] = re.findall(r'^\{"guard":.*$', PAGE, re.MULTILINE)
    events = [step["audit"] for step in steps() if step.get("audit") and "DATA" in step["audit"]]
    assert events
    members = {tuple(json.loads(event[event.index("DATA") + 1])) for event in events}
    whole = tuple(json.loads(shown))
    # The windows of a policy of the server are not known.
    without_window = tuple(member for member in whole if member != "window")
    assert members == {whole, (*whole, "shadow"), without_window, tuple(json.loads(of_a_guard))}


def test_the_forms_of_clients_are_those_of_the_cases() -> None:
    [rows] = [each.rows for each in tables(PAGE) if each.columns == ["client", "who"]]
    listed = {code(row["client"]).split(":")[0] for row in rows}
    commands = [each["command"] for step in steps() for each in step.get("round_trip", ())]
    # The key of a guard has no client.
    keys = {command[1] for command in commands if command[0] != "LW.CHECK"}
    assert {key[key.index("{") + 1 : key.rindex("}")].split(":")[0] for key in keys} == listed
