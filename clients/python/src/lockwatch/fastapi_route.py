"""The template of the present route in FastAPI, with the prefixes and mounts that lead to it."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from starlette.routing import Host, Match, Mount

from .errors import ConfigurationError
from .http.route_text import methods_text, needs_a_name

Scope = MutableMapping[str, Any]


def route_text(scope: Scope) -> str:
    """`[METHOD[,METHOD] ]/path` of the route that handles a request, without a parameter's value.

    Raises ConfigurationError if it cannot be known.
    """
    route = _effective(scope)
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        raise needs_a_name()
    prefix = _prefix(scope) if "app_root_path" in scope or _has_hosts(_routes(scope)) else ""
    return f"{methods_text(getattr(route, 'methods', None) or ())}{prefix}{path or ('' if prefix else '/')}"


def _effective(scope: Scope) -> Any:  # noqa: ANN401  # a route of any version
    """The route, with the prefixes of the routers that include it."""
    route = scope.get("route")
    # FastAPI 0.137 and later keep an included router, and describe its routes by a context.
    context = scope.get("fastapi", {}).get("effective_route_context")
    return context if context is not None and getattr(context, "original_route", None) is route else route


def _prefix(scope: Scope) -> str:
    """The templates of the hosts and mounts that lead to the present router.

    The scope has only the mounts' values, so the routing is repeated from the outermost router.
    """
    root = scope.get("root_path", "")
    at: dict[str, Any] = {**scope, "root_path": scope.get("app_root_path", root), "path_params": {}, "fastapi": {}}
    prefix, routes = "", _routes(scope)
    while (found := _selected(routes, at)) is not None:
        route, child = found
        at.update(child)
        prefix += f"//{route.host}" if isinstance(route, Host) else route.path
        routes = route.routes or []
    if at["root_path"] != root:
        raise ConfigurationError(
            "the path under which this application is mounted can't be found out, because the mount is not "
            "one of Starlette's or wraps the application: give the limit a name, limit(lw, …, name='search')"
        )
    return prefix


def _selected(routes: Iterable[Any], scope: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """The mount or host that the router selects; None if it selects another route, or none."""
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        while hasattr(route, "effective_candidates"):
            _, child, route, context = route._match(scope)  # noqa: PLW2901, SLF001  # there is no public way
            route = getattr(context, "starlette_route", None) or route  # noqa: PLW2901
        return (route, dict(child)) if isinstance(route, (Mount, Host)) else None
    return None


def _routes(scope: Scope) -> list[Any]:
    return getattr(scope.get("router"), "routes", None) or []


def _has_hosts(routes: Iterable[Any]) -> bool:
    return any(isinstance(route, Host) for route in routes)
