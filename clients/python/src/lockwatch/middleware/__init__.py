"""The middleware, in parts that know neither ASGI nor WSGI, and the two that do.

`settings` checks the options once. `request` is what both kinds of server tell of a request; `address`, `identity`,
`patterns` and `policy` say whose it is and which limits it meets. `gate` puts that into calls, and makes of the replies
a `state`; `answers` are the responses of our own. `audit`, `audit_thread` and `audit_task` record what came of it.
`asgi` and `wsgi` do these things in the order and at the moments that a server wants.
"""
