"""Uploaded photos: as the commands read them, and within bounds of memory."""

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import images
from PIL import Image
from studio_helpers import as_png, from_png

from pellucid import read_image
from pellucid.studio.kept import pictures

PICTURE = as_png(images(1, size=16)[0])


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


def test_the_memory_of_one_photo_serves_for_twenty_at_once(studio):
    psutil = pytest.importorskip("psutil")
    side, file = 3000, io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "PNG")

    def upload(_=None):
        return studio.request("POST", f"/api/photo?model={studio.model}", file.getvalue())[0]

    upload()
    before = peak = psutil.Process().memory_info().rss
    with ThreadPoolExecutor(20) as crowd:
        uploads = [crowd.submit(upload) for _ in range(20)]
        while not all(one.done() for one in uploads):
            peak = max(peak, psutil.Process().memory_info().rss)
            threading.Event().wait(0.01)
    assert {one.result() for one in uploads} == {200}
    assert peak - before < 6 * 4 * side**2  # twenty would take 20 and more


@pytest.mark.parametrize(("at", "left"), [(0, 0), (0.5, 16), (1, 32)])
def test_the_square_of_a_photo_lies_where_it_is_asked_for(at, left):
    wide = np.random.default_rng(0).integers(0, 256, (16, 48, 3), dtype=np.uint8)
    cut = pictures.photo(base64.b64decode(as_png(wide)), "fit", 16, at)
    assert np.array_equal((cut.numpy().transpose(1, 2, 0) * 255).round(), wide[:, left : left + 16])
