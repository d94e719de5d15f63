"""The rules for options that change responses: `headers` and `error_bodies`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from ..rules import Rule, expect, function, synchronous
from .bodies import media_type

_KINDS = ("legacy", "draft-7", "draft-11", "none")
_BODY = function(2, "a function of the request and the denial that returns the body")


def _headers(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    kinds = (value,) if isinstance(value, str) else tuple(value)
    expect(kinds and all(isinstance(each, str) and each in _KINDS for each in kinds))
    if "none" in kinds and len(set(kinds)) > 1:
        raise ConfigurationError("'none' excludes the others")
    if {"draft-7", "draft-11"} <= set(kinds):
        raise ConfigurationError("'draft-7' and 'draft-11' give the same headers different values: choose one")
    return kinds


HEADERS = Rule("one or a list of 'legacy', 'draft-7' and 'draft-11', or 'none'", _headers)


def error_bodies_rule(*, asynchronous: bool) -> Rule:
    """Media types and bodies."""
    body = _BODY if asynchronous else synchronous(_BODY)

    def parse(value: Any) -> dict[str, Any]:  # noqa: ANN401
        expect(isinstance(value, Mapping))
        names = [media_type(each) for each in value]
        if len(set(names)) < len(names):
            raise ConfigurationError("a media type is given twice")
        return {name: each if isinstance(each, str) else body.parse(each) for name, each in value.items()}

    return Rule("media types and their bodies, like {'text/html': '<p>Slow down.</p>'}", parse)
