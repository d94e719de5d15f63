"""The middleware without a framework. Nothing here does input or output.

- `options.py` checks the options once. `request.py` is a request of either kind of server.
- `trusted_proxies.py`, `address.py` and `client_address.py` find the client's address, `keys.py`
  makes its keys, `pattern.py`, `policy_name.py` and `policies.py` find its policy. `counted.py`
  remembers which keys a request was counted under.
- `rate_limiter.py` makes the commands for a request, and judges the replies. `state.py` holds what
  was found out, `reply.py` the responses.
- `denial.py` makes the data of a denial's audit event. `returned.py` checks what functions of the
  application return.
- `route_limit.py` is a limit that the application places on one route.
"""
