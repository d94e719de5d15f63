"""The template of the present route in Flask, with the prefixes of its blueprints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import current_app, request

from .http.route_text import methods_text

if TYPE_CHECKING:
    from werkzeug.routing import Rule

_CONVERTER = re.compile(r"<(?:[^<>:]*:)?([^<>:]+)>")
# The result of a rule, kept with the rule so that its id stays taken.
_TEXTS: dict[int, tuple[object, str]] = {}
_MAX_TEXTS = 10_000


def route_text() -> str:
    """`[METHOD[,METHOD] ]/path` of the rule that matched; `/**` if none did.

    SCRIPT_NAME is not part of it: some servers take it from a header of the client. The path under
    which an application is mounted is APPLICATION_ROOT.
    """
    rule = request.url_rule
    if rule is None:
        return f"{_root()}/**"
    known = _TEXTS.get(id(rule))
    if known is None or known[0] is not rule:
        if len(_TEXTS) >= _MAX_TEXTS:
            _TEXTS.clear()
        known = _TEXTS[id(rule)] = (rule, _text(rule))
    return known[1]


def _text(rule: Rule) -> str:
    methods = set(rule.methods or ())
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    path = _path(rule)
    # `<int:id>` is written `{id}`, unless another rule differs only in the converter.
    if any(other.rule != rule.rule and _path(other) == path for other in current_app.url_map.iter_rules()):
        path = _host(rule) + rule.rule
    if path.startswith("//"):
        return f"{methods_text(methods)}{path}"
    return f"{methods_text(methods)}{_root()}{path}"


def _path(rule: Rule) -> str:
    return _CONVERTER.sub(r"{\1}", _host(rule) + rule.rule)


def _host(rule: Rule) -> str:
    host = rule.host or rule.subdomain
    return f"//{host}" if host else ""


def _root() -> str:
    root: str = current_app.config.get("APPLICATION_ROOT") or "/"
    return root.rstrip("/")
