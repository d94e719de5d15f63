"""The compiled lockwatch module, and a command that starts a Redis or Valkey server with it.

`module_path()` is the module's file, `server_path()` the server that `lockwatch-server` starts.
"""

from .errors import LockwatchServerError
from .module import module_path
from .server import server_path

__all__ = ["LockwatchServerError", "module_path", "server_path"]
