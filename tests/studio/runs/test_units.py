"""Units in the studio: classes, names, thumbnails and activating images, none of which keeps a run waiting."""

import json
import time

import numpy as np
import pytest
from helpers import images
from PIL import Image
from studio_helpers import as_png, from_png, serving_from, settings, wait_until

from pellucid.data.image import write_image
from pellucid.studio.kept.models import Models
from pellucid.studio.runs import units as units_module
from pellucid.studio.runs.job import Stopped
from pellucid.studio.runs.units import COLUMNS, TILE, Units

SIDE = 16
PICTURE = as_png(images(1, size=SIDE)[0])
LONG = {"action": "sketch", "label": "dog", "picture": PICTURE, "settings": {"steps": 10_000}}


def test_units_have_the_classes_that_their_weights_raise(studio):
    head = studio.studio.models.get(studio.model).classifier.network.head.weight.detach()
    listed = studio.get("/api/units", model=studio.model)
    assert (len(listed["units"]), listed["data"]) == (16, None)
    for entry in listed["units"]:
        weights = dict(zip(["cat", "dog", "ship"], head[:, entry["unit"]].tolist(), strict=True))
        assert entry["classes"] == sorted((c for c in weights if weights[c] > 0), key=weights.get, reverse=True)[:3]


def test_thumbnails_are_made_when_nothing_else_is_to_do(studio):
    path = f"/api/units/11/thumbnail.png?model={studio.model}"
    job = studio.run(**LONG)
    assert studio.request("GET", path)[0] == 202
    time.sleep(0.3)
    assert studio.request("GET", path)[0] == 202  # a run never waits for one
    studio.send("POST", f"/api/jobs/{job}/stop", {})
    wait_until(lambda: studio.request("GET", path)[0] == 200)
    assert from_png(studio.request("GET", path)[2]).shape == (SIDE, SIDE, 3)
    assert studio.get("/api/units", model=studio.model)["units"][11]["thumbnail"]
    studio.refused("GET", f"/api/units/99/thumbnail.png?model={studio.model}")


def test_thumbnails_make_way_for_a_run(tiny_bundle, tmp_path):
    units, loaded = Units(tmp_path), Models(str(tiny_bundle), device="cpu").load(str(tiny_bundle))
    assert not units.work(lambda: False)  # nobody has looked at a unit
    assert units.thumbnail(loaded, 9) is None
    looks = iter([False, False, True])
    with pytest.raises(Stopped):
        units.work(lambda: next(looks))
    assert units.thumbnail(loaded, 9) is None
    assert units.work(lambda: False)
    assert from_png(units.thumbnail(loaded, 9)).shape == (SIDE, SIDE, 3)
    assert units.thumbnail(loaded, 0) is None  # what was asked for comes first
    while units.work(lambda: False):
        pass
    assert all(entry["thumbnail"] for entry in units.listed(loaded, {}))


def test_a_sheet_gives_small_pictures_at_once(tiny_bundle, tmp_path, monkeypatch):
    loaded = Models(str(tiny_bundle), device="cpu").load(str(tiny_bundle))
    monkeypatch.setattr(units_module, "SHEETS", tmp_path)
    sheet = np.zeros((TILE, TILE * COLUMNS, 3), np.uint8)
    sheet[:, 9 * TILE : 10 * TILE] = 200
    Image.fromarray(sheet).save(tmp_path / f"{loaded.sha256[:16]}.webp", lossless=True)
    units = Units(tmp_path / "drawn")
    assert (from_png(units.thumbnail(loaded, 9, small=True)) == 200).all()
    assert all(entry["thumbnail"] for entry in units.listed(loaded, {}))
    assert not units.work(lambda: False)  # large ones are drawn only when they are asked for
    assert units.thumbnail(loaded, 9) is None
    assert units.work(lambda: False)
    assert from_png(units.thumbnail(loaded, 9)).shape == (SIDE, SIDE, 3)


def test_names_are_kept(studio):
    assert studio.send("PUT", "/api/units/3/name", {"model": studio.model, "name": " fur é "}) == {}
    assert studio.get("/api/units", model=studio.model)["units"][3]["name"] == "fur é"
    studio.send("PUT", "/api/units/3/name", {"model": studio.model, "name": ""})
    assert studio.get("/api/units", model=studio.model)["units"][3]["name"] == ""
    studio.refused("PUT", "/api/units/3/name", {"model": studio.model, "name": "x" * 61})
    studio.refused("PUT", "/api/units/999/name", {"model": studio.model, "name": "x"})


def test_activating_images(studio, tiny_bundle, tmp_path):
    asked = f"/api/units/2/images?model={studio.model}"
    assert "--data" in json.loads(studio.request("GET", asked)[2])["missing"]
    for number, picture in enumerate(images(10, size=SIDE)):
        write_image(tmp_path / "data" / "test" / f"class{number % 2}" / f"{number}.png", picture)
        write_image(tmp_path / "data" / "train" / f"class{number % 2}" / f"{number}.png", picture)
    for _ in range(2):  # found, and then remembered
        with serving_from(tmp_path, settings(tiny_bundle, data=str(tmp_path / "data"))) as client:
            first = client.get("/api/units/2/images", model=client.model)
            assert "Still looking" in first["missing"]
            wait_until(lambda c=client: c.get("/api/units/2/images", model=c.model)["missing"] is None)
            found = client.get("/api/units/2/images", model=client.model)["images"]
            classifier = client.studio.models.get(client.model).classifier
            values = classifier(images(10, size=SIDE)).representation[:, 2].detach()
            assert [entry["value"] for entry in found] == pytest.approx(
                sorted(values.tolist(), reverse=True)[:8], abs=0.05
            )
            values = [entry["value"] for entry in found]
            assert values == sorted(values, reverse=True)
