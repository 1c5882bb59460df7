"""The password of a studio that others can reach: a cookie for those who know it, and time for those who guess."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

COOKIE = "pellucid"
SHORTEST = 8
MOST_GUESSERS = 1000  # addresses whose wrong guesses are remembered
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>pellucid studio</title>
<h1>pellucid studio</h1>
<form method="post" action="/login"><p><label>Password
<input type="password" name="password" autocomplete="current-password" autofocus required></label>
<button>Enter</button></p><p role="status">{said}</p></form></html>
"""


class Busy(Exception):  # noqa: N818 - not a mistake of this program's
    """Somebody guesses again before the guess before has been answered."""


class Door:
    """Lets in who knows the password.

    Guesses of one address are answered one after the other, and what comes in between is not looked at: so nobody
    waits for another's guesses, and trying many at once gains nothing.

    Args:
        password: what to know.
        delay: seconds that the first wrong guess costs; each further one twice as many, up to sixteen times.
    """

    def __init__(self, password: str, delay: float = 0.5):
        self.delay = delay
        self._password = password.encode()
        self._token = secrets.token_urlsafe(32)
        self._wrong: dict[str, int] = {}
        self._guessing: set[str] = set()

    def knows(self, cookie: str | None) -> bool:
        """Whether a cookie is the one that was handed out."""
        return cookie is not None and secrets.compare_digest(cookie.encode(), self._token.encode())

    async def enter(self, password: str, address: str = "") -> str | None:
        """The cookie for a password, or None. Each wrong guess of an address makes its next one take longer.

        Raises:
            Busy: this address guesses already, or too many others do.
        """
        guesser = _network(address)
        if guesser in self._guessing or len(self._guessing) >= MOST_GUESSERS:
            raise Busy
        if secrets.compare_digest(password.encode(errors="replace"), self._password):
            self._wrong.pop(guesser, None)
            return self._token
        wrong = self._wrong.pop(guesser, 0)
        self._wrong = {**dict(list(self._wrong.items())[1 - MOST_GUESSERS :]), guesser: wrong + 1}
        self._guessing.add(guesser)
        try:
            await asyncio.sleep(self.delay * 2 ** min(wrong, 4))
        finally:
            self._guessing.discard(guesser)
        return None


def _network(address: str) -> str:
    """The address, or of IPv6 its first half: whoever has one has all with that half."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(number, ipaddress.IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped  # what a server for both kinds calls a visitor of the older one
    return str(number) if number.version == 4 else str(ipaddress.ip_network((number, 64), strict=False))


def login(door: Door | None) -> APIRouter:
    """The page that asks for the password; not found where none is asked for."""
    router = APIRouter()

    @router.api_route("/login", methods=["GET", "HEAD"])
    def ask() -> Response:
        return HTMLResponse(PAGE.format(said="")) if door else _nothing()

    @router.post("/login")
    async def enter(request: Request) -> Response:
        if door is None:
            return _nothing()
        fields = parse_qs((await request.body()).decode(errors="replace"))  # of a body of at most 4 kB
        try:
            token = await door.enter(fields.get("password", [""])[0], request.client.host if request.client else "")
        except Busy:
            return HTMLResponse(PAGE.format(said="One guess at a time: try again in a few seconds."), 429)
        if token is None:
            return HTMLResponse(PAGE.format(said="That is not the password."), 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return answer

    return router


def _nothing() -> Response:
    return JSONResponse({"error": "this studio asks for no password"}, 404)
