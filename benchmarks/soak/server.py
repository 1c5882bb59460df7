"""A studio in a process of its own, which can be killed, whose disk can be full, and whose clock can jump."""

import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

LAUNCH = Path(__file__).with_name("launch.py")
MODEL = "cifar10-l2-0.5"


class Gone(Exception):  # noqa: N818 - it is expected
    """The server does not answer, or stopped in the middle of its answer."""


class Server:
    """A studio that keeps its port and its folder through all its lives.

    Attributes:
        filled, emptied: how often its disk was.
        log: what it printed on stderr.
    """

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.log = folder, []
        self.filled = self.emptied = 0
        self.set_clock(0.0)
        self.start()

    def start(self) -> None:
        """Start it, and wait until its classifier is loaded."""
        folders = {"PELLUCID_STATE": "state", "PELLUCID_CACHE": "cache", "SOAK_CLOCK": "clock"}
        environment = {**os.environ, **{name: str(self.folder / part) for name, part in folders.items()}}
        command = [sys.executable, LAUNCH, "studio", "--model", MODEL, "--device", "cpu", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        )
        threading.Thread(target=self.log.extend, args=[self.process.stderr], daemon=True).start()
        self.wait_until_ready()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.emptied = self.filled

    def set_clock(self, offset: float) -> None:
        """Let its clock be wrong by so many seconds."""
        new = self.folder / "clock.new"
        new.write_text(str(offset))
        new.replace(self.folder / "clock")

    def fill_disk(self, left: int) -> None:
        """Let no file of it grow over so many bytes."""
        self.filled += 1
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (left, resource.RLIM_INFINITY))

    def empty_disk(self) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.emptied = self.filled

    def memory(self) -> float:
        """Its resident size in MiB."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def wait_until_ready(self, patience: float = 300.0) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                if json.loads(self.ask("GET", "api/state")[1])["ready"]:
                    return
            except Gone:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the studio did not start:\n{''.join(self.log)}")

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, bytes]:
        """Status and content of an answer; raises `Gone`."""
        try:
            try:
                with self.open(method, path, body) as answer:
                    return answer.status, answer.read()
            except HTTPError as error:
                return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            raise Gone(str(error)) from None

    def open(self, method: str, path: str, body: dict | None = None) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}/{path}"
        return urlopen(Request(url, data, {"X-Pellucid": "1"}, method=method), timeout=120)
