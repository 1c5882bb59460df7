"""Everything that the served studio must refuse, and how it says so."""

import base64
import json
import socket
import struct
import time
import zlib

import pytest
from helpers import images
from studio_helpers import OWN, TAB, as_png, serving_from, settings

from pellucid.studio.door import Door

PICTURE = as_png(images(1, size=16)[0])


@pytest.fixture(scope="module")
def studio(tiny_bundle, tmp_path_factory):
    with serving_from(tmp_path_factory.mktemp("studio"), settings(tiny_bundle)) as client:
        yield client


def claiming(width, height):
    """A PNG's beginning whose header promises so many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    return body + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


BROKEN = {
    "empty": b"",
    "text": b"hello",
    "cut": base64.b64decode(PICTURE)[:60],
    "huge": claiming(60_000, 60_000),
    "large": claiming(7_000, 7_000),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_picture_is_refused_wherever_it_comes(studio, kind):
    studio.refused("POST", f"/api/photo?model={studio.model}&size=fit", BROKEN[kind])
    picture = base64.b64encode(BROKEN[kind]).decode()
    run = {"tab": TAB, "action": "sketch", "model": studio.model, "label": "dog"}
    studio.refused("POST", "/api/jobs", {**run, "picture": picture})
    studio.refused("POST", "/api/jobs", {**run, "picture": "%%%"})


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", "5", '"x"', "[" * 100_000, '{"tab":' * 50_000, '{"tab": "' + "a" * 16 + '"}', "\0",
        '{"a": NaN}',
        '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", "settings": {"eps": NaN}}',
        '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", "settings": {"eps": 1e999}}',
        '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", "seed": ' + "9" * 10_000 + "}",
        '{"tab": "short", "action": "sketch", "model": "x"}',
        '{"tab": "../../../../etc/pa", "action": "sketch", "model": "x"}',
        '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", "surprise": 1}',
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_body_that_is_no_run_is_refused(studio, text):
    studio.refused("POST", "/api/jobs", text)


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions/..%2f..%2fetc%2fpasswd", "/api/sessions/../../../etc/passwd", "/api/sessions/short",
        "/api/jobs?tab=../../../../etc/passwd", "/api/jobs/none/events", "/api/jobs/none/result.json",
        "/api/jobs/..%2f..%2fx/frames/0.png", "/page/../routes.py", "/page/..%2froutes.py", "/page/%2e%2e/routes.py",
        "/page/....//routes.py", "/page//etc/passwd", "/page/routes.py", "/page/", "/page/nothing.js",
        "/docs", "/openapi.json",
        "/api/units/-1/thumbnail.png?model=x", "/api/units/x/images?model=x", "/api/nothing",
    ],
)  # fmt: skip
def test_no_path_leads_anywhere_else(studio, path):
    status, _, body = studio.request("GET", path, headers={})
    assert status in (400, 404, 405)
    assert "error" in json.loads(body)


def test_a_body_over_the_limit_is_refused_by_its_header_and_while_it_is_read(studio):
    assert "too large" in studio.refused(
        "PUT", f"/api/sessions/{TAB}", status=413, headers={**OWN, "Content-Length": "99999999"}
    )
    sent = 0
    with socket.create_connection(("127.0.0.1", studio.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/photo?model=x HTTP/1.1\r\nHost: localhost\r\n"
            b"X-Pellucid: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        try:
            while sent < 100:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        try:
            answer = connection.recv(2**16)
        except OSError:
            answer = b" 413 "
    assert sent < 60  # the limit is 20
    assert b" 413 " in answer


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Pellucid": "0"},
        {**OWN, "Host": "evil.example"},
        {**OWN, "Host": "127.0.0.1.evil.example"},
        {**OWN, "Host": "192.168.0.1"},
        {**OWN, "Host": ""},
        {**OWN, "Origin": "http://evil.example"},
        {**OWN, "Origin": "null"},
        {**OWN, "Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
def test_other_pages_are_refused(studio, headers):
    for method, path in (
        ("POST", "/api/jobs"),
        ("PUT", f"/api/sessions/{TAB}"),
        ("POST", "/api/models"),
        ("DELETE", "/"),
    ):
        studio.refused(method, path, {"name": "cifar10-standard"}, status=403, headers=headers)
    if {"Host", "Origin"} & set(headers):
        studio.refused("GET", "/api/state", status=403, headers=headers)


def test_its_own_page_is_not(studio):
    for host in (f"localhost:{studio.port}", f"[::1]:{studio.port}", "127.0.0.1"):
        headers = {**OWN, "Host": host, "Origin": f"http://{host}"}
        assert (
            studio.request("PUT", "/api/units/3/name", json.dumps({"model": studio.model, "name": "fur"}), headers)[0]
            == 200
        )


def test_headers_are_on_every_answer(studio):
    for path in ("/api/state", "/api/nothing", "/page/nothing", "/", "/login"):
        _, headers, _ = studio.request("GET", path, headers={})
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert (headers["cache-control"] == "no-store") == path.startswith(("/api", "/login"))


# The password


@pytest.fixture
def closed(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(Door.__init__, "__defaults__", (0.05,))
    with serving_from(tmp_path, settings(tiny_bundle), host="0.0.0.0", password="correct horse") as client:
        yield client


def test_nothing_is_to_be_had_without_the_password(closed):
    for path in ("/api/state", "/page/style.css", "/api/sessions"):
        closed.refused("GET", path, status=401, headers={})
        closed.refused("GET", path, status=401, headers={"Cookie": "pellucid=guess"})
        closed.refused("GET", path, status=401, headers={"Cookie": "pellucid="})
    closed.refused("POST", "/api/jobs", {}, status=401)
    status, headers, _ = closed.request("GET", "/", headers={})
    assert (status, headers["location"]) == (303, "/login")
    assert b'type="password"' in closed.request("GET", "/login", headers={})[2]


def test_wrong_guesses_take_longer_and_longer(closed):
    def guess(word):
        began = time.monotonic()
        status, headers, _ = closed.request("POST", "/login", f"password={word}", {"Host": "10.0.0.7"})
        return status, headers, time.monotonic() - began

    times = [guess("wrong")[2] for _ in range(3)]
    assert times[0] >= 0.05
    assert times[1] >= 0.1
    assert times[2] >= 0.2
    assert guess("")[0] == 401
    status, headers, _ = guess("correct%20horse")
    assert status == 303
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    known = {"Cookie": cookie.split(";")[0]}
    assert closed.request("GET", "/api/state", headers=known)[0] == 200
    closed.refused("POST", "/api/jobs", {}, status=403, headers=known)  # a cookie is not enough to change anything
    closed.refused("GET", "/api/state", status=403, headers={**known, "Host": "evil.example"})


def test_an_open_studio_asks_for_none(studio):
    studio.refused("GET", "/login", status=404, headers={})
    studio.refused("POST", "/login", "password=x", status=404)
