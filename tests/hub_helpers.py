"""A server on this machine that answers as the hub does."""

import hashlib
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import huggingface_hub.constants as constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """HEAD and GET of /OWNER/REPO/resolve/REVISION/FILE, with the headers that huggingface_hub reads."""

    protocol_version = "HTTP/1.1"
    files: ClassVar[dict[str, bytes]] = {}
    claims: ClassVar[dict[str, int | None]] = {}  # the length that HEAD claims
    asked: ClassVar[Counter[str]] = Counter()

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        owner, repo, _, _, *rest = self.path.lstrip("/").split("/")
        name = f"{owner}/{repo}/{'/'.join(rest)}"
        self.asked[self.command] += 1
        data = self.files.get(name)
        self.send_response(200 if data is not None else 404)
        if data is None:
            self.send_header("X-Error-Code", "EntryNotFound" if owner == "madrylab" else "RepoNotFound")
            data = b""
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        if not body and self.claims.get(name, 0) is not None:
            self.send_header("Content-Length", str(self.claims.get(name, len(data))))
        elif body:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *words):
        pass


@contextmanager
def serving():
    """Within, the server runs; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def point_at(address, folder, monkeypatch):
    """Let huggingface_hub ask this server, with empty caches in a folder; the server's class, which has no files."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("PELLUCID_CACHE", str(folder / "pellucid"))
    Hub.files, Hub.claims, Hub.asked = {}, {}, Counter()
    return Hub
