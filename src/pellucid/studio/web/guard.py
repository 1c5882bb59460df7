"""The checks that every request passes first: the host it addresses, the page it comes from, its token and its size."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from ...base.errors import InputError

COOKIE = "pellucid"
HEADER = "x-pellucid"  # a page of another origin cannot set it: that takes a preflight request, which is refused
SITE, OWN_SITE = "sec-fetch-site", ("same-origin", "none")  # set by browsers; none: a person typed the address
DOWNLOAD = re.compile(r"/api/jobs/[\w-]+/result\.(png|json|gif)")  # a plain link; the id in it cannot be guessed
LIMITS = {"/api/photo": 20 * 2**20, "/api/sessions": 30 * 2**20}  # bytes of a body
LIMIT = 24 * 2**20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Accel-Buffering": "no",  # a proxy passes frames on as they come
}
EVERYBODY = ("0.0.0.0", "::", "")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def hosts(bound: str) -> list[str]:
    """The host names, without ports, to which a server bound to this address answers.

    An attacker can point a domain name at any address (DNS rebinding), but not a numeric address. So a server for
    everybody (0.0.0.0) answers to numeric addresses and to its own name only.

    >>> hosts("127.0.0.1")
    ['127.0.0.1', 'localhost', '::1']
    """
    if bound in LOOPBACK:
        return list(LOOPBACK)
    if bound in EVERYBODY:
        name = socket.gethostname().lower()
        return ["*", *LOOPBACK, name, f"{name}.local"]
    return [bound.lower()]


def origin_of(public: str) -> str:
    """The origin of an address; raises `InputError` unless it is a full one.

    >>> origin_of("https://Example.org/studio/")
    'https://example.org'
    """
    parts = urlsplit(public)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(f"--public is the address that people open, such as https://example.org/studio/, not {public}")
    return f"{parts.scheme}://{parts.netloc.lower()}"


class Guard:
    """ASGI middleware around the studio.

    Args:
        app: the studio.
        hosts: the names it answers to; "*" stands for any numeric address.
        token: if given, only browsers that have opened `/?token=...` are answered; a cookie then holds it.
        public: the address of the page behind a proxy, such as "https://example.org/studio/". The proxy may take its
            path off the requests that it passes on, or leave it there.
    """

    def __init__(self, app: Any, hosts: Iterable[str], token: str | None = None, public: str | None = None):
        parts = urlsplit(public or "")
        self.app, self.hosts, self.token = (
            app,
            frozenset({*hosts, *([parts.hostname] if parts.hostname else [])}),
            token,
        )
        self.origin, self.prefix = origin_of(public) if public else None, parts.path.rstrip("/")

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        if self.prefix and scope["path"].startswith(f"{self.prefix}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self.prefix)}
        path, headers = scope["path"], Headers(scope=scope)

        async def sending(message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    own[name] = value
                own["Cache-Control"] = "no-store" if path.startswith("/api") else "no-cache"
                message["headers"] = own.raw
            await send(message)

        limit = next((limit for start, limit in LIMITS.items() if path.startswith(start)), LIMIT)
        answer = self._refused(scope["method"], path, headers, limit) or self._token(scope, headers)
        if answer is not None:
            await answer(scope, receive, sending)
            return
        await self.app(scope, _bounded(receive, limit), sending)

    def _refused(self, method: str, path: str, headers: Headers, limit: int) -> Response | None:
        """The refusal of a request from elsewhere or with too large a body, or None."""
        host = headers.get("host", "")
        if not self._known(host):
            return _error(403, "this server has another name; open the address that it printed")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", self.origin):
            return _error(403, "this request comes from another page")
        if not _is_own(method, path, headers):
            return _error(403, "this request does not come from the studio's page, which sends X-Pellucid: 1")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15 or int(length) > limit:
            return _error(413, _too_large(limit))
        return None

    def _token(self, scope, headers: Headers) -> Response | None:
        """The answer to a request that brings the token in its address, or not at all; None if its cookie holds it."""
        if self.token is None:
            return None
        if scope["path"] == "/" and self._matches(QueryParams(scope["query_string"]).get("token")):
            # Without the token, which is then in no history and no bookmark; relative, as a proxy may add a path.
            answer = RedirectResponse("./", 303)
            answer.set_cookie(COOKIE, self.token, path=None, httponly=True, samesite="lax")
            return answer
        if self._matches(_cookie(headers)):
            return None
        return _error(401, "open the address that the studio printed when it started: it holds a token")

    def _matches(self, token: str | None) -> bool:
        return token is not None and secrets.compare_digest(token.encode(), str(self.token).encode())

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
    """Whether a request comes from the studio's own page, or from a program that sends `HEADER`.

    An image tag of another page sends no `Origin`, but `Sec-Fetch-Site`. Old browsers, and browsers on other machines,
    send neither; then `HEADER` is needed.
    """
    if method not in ("GET", "HEAD"):
        return headers.get(HEADER) == "1"
    if not path.startswith("/api"):
        return True
    site = headers.get(SITE)
    if site is not None:
        return site in OWN_SITE
    return headers.get(HEADER) == "1" or DOWNLOAD.fullmatch(path) is not None


def _bounded(receive, limit: int):
    """`receive` that refuses a body as soon as it exceeds the limit, whatever its header says."""
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
