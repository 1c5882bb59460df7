"""Images as people have them: every kind is the same image to every task."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import images
from PIL import Image

import pellucid as pl
from pellucid import InputError
from pellucid.base.checks import check_images
from pellucid.base.image import to_pil

PIXELS = (images(1, 8) * 255).round() / 255
BYTES = (PIXELS[0] * 255).byte().permute(1, 2, 0).numpy()
MASK = torch.zeros(1, 1, 8, 8)
MASK[..., 2:6, 2:6] = 1


def forms(folder):
    path = folder / "photo.png"
    Image.fromarray(BYTES).save(path)
    return {
        "path": path,
        "text": str(path),
        "PIL": Image.fromarray(BYTES),
        "8 bits": BYTES,
        "read-only": np.asarray(Image.fromarray(BYTES)),
        "floats": BYTES / 255,
        "channels first": PIXELS[0].numpy(),
        "several": np.stack([BYTES]),
        "transparent": np.concatenate([BYTES, np.full((8, 8, 1), 255, np.uint8)], 2),
        "tensor": PIXELS[0],
        "tensors": PIXELS,
        "tensor of 8 bits": torch.from_numpy(BYTES).permute(2, 0, 1),
        "list": [BYTES],
        "result": SimpleNamespace(images=PIXELS),
    }


def test_every_kind_is_the_same_image(tmp_path):
    for kind, given in forms(tmp_path).items():
        for one in (given, [given], (given,)):
            assert torch.allclose(check_images(one), PIXELS, atol=1e-6), kind
    mixed = check_images([*forms(tmp_path).values()])
    assert torch.allclose(mixed, PIXELS.expand(len(mixed), -1, -1, -1), atol=1e-6)


def test_masks_of_zeros_and_ones_and_gray_arrays():
    assert torch.equal(check_images(MASK.byte()), MASK)
    assert torch.equal(check_images(MASK[0, 0].numpy().astype(bool))[:, :1], MASK)
    assert check_images(np.full((4, 5), 51, np.uint8)).shape == (1, 3, 4, 5)
    assert float(check_images(np.full((4, 5), 51, np.uint8)).mean()) == pytest.approx(0.2)


def test_a_photo_lies_as_its_camera_held_it():
    photo = Image.fromarray(BYTES)
    photo.getexif()[0x0112] = 3  # upside down
    assert torch.allclose(check_images(photo), PIXELS.flip(2, 3), atol=1e-6)


def test_photos_of_several_sizes_get_one_size_and_need_it():
    photos = [np.zeros((8, 12, 3), np.uint8), Image.new("RGB", (30, 20))]
    assert check_images(photos, size=8).shape == (2, 3, 8, 8)
    with pytest.raises(InputError, match=r"different sizes, 12 x 8, 30 x 20, ...; bring them to one"):
        check_images(photos)


@pytest.mark.parametrize("given", [None, 3, {"a": 1}, [], [None], "no.png", torch.zeros(2, 2)], ids=str)
def test_what_is_no_image_is_refused_in_one_line(given):
    with pytest.raises(InputError) as refused:
        check_images(given)
    assert "\n" not in str(refused.value)


TASKS = {
    "brush": lambda c, x: pl.brush(c, x, MASK, "cat", pl.BrushRecipe(steps=1)),
    "generate": lambda c, x: pl.generate(c, "cat", pl.GenerateRecipe(steps=1), start=x),
    "inpaint": lambda c, x: pl.inpaint(c, x, MASK, "cat", pl.InpaintRecipe(steps=1, surroundings=0)),
    "paint": lambda c, x: pl.paint(c, x, [pl.Stroke(MASK, 1)], pl.PaintRecipe(steps=1))[0],
    "sketch": lambda c, x: pl.sketch(c, x, "cat", pl.SketchRecipe(steps=1)),
    "translate": lambda c, x: pl.translate(c, x, "cat", pl.TranslateRecipe(steps=1)),
    "invert": lambda c, x: pl.invert(c, x, pl.InvertRecipe(steps=1)),
    "interpolate": lambda c, x: pl.interpolate(c, x, x, pl.InterpolateRecipe(steps=1, intervals=1)),
    "manipulate": lambda c, x: pl.manipulate(c, x, 1, pl.ManipulateRecipe(steps=1)),
    "visualize": lambda c, x: pl.visualize(c, 1, pl.VisualizeRecipe(steps=1), start=x),
    "distance": lambda c, x: pl.distance(c, x, x, pl.DistanceRecipe((1.0,), steps=1)),
    "descend": lambda c, x: pl.descend(c, pl.CrossEntropy("cat"), x, ball=pl.L2(1.0), steps=1),
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_takes_them(task, classifier, tmp_path):
    expected = TASKS[task](classifier, PIXELS).images
    for kind, given in forms(tmp_path).items():
        assert torch.allclose(TASKS[task](classifier, given).images, expected, atol=1e-4), kind


def test_super_resolution_and_style_transfer_take_them(classifier, tmp_path):
    small = to_pil(PIXELS[0, :, :4, :4])
    made = pl.superres(classifier, small, "cat", pl.SuperresRecipe(steps=1), reference=BYTES)
    assert made.images.shape == (1, 3, 8, 8)
    assert set(made.info) >= {"nearest", "bicubic", "result"}
    for mask in (None, np.eye(8)):
        pl.paint(classifier, BYTES, [pl.Stroke(np.eye(8), 1)], pl.PaintRecipe(steps=1))
        recipe = pl.StylizeRecipe(style_layers=("0",), content_layers=("1",), evaluations=1, smallest=8)
        masks = None if mask is None else [mask]
        assert pl.stylize(classifier, BYTES, small, recipe, masks=masks).images.shape == (1, 3, 8, 8)
