"""A full disk: what cannot be kept is said in one line, nothing is half written, and all else goes on."""

import errno
import os
from contextlib import contextmanager

import pytest
from helpers import full_disk, images
from studio_helpers import from_png, serving_from, session, settings, wait_until

from pellucid.data.image import write_image

SIDE = 16


@contextmanager
def no_room_for_names():
    """Within, files can be written but not be renamed, for which a folder must sometimes grow."""

    def replace(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace)
        yield


FULL = [(lambda: full_disk(8), "File too large"), (no_room_for_names, "No space left on device")]
full = pytest.mark.parametrize(("full", "reason"), FULL, ids=["write", "rename"])


def kept(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@full
def test_what_cannot_be_saved_is_said_and_what_was_saved_before_stays(studio, folder, full, reason):
    session_path, name_path = "/api/sessions/full-disk-0123456789", "/api/units/3/name"
    studio.send("PUT", session_path, session())
    studio.send("PUT", name_path, {"model": studio.model, "name": "fur"})
    before = kept(folder / "state")
    with full():
        line = studio.refused("PUT", session_path, session(title="A newer fox"))
        assert line.startswith("cannot write /")
        assert line.endswith(f"full-disk-0123456789.session: {reason}")
        line = studio.refused("PUT", name_path, {"model": studio.model, "name": "whiskers"})
        assert line.startswith("cannot write /")
        assert line.endswith(f".json: {reason}")
        job, _ = studio.finish("generate", label="dog", settings={"steps": 2})  # a run needs no disk
        assert from_png(studio.request("GET", f"/api/jobs/{job}/result.png")[2]).shape == (SIDE, SIDE, 3)
    assert kept(folder / "state") == before
    studio.send("PUT", session_path, session(title="A newer fox"))
    assert studio.get(session_path)["title"] == "A newer fox"


@full
def test_units_are_shown_all_the_same(tiny_bundle, tmp_path, full, reason):
    for number, picture in enumerate(images(10, size=SIDE)):
        write_image(tmp_path / "data" / f"class{number % 2}" / f"{number}.png", picture)
    with serving_from(tmp_path, settings(tiny_bundle, data=str(tmp_path / "data"))) as client, full():
        path = f"/api/units/11/thumbnail.png?model={client.model}"
        wait_until(lambda: client.request("GET", path)[0] == 200)
        wait_until(lambda: client.get("/api/units/2/images", model=client.model)["images"])
        assert not kept(tmp_path / "cache")
        assert [u["unit"] for u in client.get("/api/units", model=client.model)["units"] if u["thumbnail"]] == [11]


def test_a_session_that_is_there_and_cannot_be_read_is_not_said_to_be_gone(studio, folder):
    (folder / "state" / "sessions" / "unreadable-0123456789.session").mkdir(parents=True)
    line = studio.refused("GET", "/api/sessions/unreadable-0123456789")
    assert line.endswith("unreadable-0123456789.session")


def test_a_disk_that_is_full_elsewhere_is_one_line_too(studio, monkeypatch):
    def glob(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")

    monkeypatch.setattr("pathlib.Path.glob", glob)
    assert studio.refused("GET", "/api/sessions", status=507) == "No space left on device: /somewhere"
