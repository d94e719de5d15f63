"""Tools for the tests of whoever uses this package.

`Stub` takes the place of Redis where a test wants to say what the answer is; `RedisServer` is a real server with the
module. `pytest_plugin` makes fixtures of both.
"""

from .server import RedisServer
from .stub import AsyncStub, Stub

__all__ = ["AsyncStub", "RedisServer", "Stub"]
