"""What the token routes read of a request of Flask."""

from __future__ import annotations

from typing import Any

from flask import request

from .token.body import MAX_BODY, members_of

_MEMBERS = "lockwatch.credentials"


def credentials() -> dict[str, Any]:
    """The members of the request's body, which is JSON or a form: `username`, `password`.

    Empty if the body is neither, or longer than 16 KiB.
    """
    members: dict[str, Any] | None = request.environ.get(_MEMBERS)
    if members is None:
        members = request.environ[_MEMBERS] = _read()
    return members


def _read() -> dict[str, Any]:
    if (request.content_length or 0) > MAX_BODY:
        return {}
    # A chunked body has no length, and is read no further than this. If the application has read
    # the body, Flask has kept it.
    body = request.stream.read(MAX_BODY + 1) if request.content_length is None else b""
    body = body or request.get_data(cache=True)
    if body:
        return members_of(request.content_type, body)
    # If the application has parsed the form, its body is gone.
    members = request.form.to_dict()
    return members if sum(map(len, members.values())) <= MAX_BODY else {}
