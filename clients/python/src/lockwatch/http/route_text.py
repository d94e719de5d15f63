"""The text `[METHOD[,METHOD] ]/path` of a route, which the name of its limit is derived from."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import ConfigurationError


def methods_text(methods: Collection[str]) -> str:
    """The methods of a route in alphabetical order, without the HEAD that comes with GET.

    Empty for any method. A route has one counter, whatever the method of the request.
    """
    names = sorted({method.upper() for method in methods} - ({"HEAD"} if "GET" in methods else set()))
    return f"{','.join(names)} " if names else ""


def needs_a_name() -> ConfigurationError:
    """A limit is placed where its route is unknown."""
    return ConfigurationError(
        "a limit that is not on a route with a path of its own needs a name: limit(lw, '5/minute', name='search')"
    )
