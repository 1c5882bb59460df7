"""The password of a studio that others can reach: a cookie for those who know it, and time for those who guess."""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

COOKIE = "pellucid"
SHORTEST = 8
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>pellucid studio</title>
<h1>pellucid studio</h1>
<form method="post" action="/login"><p><label>Password
<input type="password" name="password" autocomplete="current-password" autofocus required></label>
<button>Enter</button></p><p role="status">{said}</p></form></html>
"""


class Door:
    """Lets in who knows the password.

    Args:
        password: what to know.
        delay: seconds that the first wrong guess costs; each further one twice as many, up to sixteen times.
    """

    def __init__(self, password: str, delay: float = 0.5):
        self.delay = delay
        self._password = password.encode()
        self._token = secrets.token_urlsafe(32)
        self._wrong = 0
        self._one_at_a_time = asyncio.Lock()

    def knows(self, cookie: str | None) -> bool:
        """Whether a cookie is the one that was handed out."""
        return cookie is not None and secrets.compare_digest(cookie.encode(), self._token.encode())

    async def enter(self, password: str) -> str | None:
        """The cookie for a password, or None. Guesses wait for one another, and each wrong one makes it longer."""
        async with self._one_at_a_time:
            if secrets.compare_digest(password.encode(errors="replace"), self._password):
                self._wrong = 0
                return self._token
            await asyncio.sleep(self.delay * 2 ** min(self._wrong, 4))
            self._wrong += 1
            return None


def login(door: Door | None) -> APIRouter:
    """The page that asks for the password; not found where none is asked for."""
    router = APIRouter()

    @router.get("/login")
    def ask() -> Response:
        return HTMLResponse(PAGE.format(said="")) if door else _nothing()

    @router.post("/login")
    async def enter(request: Request) -> Response:
        if door is None:
            return _nothing()
        fields = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=4)
        token = await door.enter(fields.get("password", [""])[0])
        if token is None:
            return HTMLResponse(PAGE.format(said="That is not the password."), 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return answer

    return router


def _nothing() -> Response:
    return JSONResponse({"error": "this studio asks for no password"}, 404)
