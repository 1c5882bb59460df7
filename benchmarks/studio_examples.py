"""The examples on the studio's page: runs that are kept with their inputs, and the first with its frames.

python benchmarks/studio_examples.py [EXAMPLE ...]     writes src/pellucid/studio/page/examples/*.json
python benchmarks/studio_examples.py --classes     writes .../page/classes/*.webp, an image of each class
python benchmarks/studio_examples.py --units [NAME ...]     writes .../page/units/*.webp, a small picture of each unit

The pictures are scikit-learn's sample photos, the project's own drawings, and generated ones.
"""

import base64
import io
import json
import sys
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from pellucid import bundled, generate
from pellucid.gallery.sketches import line_drawings
from pellucid.studio.kept.models import Models
from pellucid.studio.kept.pictures import photo, png
from pellucid.studio.runs.frames import Camera
from pellucid.studio.runs.order import Machine, order, perform
from pellucid.studio.runs.units import COLUMNS, SHEETS, TILE, pictures
from pellucid.studio.schema import JobBody
from pellucid.studio.web import server

MODEL, SIDE, FRAMES = "natural20-l2-2.0", 128, 12
LARGEST = 150_000  # bytes of a sheet of units
LOADED = Models(MODEL, device="cpu").load(MODEL)


def sample(name: str) -> str:
    """One of scikit-learn's photos, cut square, as base64 of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(load_sample_image(name)).save(buffer, "PNG")
    return base64.b64encode(png(photo(buffer.getvalue(), "fit", SIDE))).decode()


def whole(name: str, side: int) -> str:
    """One of scikit-learn's photos with this shorter side, as base64 of a PNG."""
    image, buffer = Image.fromarray(load_sample_image(name)), io.BytesIO()
    size = (round(image.width * side / min(image.size)), round(image.height * side / min(image.size)))
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def made(label: str, seed: int) -> str:
    """A generated image."""
    return base64.b64encode(png(generate(LOADED.classifier, [label], seed=seed).images[0])).decode()


def drawing(name: str) -> str:
    """One of the project's drawings."""
    names, drawn = line_drawings(SIDE)
    return base64.b64encode(png(drawn[names.index(name)])).decode()


def stroke(unit: int, left: int, top: int, right: int, bottom: int) -> dict:
    """A unit on an ellipse in this box."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    across, down = (2 * columns - left - right) / (right - left), (2 * rows - top - bottom) / (bottom - top)
    painted = (across**2 + down**2 < 1).astype(np.uint8).tobytes()
    mask = {"width": SIDE, "height": SIDE, "bytes": base64.b64encode(painted).decode()}
    return {"mask": mask, "unit": unit, "strength": 1.0}


# The preset `strokes`, with smaller flowers and less of a pattern.
STYLE = {"style_loss": "wasserstein", "optimizer": "adam", "learning_rate": 0.03, "averaging": 0.9, "jitter": 4,
         "evaluations": 60, "smoothness": 0.3, "style_scale": 0.6}  # fmt: skip
EXAMPLES = {
    "sketch": ("Sketch to dog", {"action": "sketch", "label": "golden retriever", "seed": 3,
                                 "picture": drawing("samoyed")}),
    "photo": ("Dahlia to sunflower", {"action": "translate", "label": "sunflower", "picture": sample("flower.jpg")}),
    "stylize": ("Temple of dahlias", {"action": "stylize", "picture": whole("china.jpg", 256),
                                      "second": whole("flower.jpg", 154), "settings": STYLE}),
    "compare": ("Robust against standard", {"action": "generate", "label": "beagle", "seed": 1}),
    "paint": ("Paint with features", {"action": "paint", "picture": sample("china.jpg"),
                                      "strokes": [stroke(325, 4, 88, 76, 128), stroke(192, 68, 10, 126, 66)]}),
    "zebra": ("Horse to zebra", {"action": "translate", "label": "zebra", "picture": made("horse", 1)}),
}  # fmt: skip


def webp(data: bytes) -> str:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "WEBP", quality=88, method=6)
    return base64.b64encode(buffer.getvalue()).decode()


def example(name: str) -> None:
    title, asked = EXAMPLES[name]
    asked = {"settings": {}, "seed": 0, **asked}
    body = JobBody.model_validate({"tab": "0" * 16, "model": MODEL, **asked})
    made = order(body, LOADED, Machine("cpu"))
    label = None if body.label is None else LOADED.classifier.label(body.label)
    taken, clock = [], count(1)
    camera = Camera(LOADED.classifier, label, taken.append, lambda: 100 ** next(clock))  # always time for a frame
    perform(made.action, made.call, camera, lambda: None, lambda step, steps: None, "float32")
    kept = FRAMES if name == "sketch" else 2
    chosen = [taken[round(float(at))] for at in np.linspace(0, len(taken) - 1, kept)]
    frames = [{**frame.message(), "picture": webp(frame.png)} for frame in chosen]
    told = {"title": title, "model": MODEL, **asked, "compare": name == "compare", "frames": frames}
    if made.action.needs.style:
        del told["picture"]  # the first frame is smaller, and the same
    path = Path(server.PAGE) / "examples" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told) + "\n")
    print(f"{name}: {len(taken)} frames, {path.stat().st_size >> 10} kB, {frames[-1]['top'][0]}", flush=True)


def classes(name: str, tile: int = 40) -> None:
    """A row of generated images, one of each class, for the list of classes."""
    classifier = Models(name, device="cpu").load(name).classifier
    names = classifier.class_names or []
    row = Image.new("RGB", (tile * len(names), tile))
    for at, image in enumerate(generate(classifier, names, seed=1).images):
        row.paste(Image.open(io.BytesIO(png(image))).resize((tile, tile)), (tile * at, 0))
    path = Path(server.PAGE) / "classes" / f"{classifier.card['data']}.webp"
    path.parent.mkdir(exist_ok=True)
    row.save(path, "WEBP", quality=80, method=6)
    print(path, path.stat().st_size >> 10, "kB", flush=True)


def units(name: str) -> None:
    """The sheet of a classifier's unit pictures, in rows; its name is that of the weights."""
    loaded = Models(name, device="auto").load(name)
    sheet = Image.new("RGB", (TILE * COLUMNS, TILE * -(-loaded.units // COLUMNS)), "gray")
    for unit, picture in enumerate(pictures(loaded.classifier, list(range(loaded.units)))):
        place = (TILE * (unit % COLUMNS), TILE * (unit // COLUMNS))
        sheet.paste(Image.open(io.BytesIO(png(picture))).resize((TILE, TILE), Image.Resampling.LANCZOS), place)
    path = SHEETS / f"{loaded.sha256[:16]}.webp"
    path.parent.mkdir(exist_ok=True)
    quality = 80
    sheet.save(path, "WEBP", quality=quality, method=6)
    while path.stat().st_size > LARGEST:
        quality -= 10
        sheet.save(path, "WEBP", quality=quality, method=6)
    print(name, path, path.stat().st_size >> 10, "kB, quality", quality, flush=True)


if __name__ == "__main__":
    if "--classes" in sys.argv:
        for name in ("cifar10-l2-0.5", "animals59-l2-1.0", "natural20-l2-2.0"):
            classes(name)
    elif "--units" in sys.argv:
        names = sys.argv[2:]
        for path in [] if names else SHEETS.glob("*.webp"):
            path.unlink()  # also those of networks that were replaced
        for name in names or bundled():
            units(name)
    else:
        for name in sys.argv[1:] or EXAMPLES:
            example(name)
