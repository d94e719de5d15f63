"""Tells an ASGI application from a WSGI one, so that the wrong middleware is refused at start."""

from __future__ import annotations

import inspect

from ..errors import ConfigurationError


def check_asgi_app(app: object) -> None:
    """Raises ConfigurationError for what cannot be an ASGI application."""
    if not _takes(app, 3):
        raise ConfigurationError(
            f"LockWatchMiddleware is for ASGI (FastAPI, Starlette), and {app!r} is no ASGI application; for Flask "
            "write app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, …)"
        )


def check_wsgi_app(app: object) -> None:
    """Raises ConfigurationError for what cannot be a WSGI application."""
    if not _takes(app, 2) or _is_asynchronous(app):
        raise ConfigurationError(
            f"LockWatchWSGIMiddleware is for WSGI (Flask, Django), and {app!r} is no WSGI application; for FastAPI "
            "write app.add_middleware(LockWatchMiddleware, …)"
        )


def _takes(app: object, arguments: int) -> bool:
    if not callable(app):
        return False
    try:
        inspect.signature(app).bind(*[None] * arguments)
    except TypeError:
        return False
    except ValueError:
        return True  # some functions in C have no signature
    return True


def _is_asynchronous(app: object) -> bool:
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004
