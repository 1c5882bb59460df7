"""The studio below a path of another address, in a real browser: behind a proxy that streams what it passes on."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from page import act, expect, open_photo, ready, run
from studio_helpers import serving_from, settings

PREFIX, TOKEN = "/studio", "t" * 43
OWN = ("host", "connection", "transfer-encoding", "content-length")


class Proxy(BaseHTTPRequestHandler):
    """Passes on what lies below `PREFIX`, to the server's `target`; the path without the prefix if it `strips`."""

    protocol_version = "HTTP/1.0"

    def passed_on(self):
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.removeprefix(PREFIX) if self.server.strips else self.path
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=60)
        connection.request(self.command, path, body or None, headers)
        answer = connection.getresponse()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN:
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1():
            self.wfile.write(piece)
            self.wfile.flush()
        connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = passed_on  # noqa: N815

    def log_message(self, *args):
        pass


@contextmanager
def proxy(strips):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.strips, server.daemon_threads = strips, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("strips", [True, False])
def test_a_page_behind_a_proxy_opens_runs_and_loads_pictures(browser, tmp_path, strips):
    complaints, addresses = [], set()
    with proxy(strips) as server:
        public = f"http://127.0.0.1:{server.server_port}{PREFIX}/"
        with serving_from(tmp_path, settings("cifar10-l2-0.5"), token=TOKEN, public=public) as client:
            server.target = client.port
            page = browser.new_context().new_page()
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("request", lambda request: addresses.add(request.url))
            page.goto(f"{public}?token={TOKEN}")
            ready(page)
            assert page.url == public
            act(page, "sketch", 3)
            run(page)
            open_photo(page, tmp_path / "photo.png")
            run(page)
            with page.expect_download() as download:
                page.click("#result-json")
            assert '"translate"' in download.value.path().read_text()
            page.reload()
            ready(page)
            expect(page.locator("#model-name")).to_have_text("cifar10-l2-0.5")
            page.context.close()
    assert complaints == []
    assert [address for address in addresses if not address.startswith((public, "blob:", "data:"))] == []
