"""What every request passes first: is it meant for this server, from its own page, allowed in, and not too large?"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from .door import COOKIE, Door

HEADER = "x-pellucid"  # no other page can set it without asking first, and it is never allowed to
SITE, OWN_SITE = "sec-fetch-site", ("same-origin", "none")  # what browsers say of themselves; none: typed by a person
DOWNLOAD = re.compile(r"/api/jobs/[\w-]+/result\.(png|json)")  # a link, and its address is a secret
LIMITS = {"/api/photo": 20 * 2**20, "/api/sessions": 30 * 2**20, "/login": 2**12}
LIMIT = 24 * 2**20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without any, a browser calls the password's form one of nobody's origin
}
EVERYBODY = ("0.0.0.0", "::", "")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def hosts(bound: str) -> list[str]:
    """The names under which a server that is bound to this address may be addressed, without ports.

    A name that an attacker controls can be made to point to any address, a number cannot: so a server for everybody
    (0.0.0.0) answers to numbers and to its own name.

    >>> hosts("127.0.0.1")
    ['127.0.0.1', 'localhost', '::1']
    """
    if bound in LOOPBACK:
        return list(LOOPBACK)
    if bound in EVERYBODY:
        name = socket.gethostname().lower()
        return ["*", *LOOPBACK, name, f"{name}.local"]
    return [bound.lower()]


class Guard:
    """ASGI middleware around the studio.

    Args:
        app: the studio.
        hosts: the names it answers to; "*" stands for any address in numbers.
        door: asks for a password, if there is one.
    """

    def __init__(self, app: Any, hosts: Iterable[str], door: Door | None = None):
        self.app, self.hosts, self.door = app, frozenset(hosts), door

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        path, headers = scope["path"], Headers(scope=scope)

        async def sending(message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    own[name] = value
                own["Cache-Control"] = "no-store" if path.startswith(("/api", "/login")) else "no-cache"
                message["headers"] = own.raw
            await send(message)

        limit = next((limit for start, limit in LIMITS.items() if path.startswith(start)), LIMIT)
        refused = self._refused(scope["method"], path, headers, limit)
        if refused is not None:
            await refused(scope, receive, sending)
            return
        await self.app(scope, _bounded(receive, limit), sending)

    def _refused(self, method: str, path: str, headers: Headers, limit: int):
        """The answer to a request that goes no further, or None."""
        host = headers.get("host", "")
        if not self._known(host):
            return _error(403, "this server has another name; open the address that it printed")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return _error(403, "this request comes from another page")
        if not _is_own(method, path, headers):
            return _error(403, "this request does not come from the studio's page, which sends X-Pellucid: 1")
        if self.door is not None and path != "/login" and not self.door.knows(_cookie(headers)):
            if method in ("GET", "HEAD") and path == "/":
                return RedirectResponse("/login", 303)
            return _error(401, "log in first")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15 or int(length) > limit:
            return _error(413, _too_large(limit))
        return None

    def _known(self, host: str) -> bool:
        match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d{1,5})?", host.lower())
        if match is None:
            return False
        name = match[1].strip("[]")
        if name in self.hosts:
            return True
        if "*" not in self.hosts:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _is_own(method: str, path: str, headers: Headers) -> bool:
    """Whether a request is from the studio's own page, or from a program that knows what it does.

    A picture of another page is asked for without an origin: there it says of which site it is. An old browser, or one
    that is not on this machine, says nothing; then the header must be there.
    """
    if path == "/login":
        return True
    if method not in ("GET", "HEAD"):
        return headers.get(HEADER) == "1"
    if not path.startswith("/api"):
        return True
    site = headers.get(SITE)
    if site is not None:
        return site in OWN_SITE
    return headers.get(HEADER) == "1" or DOWNLOAD.fullmatch(path) is not None


def _bounded(receive, limit: int):
    """`receive`, which refuses a body as soon as it is too large, whatever its header says."""
    seen = 0

    async def receiving():
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _too_large(limit), {"Connection": "close"})  # the rest is not even read
        return message

    return receiving


def _cookie(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _too_large(limit: int) -> str:
    return f"that is too large; at most {limit >> 10} kB can be sent here"


def _error(status: int, said: str) -> JSONResponse:
    return JSONResponse({"error": said}, status)
