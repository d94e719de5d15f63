"""The check of a server's log that the module's tests use, too."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lockwatch.testing import RedisServer

_CHECK = Path(__file__).parents[4] / "scripts/check-log.pl"


def log_faults(server: RedisServer) -> str:
    """The faults in the log, one a line."""
    if not server.directory.exists():
        return ""
    command = ["perl", str(_CHECK), str(server.directory)]
    check = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert check.returncode == bool(check.stdout), f"the check itself failed: {check.stderr}"
    return check.stdout
