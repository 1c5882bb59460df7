"""The served studio: pictures, sessions, streams, and everything that it must refuse."""

import base64
import json
import logging
import random
import socket
import sys
import threading
import time

import numpy as np
import pytest
import torch
from helpers import images
from PIL import Image
from studio_helpers import TAB, as_png, box, from_png, serving_from, settings, wait_until

from pellucid import __version__, read_image
from pellucid.studio import jobs, pictures, sessions

SIDE = 16
PICTURE = as_png(images(1, size=SIDE)[0])
LONG = {"action": "sketch", "label": "dog", "picture": PICTURE, "settings": {"steps": 10_000}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def studio(tiny_bundle, folder):
    with serving_from(folder, settings(tiny_bundle)) as client:
        yield client


@pytest.fixture(autouse=True)
def _nothing_goes_on_after_a_test(studio):
    yield
    for job in list(studio.studio.jobs._known.values()):
        studio.studio.jobs.stop(job)
    wait_until(lambda: studio.studio.jobs.running is None)


def session(**changes):
    return {
        "pellucid_session": 1,
        "title": "A fox",
        "model": "cifar10-l2-0.5",
        "action": "sketch",
        "picture": PICTURE,
        "mask": box(SIDE, 1, 1, 4, 4),
        "strokes": [{"mask": box(SIDE, 1, 1, 4, 4), "unit": 3, "strength": 1.5, "on": False}],
        "settings": {"sketch": {"steps": 5, "eps": None}},
        "label": "dog",
        "optional": "ship",
        "unit": None,
        "seed": 7,
        "factor": 8,
        "history": [{"picture": PICTURE, "action": "sketch", "note": "40 steps"}],
        **changes,
    }


# What the page asks for


def test_the_state_and_the_classifier(studio):
    state = studio.get("/api/state")
    assert state == {"ready": True, "loading": None, "error": None, "version": __version__, "model": studio.model}
    classifier = studio.get("/api/classifier", model=studio.model)
    assert (classifier["size"], classifier["classes"], classifier["units"]) == (SIDE, ["cat", "dog", "ship"], 16)
    assert (classifier["gaussians"], classifier["beside"], len(classifier["sha256"])) == (True, None, 64)
    first = studio.get("/api/models")["models"][0]
    assert (first["name"], first["size"], first["loaded"]) == (studio.model, SIDE, True)


def test_a_bundled_classifier_is_loaded_with_progress(studio):
    status, headers, body = studio.request("POST", "/api/models", json.dumps({"name": "cifar10-standard"}))
    lines = [json.loads(line) for line in body.splitlines() if line]
    assert (status, headers["content-type"].split(";")[0]) == (200, "application/x-ndjson")
    assert [line["type"] for line in lines] == ["progress"] * (len(lines) - 1) + ["loaded"]
    assert [line["share"] for line in lines[:-1]] == sorted(line["share"] for line in lines[:-1])
    assert (lines[-1]["classifier"]["beside"], lines[-1]["classifier"]["units"]) == ("cifar10-l2-0.5", 320)


@pytest.mark.parametrize(
    "name", ["nothing", "/etc/passwd", "../tiny", "timm:../../x", "hub:a/../b", "timm:", "", "x" * 201]
)
def test_the_page_can_name_no_path(studio, name, other_bundle):
    for path in (name, str(other_bundle)):  # there, but not offered
        _, _, body = studio.request("POST", "/api/models", json.dumps({"name": path}))
        last = json.loads(body.splitlines()[-1])
        assert "error" in last
        studio.refused("GET", f"/api/classifier?model={path}")


def test_starts(studio):
    ask = {"model": studio.model, "seed": 3}
    seed = studio.send("POST", "/api/start", {**ask, "kind": "class", "label": "cat"})
    again = studio.send("POST", "/api/start", {**ask, "kind": "class", "label": "cat"})
    other = studio.send("POST", "/api/start", {**ask, "kind": "class", "label": "cat", "seed": 4})
    assert (seed["width"], seed["height"], seed) == (SIDE, SIDE, again)
    assert seed != other
    generated = studio.finish("generate", label="cat", seed=3, settings={"steps": 1})[1]
    first = next(message for message in generated if message["type"] == "frame")
    assert np.array_equal(from_png(seed["picture"]), from_png(first["picture"]))
    assert (from_png(studio.send("POST", "/api/start", {**ask, "kind": "blank"})["picture"]) == 255).all()
    noise = from_png(studio.send("POST", "/api/start", {**ask, "kind": "noise"})["picture"])
    assert 20 < noise.std() < 80
    assert "which class" in studio.refused("POST", "/api/start", {**ask, "kind": "class"})
    assert "unknown class" in studio.refused("POST", "/api/start", {**ask, "kind": "class", "label": "horse"})


def test_photos(studio):
    picture = np.zeros((600, 1200, 3), np.uint8)
    picture[:, 300:900] = [200, 100, 50]
    data = base64.b64decode(as_png(picture))
    fit = json.loads(studio.request("POST", f"/api/photo?model={studio.model}&size=fit", data)[2])
    assert (from_png(fit["picture"]) == [200, 100, 50]).all()
    keep = json.loads(studio.request("POST", f"/api/photo?model={studio.model}&size=keep", data)[2])
    assert (keep["width"], keep["height"]) == (512, 256)
    small = base64.b64decode(PICTURE)
    kept = json.loads(studio.request("POST", f"/api/photo?model={studio.model}&size=keep", small)[2])
    assert np.array_equal(from_png(kept["picture"]), from_png(PICTURE))


LARGE = np.random.default_rng(0).integers(0, 256, (90, 130, 4), dtype=np.uint8)
PHOTOS = {
    "color": Image.fromarray(LARGE[..., :3]),
    "transparent": Image.fromarray(LARGE),
    "palette": Image.fromarray(LARGE[..., :3]).quantize(16),
    "gray": Image.fromarray(LARGE[..., 0]),
    "deep": Image.fromarray(LARGE[..., 0].astype(np.uint16) * 256),
}


@pytest.mark.parametrize("kind", PHOTOS)
def test_a_photo_reaches_the_network_as_the_commands_read_it(kind, monkeypatch, tmp_path):
    """And at no time are more than a few of its rows floats."""
    sizes, to_tensor = [], pictures.to_tensor
    monkeypatch.setattr(pictures, "STRIPE", 700)
    monkeypatch.setattr(pictures, "to_tensor", lambda image: (sizes.append(image.size), to_tensor(image))[1])
    PHOTOS[kind].save(tmp_path / "photo.png")
    data = (tmp_path / "photo.png").read_bytes()
    for side in (32, 200):
        as_read = read_image(tmp_path / "photo.png", side)
        assert torch.allclose(pictures.photo(data, "fit", side), as_read, atol=1e-6)
    assert max(width * height for width, height in sizes) <= 700
    assert tuple(pictures.photo(data, "keep", 32).shape) == (3, 90, 130)


def test_a_page_that_goes_while_it_sends_is_no_error_and_leaves_nothing(studio, caplog):
    before = studio.get("/api/sessions")
    with socket.create_connection(("127.0.0.1", studio.port)) as page:
        head = f"PUT /api/sessions/{'g' * 20} HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nX-Pellucid: 1\r\n"
        page.sendall(f"{head}Content-Length: 5000\r\n\r\n{{".encode())
        time.sleep(0.2)
    time.sleep(0.3)
    assert studio.get("/api/sessions") == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_frames_and_downloads(studio):
    job, told = studio.finish("sketch", label="dog", picture=PICTURE, settings={"steps": 3})
    frames = [message for message in told if message["type"] == "frame"]
    status, headers, body = studio.request("GET", f"/api/jobs/{job}/frames/0.png")
    assert (status, headers["content-type"]) == (200, "image/png")
    assert np.array_equal(from_png(body), from_png(PICTURE))
    studio.refused("GET", f"/api/jobs/{job}/frames/999.png", status=404)
    for kind in ("png", "json"):
        _, headers, _ = studio.request("GET", f"/api/jobs/{job}/result.{kind}")
        assert headers["content-disposition"].startswith('attachment; filename="sketch-dog-')
    assert [message["number"] for message in studio.listen(job, after=0) if message["type"] == "frame"] == [
        frame["number"] for frame in frames[1:]
    ]
    known = studio.get("/api/jobs", tab=TAB)["jobs"][0]
    assert {key: known[key] for key in ("job", "status", "frames")} == {
        "job": job, "status": "done", "frames": len(frames),
    }  # fmt: skip


def test_a_run_tells_what_it_was_asked_for(studio):
    asked = {"label": "dog", "seed": 5}
    studio.finish("sketch", tab="asked-0123456789", **asked, picture=PICTURE, settings={"steps": 1})
    studio.finish("manipulate", tab="asked-0123456789", unit=3, picture=PICTURE, settings={"steps": 1})
    orders = [job["order"] for job in studio.get("/api/jobs", tab="asked-0123456789")["jobs"]]
    assert orders == [
        {"action": "manipulate", "model": studio.model, "label": None, "unit": 3, "seed": 0},
        {"action": "sketch", "model": studio.model, "unit": None, **asked},
    ]


# Streams


def test_stop_ends_the_stream_within_a_tenth_of_a_second(studio):
    job = studio.run(**LONG)
    with studio.listening(job) as told:
        for message in told:
            if message["type"] == "frame" and message["number"] == 2:
                break
        began = time.monotonic()
        assert studio.send("POST", f"/api/jobs/{job}/stop", {}) == {}
        last = list(told)[-1]
    assert time.monotonic() - began < 0.1
    assert last["type"] == "stopped"
    assert last["step"] > 1
    facts = studio.get(f"/api/jobs/{job}/result.json")
    assert facts["stopped"] == last["step"]
    assert studio.request("GET", f"/api/jobs/{job}/result.png")[0] == 200
    wait_until(lambda: studio.studio.jobs.running is None, 2)


def test_a_reloaded_page_finds_its_run_and_goes_on_listening(studio):
    job = studio.run(**LONG, tab="reload-0123456789")
    with studio.listening(job) as told:
        seen = [next(told) for _ in range(4)]
    assert studio.get("/api/jobs", tab="reload-0123456789")["jobs"][0]["status"] == "running"
    with studio.listening(job, after=seen[-1]["number"]) as told:
        assert next(told)["type"] == "started"
        assert next(told)["number"] > seen[-1]["number"]


def test_a_second_tab_waits_and_is_told_its_place(studio):
    first = studio.run(**LONG, tab="a" * 16)
    second, third = (studio.run(**LONG, tab=letter * 16) for letter in "bc")
    with studio.listening(third) as told:
        assert next(told) == {"type": "queued", "place": 1}
        studio.send("POST", f"/api/jobs/{second}/stop", {})
        assert next(told) == {"type": "queued", "place": 0}
        assert studio.get("/api/jobs", tab="a" * 16)["jobs"][0]["status"] == "running"
        studio.send("POST", f"/api/jobs/{first}/stop", {})
        assert next(told)["type"] == "started"
    assert studio.listen(second) == [
        {"type": "stopped", "step": 0, "seconds": pytest.approx(0, abs=5), "frames": 0, "result": False}
    ]
    studio.refused("GET", f"/api/jobs/{second}/result.png", status=404)


def test_a_run_whose_listener_went_away_is_stopped(studio, monkeypatch):
    monkeypatch.setattr("pellucid.studio.job.PATIENCE", 0.3)
    job = studio.run(**LONG)
    with studio.listening(job) as told:
        next(told)
        time.sleep(0.5)
        assert studio.studio.jobs.find(job).status == "running"
    wait_until(lambda: studio.studio.jobs.find(job).status == "stopped", 5)
    wait_until(lambda: studio.studio.jobs.running is None, 2)


def test_twenty_clients_that_come_and_go_leave_nothing_behind(studio, folder, monkeypatch):
    monkeypatch.setattr("pellucid.studio.job.PATIENCE", 0.3)
    problems = []

    def client(number):
        choose = random.Random(number)
        tab = f"client-{number:010d}"
        try:
            studio.send("PUT", f"/api/sessions/{tab}", session(title=f"number {number}"))
            job = studio.run(**LONG, tab=tab)
            with studio.listening(job) as told:
                next(told)
                if choose.random() < 0.5:
                    studio.send("POST", f"/api/jobs/{job}/stop", {})
                    list(told)
            studio.send("PUT", f"/api/sessions/{tab}", session(title=f"again {number}"))
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    wait_until(lambda: studio.studio.jobs.running is None and studio.studio.jobs.waiting == 0)
    assert all(job.over and not job.listeners for job in studio.studio.jobs._known.values())
    saved = {path.stem: path for path in (folder / "state" / "sessions").glob("client-*.session")}
    assert len(saved) == 20
    for number in range(20):
        assert studio.get(f"/api/sessions/client-{number:010d}")["title"] == f"again {number}"


def test_memory_does_not_grow_with_the_runs(studio):
    psutil = pytest.importorskip("psutil")

    def run(count):
        for number in range(count):
            studio.finish(
                "sketch", tab=f"memory-{number % 5:010d}", label="dog", picture=PICTURE, settings={"steps": 2}
            )
        return psutil.Process().memory_info().rss

    run(20)
    before = run(25)
    assert run(25) - before < 4 * 2**20
    assert len(studio.studio.jobs._known) <= jobs.MAX_KEPT


# Sessions


def test_a_session_comes_back_as_it_was(studio):
    name = "session-0123456789"
    studio.refused("GET", f"/api/sessions/{name}", status=404)
    studio.send("PUT", f"/api/sessions/{name}", session())
    assert studio.get(f"/api/sessions/{name}") == session()
    newest = studio.get("/api/sessions")["sessions"][0]
    assert (newest["id"], newest["title"]) == (name, "A fox")
    assert abs(newest["saved"] - time.time()) < 60
    assert from_png(newest["picture"]).shape == (SIDE, SIDE, 3)
    without = {key: value for key, value in session().items() if key != "mask"}
    assert studio.send("POST", "/api/sessions/check", without) == without


@pytest.mark.parametrize(
    "changes",
    [
        {"pellucid_session": 2},
        {"extra": 1},
        {"title": 5},
        {"title": "x" * 201},
        {"picture": "no"},
        {"picture": as_png(np.zeros((8, 1025, 3), np.uint8))},
        {"mask": {"width": 2, "height": 2, "bytes": base64.b64encode(b"\0\1\2\0").decode()}},
        {"mask": {"width": 2, "height": 2, "bytes": base64.b64encode(b"\0\1").decode()}},
        {"mask": {"width": 10**9, "height": 10**9, "bytes": ""}},
        {"strokes": [{"mask": box(4, 0, 0, 1, 1), "unit": -1, "strength": 1.0, "on": True}]},
        {"strokes": [{"mask": box(4, 0, 0, 1, 1), "unit": 1, "strength": 0.0, "on": True}]},
        {"settings": {"sketch": {"steps": {"deep": 1}}}},
        {"settings": {"sketch": [1]}},
        {"label": 5},
        {"seed": -1},
        {"seed": 0.5},
        {"history": [{"picture": PICTURE, "action": "sketch", "note": ""}] * 51},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_session_that_is_none_is_refused(studio, changes):
    studio.refused("POST", "/api/sessions/check", session(**changes))
    studio.refused("PUT", "/api/sessions/refused-0123456789", session(**changes))
    studio.refused("GET", "/api/sessions/refused-0123456789", status=404)


def test_all_sessions_are_listed_and_found_by_their_titles(studio):
    for number in range(25):
        studio.send("PUT", f"/api/sessions/listed-{number:010d}", session(title=f"Zebra No. {number}"))
    listed = studio.get("/api/sessions")["sessions"]
    assert [head["title"] for head in listed[:25]] == [f"Zebra No. {number}" for number in reversed(range(25))]
    found = studio.get("/api/sessions", search=" no. ZEBRA 7")["sessions"]
    assert [head["title"] for head in found] == ["Zebra No. 17", "Zebra No. 7"]
    assert studio.get("/api/sessions", search="no such animal")["sessions"] == []


def test_a_session_can_be_deleted(studio, folder):
    name = "deleted-0123456789"
    studio.send("PUT", f"/api/sessions/{name}", session())
    studio.refused("DELETE", f"/api/sessions/{name}", status=403, headers={})
    assert studio.send("DELETE", f"/api/sessions/{name}", {}) == {}
    studio.refused("GET", f"/api/sessions/{name}", status=404)
    studio.refused("DELETE", f"/api/sessions/{name}", status=404)
    assert not list((folder / "state" / "sessions").glob(f"{name}*"))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such permissions")
def test_nobody_else_can_read_what_is_kept(studio, folder):
    studio.send("PUT", "/api/sessions/private-0123456789", session())
    studio.send("PUT", "/api/units/3/name", {"model": studio.model, "name": "fur"})
    for kept in ("sessions", "names", "sessions/private-0123456789.session"):
        assert (folder / "state" / kept).stat().st_mode & 0o077 == 0


def test_a_full_room_is_said_and_nothing_is_deleted(studio, folder, monkeypatch):
    studio.send("PUT", "/api/sessions/kept-0123456789abc", session())
    count = len(list((folder / "state" / "sessions").glob("*.session")))
    monkeypatch.setattr(sessions, "MAX_SESSIONS", count)
    assert "no room" in studio.refused("PUT", "/api/sessions/one-too-many-012345", session())
    studio.send("PUT", "/api/sessions/kept-0123456789abc", session(title="still mine"))
    assert studio.get("/api/sessions/kept-0123456789abc")["title"] == "still mine"
    assert len(list((folder / "state" / "sessions").glob("*.session"))) == count
