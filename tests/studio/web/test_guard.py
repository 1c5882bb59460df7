"""Everything that the served studio must refuse, and how it says so."""

import base64
import json
import re
import socket
import zlib

import pytest
from helpers import images, png_of
from studio_helpers import OWN, TAB, as_png, serving_from, settings

from pellucid import InputError
from pellucid.studio.web.guard import origin_of
from pellucid.studio.web.server import PAGE

PICTURE = as_png(images(1, size=16)[0])


BROKEN = {
    "no pixels": png_of(16, 16, b"nothing that zlib knows"),
    "few pixels": png_of(16, 16, zlib.compress(b"\0" * 100)),
    "empty": b"",
    "cut": base64.b64decode(PICTURE)[:60],
    "huge": png_of(60_000, 60_000, zlib.compress(b"\0" * 100)),
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
        "", "null", "[" * 100_000, '{"tab":' * 50_000, '{"tab": "' + "a" * 16 + '"}', "\0",
        '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", "settings": {"eps": NaN}}',
        '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", "seed": ' + "9" * 10_000 + "}",
        '{"tab": "short", "action": "sketch", "model": "x"}',
        '{"tab": "../../../../etc/pa", "action": "sketch", "model": "x"}',
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_body_that_is_no_run_is_refused(studio, text):
    studio.refused("POST", "/api/jobs", text)


RUN = '{"tab": "' + "a" * 16 + '", "action": "sketch", "model": "x", '


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("sessions/check", "hello", "Invalid JSON"),
        ("sessions/check", "{}", "not a session"),
        ("sessions/check", '{"pellucid_session": 2}', "another version"),
        ("jobs", RUN + '"settings": {"step_size": 1e999}}', "settings, step_size: not a finite number"),
        ("jobs", RUN + '"settings": {"step_size": {}}}', "settings, step_size: a setting is a number, a text"),
        ("jobs", RUN + '"settings": {"step_size": "' + "x" * 201 + '"}}', "of at most 200 characters"),
        ("jobs", RUN + '"seed": -1}', "seed: input should be greater than or equal to 0"),
        ("jobs", RUN + '"surprise": 1}', "surprise: extra inputs are not permitted"),
        ("photo", "", "model: field required"),
        ("photo?model=x&size=huge", "", "size: input should be 'fit' or 'keep'"),
    ],
)
def test_mistakes_are_said_in_words_for_people(studio, path, text, message):
    assert message in studio.refused("POST", f"/api/{path}", text)


@pytest.mark.parametrize("name", ["fur\u202eruf", "fur\u2066", "two\nlines", "two\u2028lines", "\0"])
def test_a_name_reads_as_it_is_written(studio, name):
    body = {"model": studio.model, "name": name}
    assert "no marks that change the text's direction" in studio.refused("PUT", "/api/units/3/name", body)


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions/..%2f..%2fetc%2fpasswd", "/api/sessions/../../../etc/passwd", "/api/sessions/short",
        "/api/jobs?tab=../../../../etc/passwd", "/api/jobs/none/events", "/api/jobs/none/result.json",
        "/api/jobs/..%2f..%2fx/frames/0.png", "/page/../studio.py", "/page/..%2fstudio.py", "/page/%2e%2e/studio.py",
        "/page/....//studio.py", "/page//etc/passwd", "/page/studio.py", "/page/", "/page/nothing.js",
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
    changes = ("POST", "/api/jobs"), ("PUT", f"/api/sessions/{TAB}"), ("POST", "/api/models"), ("DELETE", "/")
    for method, path in changes:
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
    monkeypatch.setattr("pellucid.zoo.models.load", lambda name, *_: pytest.fail(f"{name} is loaded"))
    for name in ("cifar10-standard", "timm:resnet18", "hub:attacker/repo/file"):
        assert f"{name} is not in memory" in studio.refused("GET", f"/api/{path}?model={name}")


def test_its_own_page_is_not(studio):
    for host in (f"localhost:{studio.port}", f"[::1]:{studio.port}", "127.0.0.1"):
        headers = {**OWN, "Host": host, "Origin": f"http://{host}"}
        body = json.dumps({"model": studio.model, "name": "fur"})
        assert studio.request("PUT", "/api/units/3/name", body, headers)[0] == 200


def test_headers_are_on_every_answer(studio):
    for path in ("/api/state", "/api/nothing", "/page/nothing", "/"):
        _, headers, _ = studio.request("GET", path)
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert (headers["cache-control"] == "no-store") == path.startswith("/api")


# The token

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def closed(tiny_bundle, tmp_path):
    with serving_from(tmp_path, settings(tiny_bundle), host="0.0.0.0", token=TOKEN) as client:
        yield client


def test_nothing_is_answered_without_the_token(closed):
    paths = ("/", "/?token=", "/?token=guess", "/api/state", "/page/style.css", "/api/sessions", f"/page?token={TOKEN}")
    for path in paths:
        for cookie in ("pellucid=guess", "pellucid=", f"other={TOKEN}", "=;\xff"):
            assert "token" in closed.refused("GET", path, status=401, headers={**OWN, "Cookie": cookie})
        closed.refused("GET", path, status=401)
    closed.refused("POST", "/api/jobs", {}, status=401)


def test_the_address_with_the_token_sets_a_cookie_which_is_not_enough_to_change_anything(closed):
    status, headers, _ = closed.request("GET", f"/?token={TOKEN}", headers={"Host": "10.0.0.7"})
    assert (status, headers["location"]) == (303, "./")
    assert {"HttpOnly", "SameSite=lax"} <= set(headers["set-cookie"].split("; "))
    known = {"Cookie": headers["set-cookie"].split(";")[0]}
    assert closed.request("GET", "/", headers=known)[0] == 200
    assert closed.request("GET", "/api/state", headers={**OWN, **known})[0] == 200
    closed.refused("POST", "/api/jobs", {}, status=403, headers=known)
    closed.refused("GET", "/api/state", status=403, headers={**known, "Sec-Fetch-Site": "cross-site"})
    for path in ("/api/state", f"/?token={TOKEN}"):
        closed.refused("GET", path, status=403, headers={**known, "Host": "evil.example"})


# Behind a proxy


def test_behind_a_proxy_the_page_is_that_of_the_public_address(tiny_bundle, tmp_path):
    with serving_from(tmp_path, settings(tiny_bundle), token=TOKEN, public="https://example.org/studio/") as client:
        for host in ("example.org", "127.0.0.1"):  # a proxy may pass its own name on, or not
            here = {**OWN, "Host": host, "Origin": "https://example.org"}
            _, headers, _ = client.request("GET", f"/?token={TOKEN}", headers={"Host": host})
            known = {"Cookie": headers["set-cookie"].split(";")[0]}
            assert "Path" not in headers["set-cookie"]  # so it is that of the page's folder
            assert client.request("GET", "/api/state", headers={**here, **known})[0] == 200
            client.refused("GET", "/api/state", status=401, headers=here)
            elsewhere = {**here, **known, "Origin": "https://evil.example"}
            client.refused("GET", "/api/state", status=403, headers=elsewhere)


@pytest.mark.parametrize("public", ["example.org", "ftp://example.org/", "https://", "https://example.org/?a=b"])
def test_a_public_address_must_be_a_full_one(public):
    with pytest.raises(InputError, match=r"https://example\.org/studio/"):
        origin_of(public)


def test_all_addresses_of_the_page_are_relative():
    files = [file for file in PAGE.iterdir() if file.suffix in (".js", ".html", ".css")]
    assert len(files) > 30
    assert [file.name for file in files if re.search(r"""["'`(]/(api|page)/""", file.read_text())] == []
