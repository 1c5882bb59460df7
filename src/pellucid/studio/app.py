"""The web application: the routes, the page, and how mistakes are answered."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ..base.errors import InputError
from .door import Door, login
from .guard import Guard
from .routes import router
from .studio import Studio
from .wording import worded

PAGE = Path(__file__).parent / "page"
mimetypes.add_type("text/javascript", ".js")  # a registry may say otherwise, and browsers are told not to guess


def create_app(studio: Studio, hosts: list[str], door: Door | None = None) -> Guard:
    """A studio as an ASGI application.

    Args:
        studio: what it serves; opened and closed with the application.
        hosts: the names under which it may be addressed; see `guard.hosts`.
        door: asks for a password, if there is one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        studio.open()
        yield
        await run_in_threadpool(studio.close)

    app = FastAPI(title="pellucid studio", lifespan=lifespan, openapi_url=None)
    app.state.studio = studio
    app.include_router(login(door))
    app.include_router(router)
    app.add_api_route("/", _index, methods=["GET", "HEAD"])
    app.mount("/page", StaticFiles(directory=PAGE, check_dir=False))
    app.add_exception_handler(InputError, _mistake)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ClientDisconnect, _gone)
    return Guard(app, hosts, door)


def _index() -> Response:
    return FileResponse(PAGE / "index.html")


async def _mistake(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error).splitlines()[0][:1000]}, 400)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse({"error": worded(first, first["loc"][-1:])}, 400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """A page that was closed while it sent something: nobody reads the answer, and nothing of it is kept."""
    return Response(status_code=400)
