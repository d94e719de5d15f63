"""Tokens over HTTP (RFC 6750, RFC 6749) without a framework.

`bearer.py` guards routes with access tokens. `endpoints.py` has the login, refresh and logout
routes, with `cookie.py` and `body.py`. `jwks.py` publishes the keys.

Nothing here lets a request through if Redis does not answer. The response is 503 with
`Retry-After`, and not 401, which would log users out.
"""
