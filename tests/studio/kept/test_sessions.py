"""Sessions: saved, found, deleted, private and bounded."""

import base64
import sys
import time

import numpy as np
import pytest
from helpers import images
from studio_helpers import as_png, box, from_png, session

from pellucid.studio.kept import sessions

SIDE = 16
PICTURE = as_png(images(1, size=SIDE)[0])


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
        {"title": 5},
        {"picture": "no"},
        {"picture": as_png(np.zeros((8, 1025, 3), np.uint8))},
        {"mask": {"width": 2, "height": 2, "bytes": base64.b64encode(b"\0\1\2\0").decode()}},
        {"mask": {"width": 2, "height": 2, "bytes": base64.b64encode(b"\0\1").decode()}},
        {"mask": {"width": 10**9, "height": 10**9, "bytes": ""}},
        {"strokes": [{"mask": box(4, 0, 0, 1, 1), "unit": -1, "strength": 1.0, "on": True}]},
        {"settings": {"sketch": {"steps": {"deep": 1}}}},
        {"label": 5},
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
