"""Serving a studio: the socket, the address, and how it ends."""

from __future__ import annotations

import socket
import threading
import warnings
import webbrowser

import uvicorn

from ..base.errors import InputError
from .app import create_app
from .door import Door
from .guard import EVERYBODY, hosts
from .studio import Studio

GRACE = 1  # seconds that open streams get when the studio ends


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises `InputError` if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
    """What to type into a browser; if the server is for everybody, also into one of another machine."""
    port = listener.getsockname()[1]
    if host in EVERYBODY:
        host = _own_address(listener.family)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _own_address(family: socket.AddressFamily) -> str:
    """The address under which other machines reach this one, or its own where there is no network."""
    anywhere, itself = ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((anywhere, 9))  # sends nothing: it only says which way it would go
            return probe.getsockname()[0]
        except OSError:
            return itself


class _Server(uvicorn.Server):
    """Ends what runs before it waits for those who listen to it."""

    def __init__(self, config: uvicorn.Config, studio: Studio):
        super().__init__(config)
        self.studio = studio

    def handle_exit(self, sig: int, frame) -> None:
        threading.Thread(target=self.studio.close, daemon=True).start()
        super().handle_exit(sig, frame)


def server(studio: Studio, host: str, password: str | None = None) -> uvicorn.Server:
    """A server for a studio; run it with the socket of `bind`."""
    app = create_app(studio, hosts(host), Door(password) if password else None)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        lifespan="on",
        proxy_headers=False,  # anybody can write them, and the door counts guesses by address
    )
    return _Server(config, studio)


def serve(studio: Studio, host: str, port: int, password: str | None = None, open_browser: bool = False) -> None:
    """Serve until Ctrl-C, and print the address once."""
    warnings.simplefilter("ignore", UserWarning)  # of runs, which nobody at the terminal asked for
    listener = bind(host, port)
    where = address(listener, host)
    print(f"pellucid studio: {where}  (Ctrl-C ends it)", flush=True)
    if open_browser:
        threading.Timer(0.5, webbrowser.open, [where]).start()
    try:
        server(studio, host, password).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has ended everything by then
        pass
    finally:
        listener.close()
