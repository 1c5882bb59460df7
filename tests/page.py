"""What a person does on the studio's page, and sees there."""

import base64
import io
import os
import re
import shutil
import time

import numpy as np
import pytest
from PIL import Image

import pellucid

# The browser's tests say why they are skipped where something is missing.
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
if not CHROMIUM:
    pytest.skip("needs chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for package in ("fastapi", "uvicorn"):
    pytest.importorskip(package, reason="needs pellucid[studio]")
if "cifar10-l2-0.5" not in pellucid.bundled():
    pytest.skip("needs the bundled classifier", allow_module_level=True)

expect = playwright.expect
PATIENCE = 180  # seconds, for everything: the machine may be busy, and only a failure waits so long
expect.set_options(timeout=1000 * PATIENCE)
PHOTO = np.linspace(0, 255, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint8)


def ready(page):
    page.wait_for_selector("body[data-ready]", timeout=1000 * PATIENCE)


def act(page, action, steps=None):
    """Choose an action and how many steps it takes."""
    page.check(f"#actions input[value={action}]", force=True)
    if steps is not None:
        field = page.locator("#field-steps, #field-evaluations")
        field.evaluate("e => { const d = e.closest('details'); if (d) d.open = true; }")
        field.fill(str(steps))
        field.blur()


def ended(page, how="Done"):
    expect(page.locator("#status")).to_have_text(re.compile(f"^{how}"))


def run(page):
    page.click("#run")
    ended(page)


def frames(page):
    return int(page.get_attribute("#timeline", "max")) + 1


def eventually(page, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(30)


def several_frames(page, count=3):
    """Wait until so many frames have come."""
    eventually(page, lambda: frames(page) >= count)


def endless(page, label=None):
    """Start a run that goes on until it is stopped, and wait for a few of its frames."""
    act(page, "sketch", 10_000)
    if label is not None:
        choose_class(page, label)
    page.click("#run")
    several_frames(page)


def begin(page, kind):
    """Begin with another picture: noise, or blank."""
    page.click("#start-button")
    page.click(f"#start-{kind}")
    expect(page.locator("#start-menu")).to_be_hidden()


def choose_class(page, name):
    page.fill("#label", name)
    page.press("#label", "Enter")


def sent_by(page, button):
    """What a button asks the studio to run, with its pictures' sizes as `(width, height)`."""
    with page.expect_request("**/api/jobs") as request:
        page.click(button)
    body = request.value.post_data_json
    opened = {
        name: Image.open(io.BytesIO(base64.b64decode(body[name]))) for name in ("picture", "second") if name in body
    }
    return body, {name: image.size for name, image in opened.items()}


def open_photo(page, file, image=PHOTO):
    """Make an image, `(H, W, 3)`, the picture; `file` is where it is written."""
    Image.fromarray(image).save(file)
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(file)
    expect(page.locator("#start-menu")).to_be_hidden()


def answered(page, url):
    """What the studio answers the page at this address."""
    return page.request.get(url, headers={"X-Pellucid": "1"}).json()


def on_screen(page, x, y):
    """Where a point of the picture is on the screen."""
    box = page.locator("#overlay").bounding_box()
    size = page.evaluate("[document.querySelector('#overlay').width, document.querySelector('#overlay').height]")
    return box["x"] + x * box["width"] / size[0], box["y"] + y * box["height"] / size[1]


def stroke(page, *points):
    """Draw through points of the picture, with one movement from each to the next."""
    page.mouse.move(*on_screen(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*on_screen(page, *point))
    page.mouse.up()


def pixels(page):
    """What the canvas shows, `(H, W, 3)`."""
    url = page.evaluate("document.querySelector('#picture').toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def at_rest(page):
    """The pixels once the fade to another frame is over."""
    seen = [pixels(page)]

    def still():
        page.wait_for_timeout(400)
        seen.append(pixels(page))
        return np.array_equal(*seen[-2:])

    eventually(page, still)
    return seen[-1]


def covered(size, points, shape=(32, 32)):
    """The rule in other words: centers within half the brush's size of a segment between two places of the brush."""
    place = (lambda v: np.floor(v) + 0.5) if size % 2 else (lambda v: np.floor(v + 0.5))
    points = [np.array([place(x), place(y)]) for x, y in points]
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    centers = np.stack([columns, rows], axis=-1)
    mask = np.zeros(shape, bool)
    for start, end in zip(points, points[1:] or points, strict=False):
        for t in np.linspace(0, 1, 4001):
            mask |= ((centers - (start + t * (end - start))) ** 2).sum(-1) <= (size / 2) ** 2 + 1e-6
    return mask


def posted_mask(body):
    mask = body["mask"]
    shape = mask["height"], mask["width"]
    return np.frombuffer(base64.b64decode(mask["bytes"]), np.uint8).reshape(shape).astype(bool)


def choose_model(page, name):
    page.click("#model-button")
    page.locator("#models button", has_text=name).click()
    expect(page.locator("#model-name")).to_have_text(name)
    expect(page.locator("#model-menu")).to_be_hidden()


def settled(page):
    """Wait until the page has dealt with every answer that it has been sent so far."""
    page.evaluate("fetch('/api/state', {headers: {'X-Pellucid': '1'}}).then(answer => answer.json())")


def saved(page, act):
    """The address and the content of the session that is saved after `act`."""
    with page.expect_response(lambda r: "/api/sessions/" in r.url and r.request.method == "PUT") as response:
        act()
    response.value.finished()
    settled(page)
    return response.value.url, response.value.request.post_data_json


# Drops a file with this name and text on the page.
DROP = """([name, text]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], name));
    document.dispatchEvent(new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true}));
}"""


def drop(page, name, text):
    """Drop a file on the page."""
    page.evaluate(DROP, [name, text])
