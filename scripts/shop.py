"""The participants of scripts/traffic.py: the shop, its visitors and customers, and the attackers."""

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from resp import Client, Reply, ServerError

# What one participant does: after each step it names the seconds until its next one.
Actor = Iterator[float]

# Errors that belong to the story: stolen tokens are refused, and sessions end meanwhile.
EXPECTED = {"LWREUSED", "LWREVOKED", "LWEXPIRED"}
# Errors of a server that starts or fails over.
AWAY = {"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "ASK"}

BROWSERS = ["Firefox on Linux", "Chrome on Windows", "Safari on iPhone", "Chrome on Android"]
PAGES = ["/", "/items", "/items/17", "/items/42", "/cart", "/orders", "/account", "/search"]
SCANNED = [
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/phpmyadmin/",
    "/admin",
    "/backup.sql",
    "/api/v1/users",
    "/etc/passwd",
]


@dataclass
class Shop:
    """The shop's back end: makes the calls of a request, and counts them."""

    client: Client
    random: random.Random
    until: float
    calls: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def call(self, command: str, *words: str | int) -> Reply:
        """The reply, or None for an error reply. Waits while the server is away."""
        while time.monotonic() < self.until:
            self.calls += 1
            try:
                return self.client.call(command, *words)
            except ServerError as error:
                if error.code not in AWAY:
                    self.errors[error.code if error.code in EXPECTED else str(error)] += 1
                    return None
            except OSError:
                pass
            self.client.forget_connections()
            time.sleep(0.5)
        return None

    def first(self, command: str, *words: str | int) -> Reply:
        """The first value of the reply."""
        reply = self.call(command, *words)
        return reply[0] if isinstance(reply, list) and reply else None

    def about(self, seconds: float) -> float:
        """A random time with this mean."""
        return min(self.random.expovariate(1 / seconds), 4 * seconds)

    def request(self, user: str, ip: str, path: str, status: int, *more: str) -> None:
        """Records a request in the audit log."""
        latency = f"{self.random.lognormvariate(2.3, 0.6):.1f}ms"
        who = ("USER", user) if user else ()
        self.call(
            "LW.AUDIT", *who, "IP", ip, "METHOD", "GET", "ENDPOINT", path, "STATUS", status, "LATENCY", latency, *more
        )

    def log_in(self, user: str, ip: str, outcome: str, *more: str) -> bool:
        """One login. Returns whether it was admitted and succeeded."""
        verdict = self.first("LW.ATTEMPT", "login", "IP", ip, "USER", user, *more)
        if verdict != 0:
            status = 429 if verdict == 2 else 401
            self.request(user, ip, "/login", status, *(["LIMITED"] if verdict == 2 else []))
            return False
        self.call("LW.EVENT", "login", outcome, "IP", ip, "USER", user)
        self.request(user, ip, "/login", 200 if outcome == "success" else 401)
        return outcome == "success"


def visitor(shop: Shop, name: str, ip: str) -> Actor:
    """Logs in, browses, refreshes the token, logs out, and comes back later."""
    browser = shop.random.choice(BROWSERS)
    yield shop.about(3)
    while True:
        if shop.random.random() < 0.1:
            shop.log_in(name, ip, "failure")
            yield shop.about(3)
        # A person solves the challenge.
        if not shop.log_in(name, ip, "success") and not shop.log_in(name, ip, "success", "SOLVED"):
            yield shop.about(20)
            continue
        tokens = shop.call("LW.ISSUE", "auth", name, "META", json.dumps({"device": browser, "ip": ip}))
        for step in range(shop.random.randint(15, 60)):
            if not isinstance(tokens, list):
                break
            path = shop.random.choice(PAGES)
            shop.call("LW.VERIFY", "auth", str(tokens[0]))
            if path == "/search":
                shop.first("LW.RATELIMIT", f"lw:{{user:{name}}}:search", "@search")
            limited = shop.first("LW.RATELIMIT", f"lw:{{ip:{ip}}}:pages", "@pages")
            shop.request(name, ip, path, 429 if limited else 200, *(["LIMITED"] if limited else []))
            if step % 20 == 19:
                tokens = shop.call("LW.ROTATE", "auth", str(tokens[1]))
            yield shop.about(1.5)
        if isinstance(tokens, list) and shop.random.random() < 0.5:
            shop.call("LW.REVOKE", "auth", "TOKEN", str(tokens[1]))
        yield shop.about(15)


def api_client(shop: Shop, customer: str, ip: str, rate: float) -> Actor:
    """A customer's program. Beyond its limit it goes on as before."""
    key = f"lw:{{key:{customer}}}:api"
    for number in itertools.count():
        limited = shop.first("LW.RATELIMIT", key, "@api")
        shop.first("LW.RATELIMIT", f"lw:{{key:{customer}}}:search", "@search")
        if limited or number % 4 == 0:
            shop.request(customer, ip, "/api/v1/items", 429 if limited else 200, *(["LIMITED"] if limited else []))
        yield shop.about(1 / rate)


def crawler(shop: Shop, ip: str) -> Actor:
    for number in itertools.count():
        limited = shop.first("LW.RATELIMIT", f"lw:{{ip:{ip}}}:pages", "@pages")
        if number % 5 == 0:
            shop.request("", ip, f"/items/{number}", 429 if limited else 200, *(["LIMITED"] if limited else []))
        yield shop.about(0.1)


def checkout(shop: Shop) -> Actor:
    """Now and then an offer makes everybody buy at once, and a payment fails."""
    while True:
        for _ in range(60):
            shop.call(
                "LW.BURST",
                "lw:{shop}:checkout",
                40,
                "10s",
                "COOLDOWN",
                "30s",
                "ENDPOINT",
                "/checkout",
                "METHOD",
                "POST",
            )
            yield shop.about(0.1)
        shop.call(
            "LW.ALERT",
            "payment.failed",
            '{"provider":"examplepay","status":502}',
            "DEDUP",
            "examplepay",
            "COOLDOWN",
            "1m",
        )
        yield shop.about(30)


def jobs(shop: Shop, tenant: str) -> Actor:
    """Exports, of which two run at a time, and calls of a language model that are settled."""
    while True:
        lease = shop.call("LW.ACQUIRE", f"lw:{{{tenant}}}:export", 2, "30s")
        key = f"lw:{{key:{tenant}}}:llm"
        reply = shop.call("LW.RATELIMIT", key, "@llm", "COST", 1500, "WITHTIME")
        yield shop.about(2)
        if isinstance(reply, list) and reply[0] == 0:
            shop.call("LW.SETTLE", key, 1500, shop.random.randint(200, 1500), "AT", str(reply[5]))
        if isinstance(lease, list) and lease[0]:
            shop.call("LW.RELEASE", f"lw:{{{tenant}}}:export", str(lease[1]))
        yield shop.about(1)


def stuffing(shop: Shop, addresses: Iterator[str]) -> Actor:
    """Tries a leaked list from one address until it is banned, and then from the next one."""
    yield shop.about(5)
    for ip in addresses:
        denied = 0
        while denied < 8:
            name = f"customer{shop.random.randint(1, 5000)}"
            verdict = shop.first("LW.ATTEMPT", "login", "IP", ip, "USER", name)
            if verdict == 0:
                shop.call("LW.EVENT", "login", "failure", "IP", ip, "USER", name)
            denied += verdict == 2
            shop.request(name, ip, "/login", 429 if verdict == 2 else 401, *(["LIMITED"] if verdict == 2 else []))
            yield shop.about(0.5)
        yield shop.about(30)


def botnet(shop: Shop, victim: str) -> Actor:
    """Guesses one account's password, each time from another network."""
    for number in itertools.count():
        shop.log_in(victim, f"198.19.{number % 250}.9", "failure")
        yield shop.about(4)


def enumeration(shop: Shop, ip: str) -> Actor:
    """Asks for names to find out which exist."""
    while True:
        shop.log_in(f"admin{shop.random.randint(1, 9999)}", ip, "unknown")
        yield shop.about(3)


def scanner(shop: Shop, addresses: Iterator[str]) -> Actor:
    """Asks for paths that are not there."""
    for ip in addresses:
        for number in range(60):
            path = f"{shop.random.choice(SCANNED)}?{number}"
            if shop.first("LW.CHECK", "http", "IP", ip) == 2:
                yield shop.about(3)
                continue
            shop.call("LW.EVENT", "http", "404", "IP", ip, "VALUE", path)
            shop.request("", ip, path.partition("?")[0], 404)
            yield shop.about(0.4)


def thief(shop: Shop, victim: str) -> Actor:
    """Presents a refresh token after its owner has used it, which ends the session."""
    while True:
        yield shop.about(40)
        tokens = shop.call("LW.ISSUE", "auth", victim, "META", '{"device":"Firefox on Linux","ip":"198.18.3.4"}')
        for _ in range(2):
            yield shop.about(2)
            stolen = tokens
            tokens = shop.call("LW.ROTATE", "auth", str(tokens[1])) if isinstance(tokens, list) else None
        # The one before the last is refused whatever the grace.
        if isinstance(stolen, list) and isinstance(tokens, list):
            tokens = shop.call("LW.ROTATE", "auth", str(tokens[1]))
            shop.call("LW.ROTATE", "auth", str(stolen[1]), "META", '{"device":"curl","ip":"203.0.113.250"}')


def honest_actors(shop: Shop) -> list[Actor]:
    names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "ken", "laura"]
    names += [f"user{number}" for number in range(38)]
    addresses = [f"198.18.{number}.{7 + number}" for number in range(len(names))]
    addresses[5::10] = [f"2001:db8:{number}::7" for number in range(len(addresses[5::10]))]
    actors = [visitor(shop, name, ip) for name, ip in zip(names, addresses, strict=True)]
    rates = {"acme": 12, "globex": 3, "hooli": 4, "initech": 8, "umbrella": 6}
    actors += [api_client(shop, name, f"192.0.2.{10 + n}", rate) for n, (name, rate) in enumerate(rates.items())]
    actors += [jobs(shop, tenant) for tenant in ("acme", "acme", "acme", "globex")]
    return [*actors, crawler(shop, "192.0.2.77"), checkout(shop)]


def attackers(shop: Shop) -> list[Actor]:
    leaked = itertools.cycle(f"203.0.113.{number}" for number in range(1, 250))
    scanning = itertools.cycle(f"198.51.100.{number}" for number in range(20, 60))
    actors = [stuffing(shop, leaked) for _ in range(8)]
    return [
        *actors,
        botnet(shop, "alice"),
        enumeration(shop, "198.51.100.66"),
        scanner(shop, scanning),
        thief(shop, "carol"),
    ]
