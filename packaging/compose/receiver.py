"""Receives the alerts of compose.yaml: verifies the signature of each, and prints it.

python receiver.py SECRETFILE [PORT]

The signature is that of Standard Webhooks: an HMAC over id, time and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# A request that is older, or from further ahead, may be a repetition of an intercepted one.
TOLERANCE_SECONDS = 300
MAX_BYTES = 1 << 20


def is_genuine(secret: bytes, headers: dict[str, str], body: bytes, now: float) -> bool:
    """Whether the holder of `secret` has signed this request lately."""
    identifier, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent.isdecimal() or abs(now - int(sent)) > TOLERANCE_SECONDS:
        return False
    mac = hmac.new(secret, f"{identifier}.{sent}.".encode() + body, hashlib.sha256)
    expected = "v1," + base64.b64encode(mac.digest()).decode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(signature.encode(), expected.encode()) for signature in given)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to an alert, 401 to a request with a wrong signature."""

    secret = b""

    def do_POST(self) -> None:
        """Handles a request."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BYTES:
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(self.secret, headers, body, time.time()):
            self.send_error(401)
            return
        self.send_response(204)
        self.end_headers()
        print(json.dumps(json.loads(body)), flush=True)


def main() -> None:
    """Serves until it is killed."""
    secret_file, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9000
    Receiver.secret = base64.b64decode(Path(secret_file).read_text().strip().removeprefix("whsec_"))
    with ThreadingHTTPServer(("", port), Receiver) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
