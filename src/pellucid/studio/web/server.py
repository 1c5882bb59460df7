"""The server: the web application, its socket and address, and how it ends."""

from __future__ import annotations

import errno
import mimetypes
import secrets
import socket
import threading
import warnings
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ...base.errors import InputError
from ..studio import Studio
from ..validation import worded
from .guard import EVERYBODY, LOOPBACK, Guard, hosts, origin_of
from .routes import router

PAGE = Path(__file__).parent.parent / "page"
GRACE = 1  # seconds that open streams get when the studio ends
mimetypes.add_type("text/javascript", ".js")  # a registry may say otherwise, and browsers must not guess


def create_app(studio: Studio, hosts: list[str], token: str | None = None, public: str | None = None) -> Guard:
    """A studio as an ASGI application.

    Args:
        studio: what it serves; opened and closed with the application.
        hosts: the names under which it may be addressed; see `guard.hosts`.
        token: what visitors must know, if anything.
        public: the address of the page behind a proxy, such as "https://example.org/studio/".
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        studio.open()
        yield
        await run_in_threadpool(studio.close)

    app = FastAPI(title="pellucid studio", lifespan=lifespan, openapi_url=None)
    app.state.studio = studio
    app.include_router(router)
    app.add_api_route("/", lambda: FileResponse(PAGE / "index.html"), methods=["GET", "HEAD"], response_model=None)
    app.mount("/page", StaticFiles(directory=PAGE, check_dir=False))
    app.add_exception_handler(InputError, _mistake)
    app.add_exception_handler(OSError, _unusable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ClientDisconnect, _gone)
    return Guard(app, hosts, token, public)


async def _mistake(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error).splitlines()[0][:1000]}, 400)


async def _unusable(request: Request, error: Exception) -> Response:
    """A file that cannot be read or written."""
    assert isinstance(error, OSError)
    said = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return JSONResponse({"error": said}, 507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 400)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse({"error": worded(first, first["loc"][-1:])}, 400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """The page was closed while it sent a request: nobody reads the answer."""
    return Response(status_code=400)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises `InputError` if the address is not available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only where the protocol is named; otherwise each waits 40 ms for the browser.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot serve at {host}, port {port}: {reason}; another studio may be there, try --port {port + 1}"
        ) from None
    return listener


def address(listener: socket.socket, host: str) -> str:
    """The address to open in a browser; of a server for everybody, one that other machines reach."""
    port = listener.getsockname()[1]
    if host in EVERYBODY:
        host = _own_address(listener.family)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _own_address(family: socket.AddressFamily) -> str:
    """This machine's address in its network, or the loopback address if there is no network."""
    anywhere, itself = ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((anywhere, 9))  # sends nothing; it only selects the route
            return probe.getsockname()[0]
        except OSError:
            return itself


class _Server(uvicorn.Server):
    """Stops the studio's runs before it waits for open streams to end."""

    def __init__(self, config: uvicorn.Config, studio: Studio):
        super().__init__(config)
        self.studio = studio

    def handle_exit(self, sig: int, frame) -> None:
        threading.Thread(target=self.studio.close, daemon=True).start()
        super().handle_exit(sig, frame)


def server(studio: Studio, host: str, token: str | None = None, public: str | None = None) -> uvicorn.Server:
    """A server for a studio; run it with the socket of `bind`."""
    app = create_app(studio, hosts(host), token, public)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE, lifespan="on", proxy_headers=False
    )
    return _Server(config, studio)


def serve(studio: Studio, host: str, port: int, open_browser: bool = False, public: str | None = None) -> None:
    """Serve until Ctrl-C, and print the address once: `public` if a proxy passes requests on from there.

    If other machines can reach it, the address holds a random token, and the studio answers only to browsers that
    have opened it.
    """
    if public is not None:
        origin_of(public)
    warnings.simplefilter("ignore", UserWarning)  # runs warn of settings, and nobody reads that in the terminal
    token = None if host in LOOPBACK and public is None else secrets.token_urlsafe(32)
    listener = bind(host, port)
    where = (f"{public.rstrip('/')}/" if public else address(listener, host)) + (f"?token={token}" if token else "")
    print(f"pellucid studio: {where}  (Ctrl-C ends it)", flush=True)
    if open_browser:
        threading.Timer(0.5, webbrowser.open, [where]).start()
    try:
        server(studio, host, token, public).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has ended everything by then
        pass
    finally:
        listener.close()
