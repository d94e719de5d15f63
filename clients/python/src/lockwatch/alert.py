"""LW.ALERT: an alert of the application's own, sent to every webhook endpoint."""

from __future__ import annotations

from typing import Any

from .duration import Duration, argument
from .redis.connection import Arg, Command
from .redis.records import json_argument, option, optional_text


def alert(
    type: str,  # noqa: A002  # the same name as in the command and in every client
    data: Any,  # noqa: ANN401  # anything that JSON can express
    *,
    dedup: Arg | None = None,
    cooldown: Duration | None = None,
) -> Command[str | None]:
    """Raises an alert. Its id; None if one with this `dedup` was raised within the cooldown."""
    args = (
        *("LW.ALERT", type, json_argument(data) or "null"),
        *option("DEDUP", dedup),
        *option("COOLDOWN", None if cooldown is None else argument(cooldown)),
    )
    return Command(args, optional_text)
