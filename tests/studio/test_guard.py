"""Everything that the served studio must refuse, and how it says so."""

import asyncio
import base64
import json
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers import images
from studio_helpers import OWN, TAB, as_png, serving_from, settings, wait_until

from pellucid.studio.door import Busy, Door

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


def with_data(data):
    """A PNG of 16 x 16 pixels whose checksums are right, with this in place of its pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


BROKEN = {
    "no pixels": with_data(b"nothing that zlib knows"),
    "few pixels": with_data(zlib.compress(b"\0" * 100)),
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
    session = {"pellucid_session": 1, "title": "", "model": "x", "action": "sketch", "picture": PICTURE, "strokes": [],
               "settings": {}, "label": None, "unit": None, "seed": 0, "history": []}  # fmt: skip
    past = [{"picture": picture, "action": "sketch", "note": ""}]
    for change in ({"picture": picture}, {"history": past}):
        studio.refused("POST", "/api/sessions/check", {**session, **change})
        studio.refused("PUT", f"/api/sessions/{TAB}", {**session, **change})


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


RUN = '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", '


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("sessions/check", "hello", "what was sent is not JSON, or not all of it"),
        ("sessions/check", "{}", "this is no session of the studio's"),
        ("sessions/check", '{"pellucid_session": 2}', "this session is another version's"),
        ("jobs", RUN + '"settings": {"step_size": 1e999}}', "settings, step_size: not a finite number"),
        ("jobs", RUN + '"settings": {"step_size": {}}}', "settings, step_size: a setting is a number, a text"),
        ("jobs", RUN + '"settings": {"step_size": "' + "x" * 201 + '"}}', "of at most 200 characters"),
        ("jobs", RUN + '"seed": -1}', "seed must be at least 0"),
        ("jobs", RUN + '"surprise": 1}', "surprise is not known here"),
        ("photo", "", "model is missing"),
        ("photo?model=x&size=huge", "", "size must be 'fit' or 'keep'"),
    ],
)
def test_mistakes_are_said_in_words_for_people(studio, path, text, message):
    assert message in studio.refused("POST", f"/api/{path}", text)


@pytest.mark.parametrize("name", ["fur\u202eruf", "fur\u2066", "two\nlines", "two\u2028lines", "\0"])
def test_a_name_reads_as_it_is_written(studio, name):
    body = {"model": studio.model, "name": name}
    assert "no marks that turn the text round" in studio.refused("PUT", "/api/units/3/name", body)


def test_the_page_can_be_asked_for_by_its_head(studio):
    assert studio.request("HEAD", "/", headers={})[0] == 200


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
    status, _, body = studio.request("GET", path)
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


LOOKS = ("state", "models", "classifier?model={}", "actions?model={}", "units?model={}", "units/3/images?model={}",
         "units/3/thumbnail.png?model={}", "jobs?tab=" + TAB, "jobs/none/events", "jobs/none/frames/0.png",
         "sessions", "sessions/" + TAB)  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}], ids=str)
@pytest.mark.parametrize("path", LOOKS)
def test_a_picture_of_another_page_asks_in_vain(studio, path, headers):
    """`<img src>` sends no origin."""
    studio.refused("GET", f"/api/{path.format(studio.model)}", status=403, headers=headers)


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, OWN], ids=str)
def test_a_picture_of_its_own_page_does_not(studio, headers):
    assert studio.request("GET", "/api/state", headers=headers)[0] == 200


def test_the_link_to_a_result_needs_no_header(studio):
    studio.refused("GET", "/api/jobs/none/result.png", status=404, headers={})
    studio.refused("GET", "/api/jobs/none/result.png", status=403, headers={"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("path", ["classifier", "actions", "units", "units/3/images", "units/3/thumbnail.png"])
def test_looking_loads_no_classifier(studio, path, monkeypatch):
    monkeypatch.setattr("pellucid.studio.models._load", lambda name, *_: pytest.fail(f"{name} is loaded"))
    for name in ("cifar10-standard", "timm:resnet18", "hub:attacker/repo/file"):
        assert f"{name} is not in memory" in studio.refused("GET", f"/api/{path}?model={name}")


def test_its_own_page_is_not(studio):
    for host in (f"localhost:{studio.port}", f"[::1]:{studio.port}", "127.0.0.1"):
        headers = {**OWN, "Host": host, "Origin": f"http://{host}"}
        assert (
            studio.request("PUT", "/api/units/3/name", json.dumps({"model": studio.model, "name": "fur"}), headers)[0]
            == 200
        )


def test_headers_are_on_every_answer(studio):
    for path in ("/api/state", "/api/nothing", "/page/nothing", "/", "/login"):
        _, headers, _ = studio.request("GET", path)
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert (headers["cache-control"] == "no-store") == path.startswith(("/api", "/login"))


# The password


@pytest.fixture
def closed(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(Door.__init__, "__defaults__", (0.05,))
    with serving_from(tmp_path, settings(tiny_bundle), host="0.0.0.0", password="correct horse") as client:
        yield client


def test_nothing_is_to_be_had_without_the_password(closed):
    for path in ("/api/state", "/page/style.css", "/api/sessions"):
        closed.refused("GET", path, status=401)
        closed.refused("GET", path, status=401, headers={**OWN, "Cookie": "pellucid=guess"})
        closed.refused("GET", path, status=401, headers={**OWN, "Cookie": "pellucid="})
    closed.refused("POST", "/api/jobs", {}, status=401)
    status, headers, _ = closed.request("GET", "/", headers={})
    assert (status, headers["location"]) == (303, "/login")
    assert b'type="password"' in closed.request("GET", "/login", headers={})[2]
    assert closed.request("HEAD", "/login", headers={})[0] == 200


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
    assert closed.request("GET", "/api/state", headers={**OWN, **known})[0] == 200
    closed.refused("POST", "/api/jobs", {}, status=403, headers=known)  # a cookie is not enough to change anything
    closed.refused("GET", "/api/state", status=403, headers={**known, "Host": "evil.example"})


def test_many_guesses_at_once_keep_nobody_out(closed):
    def guess(word="wrong"):
        return closed.request("POST", "/login", f"password={word}", {})[0]

    with ThreadPoolExecutor(31) as crowd:
        guesses = [crowd.submit(guess) for _ in range(30)]
        wait_until(lambda: sum(one.done() for one in guesses) >= 20)
        began = time.monotonic()
        wait_until(lambda: guess("correct%20horse") == 303, 5)
        assert time.monotonic() - began < 2
        assert {one.result() for one in guesses} == {401, 429}


def test_nobody_waits_for_the_guesses_of_another_address():
    async def enter():
        door = Door("correct horse", delay=60)
        guesses = [asyncio.ensure_future(door.enter("wrong", address)) for address in ("10.0.0.1", "2001:db8::1")]
        await asyncio.sleep(0)
        for same in ("10.0.0.1", "::ffff:10.0.0.1", "2001:db8::2"):
            with pytest.raises(Busy):
                await door.enter("correct horse", same)
        assert await door.enter("correct horse", "10.0.0.2")
        for one in guesses:
            one.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)
        assert await door.enter("correct horse", "10.0.0.1")

    asyncio.run(enter())


def test_what_is_remembered_of_guesses_is_bounded(monkeypatch):
    monkeypatch.setattr("pellucid.studio.door.MOST_GUESSERS", 3)

    async def enter():
        door = Door("correct horse", delay=0)
        for number in range(9):
            assert await door.enter("wrong", f"10.0.0.{number}") is None
        return door

    assert list(asyncio.run(enter())._wrong) == ["10.0.0.6", "10.0.0.7", "10.0.0.8"]


def test_a_form_with_many_fields_is_no_more_than_a_wrong_guess(closed):
    assert closed.request("POST", "/login", "&".join(f"a{number}=1" for number in range(50)), {})[0] == 401


def test_an_open_studio_asks_for_none(studio):
    studio.refused("GET", "/login", status=404, headers={})
    studio.refused("POST", "/login", "password=x", status=404)
