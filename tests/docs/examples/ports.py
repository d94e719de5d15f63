"""Replaces the well-known ports of examples by free ones, so that pages run side by side."""

from __future__ import annotations

import random
import re
import socket
import threading

SERVER = 6379
POSTGRES = 5432

# Numbers that are ports wherever they stand.
_ALWAYS = r"(?<![\d.\w])(?P<always>63(?:79|8\d)|543[23]|26379|2638\d)(?![\w]|\.\d)"
# Numbers that may be something else, such as a limit: ports only behind a host or a word for port.
_IN_CONTEXT = (
    r"(?P<before>(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|^|(?<=[\s=])):"
    r"|(?i:\bport)['\"]?[ \t]*[:=,]?[ \t]*['\"]?|(?<![\w-])-p ?|\blisten\()"
    r"(?P<port>3000|3001|800[0-9]|900[0-9]|9600|9700|70[0-9]{2})(?![\d\w])"
)
_PORT = re.compile(f"{_ALWAYS}|{_IN_CONTEXT}", re.MULTILINE)
# URLs without a port mean the well-known one.
_REDIS_URL = re.compile(r"(\bredis://(?:[^\s/@\"']*@)?(?:localhost|127\.0\.0\.1))(?![\w:.])")
_POSTGRES_URL = re.compile(r"(\bpostgres(?:ql)?://(?:[^\s/@\"']*@)?(?:localhost|127\.0\.0\.1))(?![\w:.])")

# From the port of a node of a cluster to the port on which it talks to other nodes.
_TO_SECOND = 10_000

_taken: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A port that nothing listens on and that this process has not given out before.

    The second port that a node of a cluster listens on is free, too. Both are below the range of
    outgoing connections, which begins at 32768.
    """
    with _lock:
        while True:
            port = random.randrange(20_000, 32_768 - _TO_SECOND)  # noqa: S311  # not a secret
            if port not in _taken and _is_free(port) and _is_free(port + _TO_SECOND):
                _taken.add(port)
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """The ports of one page."""

    def __init__(self) -> None:
        self._real: dict[int, int] = {}

    def real(self, well_known: int) -> int:
        """The port that takes the place of a well-known one."""
        if well_known not in self._real:
            self._real[well_known] = free_port()
        return self._real[well_known]

    def use(self, well_known: int, real: int) -> None:
        """Lets `real` take the place of a well-known port."""
        self._real[well_known] = real

    def substitute(self, text: str) -> str:
        """The text with real ports."""
        text = _REDIS_URL.sub(rf"\g<1>:{SERVER}", text)
        text = _POSTGRES_URL.sub(rf"\g<1>:{POSTGRES}", text)
        return _PORT.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        if match["always"]:
            return str(self.real(int(match["always"])))
        return f"{match['before']}{self.real(int(match['port']))}"
