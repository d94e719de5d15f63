"""Applications that the tests serve. Their options come from the environment, as JSON."""

from __future__ import annotations

import json
import os
from typing import Any


def options() -> dict[str, Any]:
    """The middleware's options."""
    given: dict[str, Any] = json.loads(os.environ["LOCKWATCH_OPTIONS"])
    return given
