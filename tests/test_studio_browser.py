"""The studio's page as a person uses it: a real browser, the real server, the bundled classifier."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import pellucid

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
if not CHROMIUM:
    pytest.skip("needs chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for package in ("fastapi", "uvicorn"):
    pytest.importorskip(package, reason="needs pellucid[studio]")
if "cifar10-l2-0.5" not in pellucid.bundled():
    pytest.skip("needs the bundled classifier", allow_module_level=True)

expect = playwright.expect
FLAGS = ["no-sandbox", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
         "disable-sync"]  # fmt: skip
SET_SIZE = "v => { const e = document.querySelector('#size'); e.value = v; e.dispatchEvent(new Event('input')); }"
# Presses Stop and tells after how many seconds the page says so.
STOP = """() => new Promise(done => {
    const status = document.querySelector('#status'), began = performance.now();
    const look = () => status.textContent.startsWith('Stopped') && done((performance.now() - began) / 1000);
    new MutationObserver(look).observe(status, {childList: true, characterData: true, subtree: true});
    setTimeout(() => done(Infinity), 5000);
    document.querySelector('#stop').click();
})"""
PHOTO = np.linspace(0, 255, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint8)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a studio in a process of its own, on a free port."""
    folder = tmp_path_factory.mktemp("studio")
    own = {"PELLUCID_STATE": str(folder / "state"), "PELLUCID_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pellucid", "studio", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Opens a tab; afterwards no request may have left the server, and no tab may have complained."""
    contexts, hosts, complaints = [], set(), []

    def opener(context=None, **options):
        if context is None:
            context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
            contexts.append(context)
            context.on("request", lambda request: hosts.add(urlsplit(request.url)[:2]))
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        ready(page)
        return page

    opener.complaints = complaints
    yield opener
    for context in contexts:
        context.close()
    assert {host for host in hosts if host[0] not in ("data", "blob")} == {urlsplit(address)[:2]}
    assert complaints == []


def ready(page):
    page.wait_for_selector("body[data-ready]", timeout=120_000)


def act(page, action, steps=None):
    """Choose an action and how many steps it takes."""
    page.check(f"#actions input[value={action}]", force=True)
    if steps is not None:
        field = page.locator("#field-steps, #field-evaluations")
        field.evaluate("e => { const d = e.closest('details'); if (d) d.open = true; }")
        field.fill(str(steps))
        field.blur()


def ended(page, how="Done", timeout=20_000):
    expect(page.locator("#status")).to_have_text(re.compile(f"^{how}"), timeout=timeout)


def run(page):
    page.click("#run")
    ended(page)


def frames(page):
    return int(page.get_attribute("#timeline", "max")) + 1


def eventually(page, holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(30)


def several_frames(page, count=3):
    """Wait until so many frames have come."""
    eventually(page, lambda: frames(page) >= count)


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


STROKES = [
    (1, [(5.2, 7.9)]), (1, [(3.5, 3.5), (20.5, 9.5)]), (2, [(10.2, 10.4)]), (4, [(4, 25), (28, 20), (16, 4)]),
    (7, [(0.5, 16.5), (9.5, 16.5)]), (32, [(31.5, 31.5)]),
]  # fmt: skip


def test_the_mask_covers_exactly_the_painted_pixels(open_page):
    page = open_page()
    act(page, "inpaint", 1)
    for size, points in STROKES:
        page.evaluate(SET_SIZE, size)
        page.keyboard.press("x")
        stroke(page, *points)
        with page.expect_request("**/api/jobs") as request:
            page.click("#run")
        sent = posted_mask(request.value.post_data_json)
        assert np.array_equal(sent, covered(size, points)), f"size {size} through {points}"
        if (size, len(points)) == (1, 1):
            assert np.argwhere(sent).tolist() == [[7, 5]]
        ended(page)


def test_the_library_gets_the_mask_that_was_painted(open_page, address):
    page = open_page()
    act(page, "inpaint", 2)
    page.mouse.move(*on_screen(page, 16, 16))
    page.mouse.wheel(0, -300)  # whatever the zoom
    stroke(page, (10.5, 12.5), (20.5, 18.5))
    page.keyboard.press("n")
    stroke(page, (15.5, 15.5))
    run(page)
    name = page.get_attribute("#result-json", "href")
    sidecar = page.request.get(address + name).json()
    (png,) = [base64.b64decode(file["content"]) for file in sidecar["inputs"] if file["path"] == "mask.png"]
    read = np.asarray(Image.open(io.BytesIO(png)).convert("L")) > 127
    assert np.array_equal(read, covered(3, [(10.5, 12.5), (20.5, 18.5)]) & ~covered(3, [(15.5, 15.5)]))


def test_colors_are_painted_picked_filled_and_undone(open_page):
    page = open_page()
    page.click("#start-button")
    page.click("#start-blank")
    expect(page.locator("#start-menu")).to_be_hidden()
    assert (pixels(page) == 255).all()
    page.fill("#color", "#c83214")
    stroke(page, (4.5, 4.5), (27.5, 4.5))
    line = covered(3, [(4.5, 4.5), (27.5, 4.5)])
    assert (pixels(page)[line] == (0xC8, 0x32, 0x14)).all()
    assert (pixels(page)[~line] == 255).all()
    page.fill("#color", "#0000ff")
    page.keyboard.press("f")
    stroke(page, (16, 20))
    assert (pixels(page)[~line] == (0, 0, 255)).all()
    page.keyboard.press("i")
    stroke(page, (10.5, 4.5))
    assert page.input_value("#color") == "#c83214"
    page.keyboard.press("e")
    stroke(page, (4.5, 4.5))
    assert (pixels(page)[4, 4] == 255).all()
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert (pixels(page) == 255).all()
    page.keyboard.press("Control+Shift+z")
    assert (pixels(page)[line] == (0xC8, 0x32, 0x14)).all()


def test_fingers_paint_with_one_and_zoom_with_two(open_page):
    page = open_page(has_touch=True)
    before = pixels(page)
    page.touchscreen.tap(*on_screen(page, 10.5, 10.5))
    painted = pixels(page)
    assert np.array_equal((painted != before).any(-1), covered(3, [(10.5, 10.5)]))
    (x, y), width = on_screen(page, 16, 16), page.locator("#sheet").bounding_box()["width"]
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", None)):
        fingers = [] if apart is None else [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    assert page.locator("#sheet").bounding_box()["width"] == pytest.approx(2 * width, rel=0.02)
    assert np.array_equal(pixels(page), painted)


def test_a_run_is_watched_stopped_and_continued(open_page):
    page = open_page()
    act(page, "sketch", 5000)
    quickest = 1.0
    for _ in range(3):  # the machine may be busy with something else
        before = pixels(page)
        page.click("#run")
        several_frames(page, 4)
        eventually(page, lambda before=before: not np.array_equal(pixels(page), before))
        quickest = min(quickest, page.evaluate(STOP))
        if quickest < 0.3:
            break
    assert quickest < 0.3
    expect(page.locator("#status")).to_have_text(re.compile(r"Stopped at step \d+ of 5000"))
    result = pixels(page)
    with page.expect_request("**/api/jobs") as request:
        page.click("#continue")
    sent = Image.open(io.BytesIO(base64.b64decode(request.value.post_data_json["picture"])))
    assert np.array_equal(np.asarray(sent.convert("RGB")), result)
    page.keyboard.press("Escape")
    ended(page, "Stopped")


def test_run_again_begins_where_the_last_run_did_until_the_picture_is_changed(open_page):
    page = open_page()
    act(page, "sketch", 3)
    posted = []
    page.on("request", lambda r: posted.append(r.post_data_json["picture"]) if r.url.endswith("/api/jobs") else None)
    run(page)
    expect(page.locator("#run")).to_have_text("Run again")
    run(page)
    stroke(page, (16.5, 16.5))
    expect(page.locator("#run")).to_have_text("Run")
    run(page)
    assert posted[0] == posted[1] != posted[2]


def test_an_earlier_frame_becomes_the_picture_and_undo_brings_the_other_back(open_page):
    page = open_page()
    start = pixels(page)
    act(page, "sketch", 30)
    run(page)
    page.wait_for_timeout(100)
    result = pixels(page)
    assert not np.array_equal(result, start)
    page.focus("#timeline")
    page.keyboard.press("Home")
    expect(page.locator("#timeline-out")).to_contain_text("frame 1 of")
    page.wait_for_timeout(200)
    assert np.array_equal(pixels(page), start)
    page.focus("#overlay")
    page.keyboard.press("Control+z")
    assert np.array_equal(pixels(page), result)


def test_generate_goes_on_from_its_result(open_page):
    page = open_page()
    act(page, "generate", 3)
    run(page)
    result = pixels(page)
    with page.expect_request("**/api/jobs") as request:
        page.click("#continue")
    body = request.value.post_data_json
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body["picture"])))), result)
    assert body["settings"]["steps"] == 3
    ended(page)


def test_a_reload_finds_the_running_job_again(open_page):
    page = open_page()
    act(page, "sketch", 4000)
    page.click("#run")
    several_frames(page)
    page.wait_for_timeout(300)
    page.reload()
    ready(page)
    expect(page.locator("#status")).to_have_text("Running")
    expect(page.locator("#actions input[value=sketch]")).to_be_checked()
    several_frames(page, 4)
    expect(page.locator("#run")).to_be_disabled()
    page.click("#stop")
    ended(page, "Stopped")


def test_a_broken_file_is_one_line(open_page, tmp_path):
    page = open_page()
    before = pixels(page)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(broken)
    error = page.locator("#start-error")
    expect(error).to_be_visible()
    assert error.inner_text().strip().count("\n") == 0
    assert np.array_equal(pixels(page), before)
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#start-menu")).to_be_hidden()
    assert pixels(page).shape == (32, 32, 3)
    assert not np.array_equal(pixels(page), before)


def test_a_session_is_saved_loaded_and_gone_on_with(open_page, tmp_path):
    page = open_page()
    act(page, "brush", 3)
    page.fill("#label", "ship")
    page.press("#label", "Enter")
    stroke(page, (8.5, 8.5), (20.5, 8.5))
    run(page)
    page.click("#session-button")
    page.fill("#session-title", "A ship, at sea")
    with page.expect_download() as download:
        page.click("#session-save")
    assert download.value.suggested_filename == "a-ship-at-sea.pellucid.json"
    file = tmp_path / "session.pellucid.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["settings"] == {"brush": {"steps": 3}}

    other = open_page()
    other.click("#session-button")
    with other.expect_file_chooser() as chooser:
        other.click("#session-load")
    chooser.value.set_files(file)
    expect(other.locator("#session-menu")).to_be_hidden()
    expect(other.locator("#actions input[value=brush]")).to_be_checked()
    assert other.input_value("#label") == "ship"
    assert other.input_value("#field-steps") == "3"
    assert np.array_equal(pixels(other), pixels(page))
    expect(other.locator("#history li")).to_have_count(1)
    with other.expect_request("**/api/jobs") as request:
        other.click("#run")
    assert np.array_equal(posted_mask(request.value.post_data_json), covered(3, [(8.5, 8.5), (20.5, 8.5)]))
    ended(other)


def test_a_reload_brings_the_session_back(open_page):
    page = open_page()
    stroke(page, (4.5, 4.5), (27.5, 27.5))
    with page.expect_response(lambda r: "/api/sessions/" in r.url and r.request.method == "PUT"):
        act(page, "inpaint", 7)
    page.wait_for_timeout(200)
    drawn = pixels(page)
    page.reload()
    ready(page)
    assert np.array_equal(pixels(page), drawn)
    assert page.input_value("#field-steps") == "7"


def saved(page, act):
    """The address and the content of the session that is saved after `act`."""
    with page.expect_response(lambda r: "/api/sessions/" in r.url and r.request.method == "PUT") as response:
        act()
    return response.value.url, response.value.request.post_data_json


def test_a_session_whose_classifier_is_gone_leaves_its_picture_and_a_page_that_works(open_page):
    page = open_page()
    url, session = saved(page, lambda: stroke(page, (4.5, 4.5), (27.5, 27.5)))
    drawn = pixels(page)
    page.wait_for_timeout(500)
    page.request.put(url, data={**session, "model": "runs/gone.safetensors"}, headers={"X-Pellucid": "1"})
    page.reload()
    ready(page)
    expect(page.locator("#picture-error")).to_contain_text("runs/gone.safetensors")
    expect(page.locator("#hint")).to_have_text("")
    assert np.array_equal(pixels(page), drawn)
    other, session = saved(page, lambda: stroke(page, (27.5, 4.5)))
    assert other != url
    assert session["model"] == "cifar10-l2-0.5"
    assert page.request.get(url).json()["model"] == "runs/gone.safetensors"
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]


def test_a_failed_saving_is_seen_until_one_succeeds(open_page):
    page = open_page()
    page.route("**/api/sessions/*", lambda route: route.fulfill(status=400, json={"error": "there is no room"}))
    stroke(page, (4.5, 4.5))
    expect(page.locator("#save-error")).to_have_text("Not saved: there is no room")
    page.unroute("**/api/sessions/*")
    stroke(page, (8.5, 4.5))
    expect(page.locator("#save-error")).to_be_hidden()
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]


@pytest.mark.parametrize("leave", ["reload", "close"])
def test_the_last_stroke_before_the_page_is_left_is_kept(open_page, leave):
    page = open_page()
    url, first = saved(page, lambda: stroke(page, (4.5, 4.5)))
    page.wait_for_timeout(500)
    stroke(page, (27.5, 27.5))
    if leave == "reload":
        page.reload()
        ready(page)
        assert (pixels(page)[27, 27] == (0x3A, 0x6E, 0xA5)).all()
    else:
        other = page.context.new_page()
        page.close()
        eventually(other, lambda: other.request.get(url).json()["picture"] != first["picture"])


def test_a_duplicated_tab_goes_on_by_itself(open_page):
    page = open_page()
    url, session = saved(page, lambda: stroke(page, (4.5, 4.5)))
    page.wait_for_timeout(500)
    with page.expect_popup() as popup:
        page.evaluate("() => void window.open(location.href)")
    copy = popup.value
    ready(copy)
    assert np.array_equal(pixels(copy), pixels(page))
    assert copy.evaluate("sessionStorage.getItem('tab')") != page.evaluate("sessionStorage.getItem('tab')")
    other, _ = saved(copy, lambda: stroke(copy, (20.5, 20.5)))
    assert other != url
    assert page.request.get(url).json()["picture"] == session["picture"]


def choose_model(page, name):
    page.click("#model-button")
    page.locator("#models button", has_text=name).click()
    expect(page.locator("#model-name")).to_have_text(name, timeout=20_000)
    expect(page.locator("#model-menu")).to_be_hidden()


def test_what_was_said_of_an_earlier_picture_or_classifier_goes(open_page):
    page = open_page()
    act(page, "sketch", 2)
    bars = page.locator("#bars .bar")
    for change in (lambda: stroke(page, (4.5, 4.5)), lambda: choose_model(page, "cifar10-standard")):
        run(page)
        expect(bars).to_have_count(8)
        expect(page.locator("#downloads")).to_contain_text("Download Sketch")
        change()
        expect(bars).to_have_count(0)
        expect(page.locator("#status")).to_have_text("")
    act(page, "sketch", 30)
    run(page)
    page.wait_for_timeout(200)
    after = sorted(bars.all_inner_texts())
    page.locator("#before").dispatch_event("pointerdown")
    eventually(page, lambda: sorted(bars.all_inner_texts()) != after)
    page.locator("#before").dispatch_event("pointerup")
    eventually(page, lambda: sorted(bars.all_inner_texts()) == after)


def test_strokes_of_another_classifier_go_and_the_page_says_so(open_page):
    page = open_page()
    act(page, "paint")
    page.click("#unit-choose")
    page.locator("#units-list button").first.click()
    page.keyboard.press("Escape")
    stroke(page, (8.5, 8.5))
    page.click("#stroke-add")
    expect(page.locator("#strokes li")).to_have_count(1)
    choose_model(page, "cifar10-standard")
    expect(page.locator("#strokes li")).to_have_count(0)
    expect(page.locator("#hint")).to_contain_text("strokes are gone")


def test_two_tabs_share_one_worker_and_do_not_disturb_each_other(open_page):
    first = open_page()
    second = open_page(first.context)
    act(first, "sketch", 4000)
    act(second, "sketch", 3)
    first.click("#run")
    several_frames(first)
    second.click("#run")
    expect(second.locator("#status")).to_have_text(re.compile("Next in line|Waiting: 1 run before yours"))
    seen = frames(first)
    several_frames(first, seen + 2)
    expect(first.locator("#status")).to_have_text("Running")
    first.click("#stop")
    ended(first, "Stopped")
    ended(second)


def test_a_setting_out_of_bounds_is_told_and_not_sent(open_page):
    page = open_page()
    page.fill("#field-steps", "0")
    page.press("#field-steps", "Tab")
    expect(page.locator("#field-steps-error")).to_have_text("Steps is at least 1.")
    page.click("#run")
    expect(page.locator("#run-error")).to_be_visible()
    expect(page.locator("#status")).to_have_text("")
    page.get_by_label("Steps: back to the default").click()
    expect(page.locator("#field-steps")).to_have_value("40")
    page.fill("#field-steps", "2")
    run(page)
    expect(page.locator("#run-error")).to_be_hidden()


def test_a_second_classifier_does_the_same_beside_the_first(open_page):
    page = open_page()
    act(page, "sketch", 2)
    page.click("#compare-button")
    expect(page.locator("#beside-model")).to_have_value("cifar10-standard")
    expect(page.locator("#beside-status")).to_contain_text("Run shows here", timeout=10_000)
    bodies = []
    page.on("request", lambda r: bodies.append(r.post_data_json) if r.url.endswith("/api/jobs") else None)
    run(page)
    expect(page.locator("#beside-status")).to_contain_text("done", timeout=10_000)
    first, second = bodies
    assert {**first, "model": "cifar10-standard"} == second
    expect(page.locator("#beside-bars .bar")).to_have_count(3)


def test_everything_is_done_by_keyboard_alone(open_page):
    page = open_page()
    before = pixels(page)

    def tab_to(id):
        for _ in range(60):
            if page.evaluate("document.activeElement?.id") == id:
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not reach {id}")

    tab_to("overlay")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    drawn = (pixels(page) != before).any(-1)
    assert np.array_equal(drawn, covered(3, [(16.5, 16.5), (17.5, 16.5)]))
    tab_to("label")
    page.keyboard.type("trUCK")
    page.keyboard.press("Enter")
    assert page.input_value("#label") == "truck"
    tab_to("field-steps")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Control+Enter")
    ended(page)
    assert page.locator("#bars .bar.wanted .class").inner_text() == "truck"


def sent_by(page, button):
    """What a button asks the studio to run, with its pictures' sizes as `(width, height)`."""
    with page.expect_request("**/api/jobs") as request:
        page.click(button)
    body = request.value.post_data_json
    opened = {
        name: Image.open(io.BytesIO(base64.b64decode(body[name]))) for name in ("picture", "second") if name in body
    }
    return body, {name: image.size for name, image in opened.items()}


def test_a_photo_is_reduced_for_the_action_that_runs(open_page, tmp_path):
    page = open_page()
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#start-menu")).to_be_hidden()
    act(page, "interpolate", 1)
    with page.expect_file_chooser() as chooser:
        page.click("#second-upload")
    chooser.value.set_files(photo)
    expect(page.locator("#second-picture")).to_be_visible()
    act(page, "stylize", 1)
    assert sent_by(page, "#run")[1] == {"picture": (64, 48), "second": (64, 48)}
    ended(page)
    page.focus("#overlay")
    for _ in range(2):
        page.keyboard.press("Control+z")
    act(page, "sketch", 1)
    assert sent_by(page, "#run")[1] == {"picture": (32, 32)}
    ended(page)


def test_looking_at_another_action_leaves_the_picture_as_it_is(open_page, tmp_path):
    page = open_page()
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    act(page, "stylize")
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#caption")).to_have_text(re.compile("^64 . 48 pixels"))
    act(page, "inpaint", 1)
    stroke(page, (28.5, 20.5), (36.5, 20.5))
    page.wait_for_timeout(200)
    assert pixels(page).shape == (48, 64, 3)
    body, sizes = sent_by(page, "#run")
    assert sizes == {"picture": (32, 32)}
    rows, columns = np.nonzero(posted_mask(body))  # the stroke is where it was, on the square in the middle
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 14, 13, 19)
    ended(page)


def test_a_class_that_is_optional_is_none_until_one_is_chosen(open_page):
    page = open_page()
    act(page, "inpaint", 1)
    expect(page.locator("#label")).to_have_value("")
    stroke(page, (16.5, 16.5))
    assert "label" not in sent_by(page, "#run")[0]
    ended(page)
    page.fill("#label", "ship")
    page.press("#label", "Enter")
    assert sent_by(page, "#run")[0]["label"] == "ship"
    ended(page)
    with page.expect_response(lambda r: "/api/sessions/" in r.url and r.request.method == "PUT"):
        page.fill("#label", "")
        page.press("#label", "Tab")
    page.reload()
    ready(page)
    expect(page.locator("#label")).to_have_value("")
    act(page, "sketch")
    expect(page.locator("#label")).to_have_value("airplane")


def test_the_space_bar_held_draws_a_line(open_page):
    page = open_page()
    before = pixels(page)
    page.focus("#overlay")
    page.keyboard.down("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.down("Space")  # as a held key repeats
    page.keyboard.press("ArrowRight")
    page.keyboard.up("Space")
    page.keyboard.press("ArrowDown")
    line = covered(3, [(16.5, 16.5), (25.5, 16.5)])
    assert np.array_equal((pixels(page) != before).any(-1), line)
    page.keyboard.press("Control+z")
    assert np.array_equal(pixels(page), before)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (400, 800)])
def test_nothing_is_wider_than_the_window(open_page, width, height):
    colors = set()
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        colors.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colors) == 2


# Last, because from here on the studio makes thumbnails of units whenever it has nothing else to do.
def test_every_action_runs(open_page):
    page = open_page()
    titles = page.locator("#actions label").all_inner_texts()
    names = page.locator("#actions input").evaluate_all("all => all.map(e => e.value)")
    assert names == ["generate", "sketch", "brush", "paint", "translate", "inpaint", "superres", "manipulate",
                     "interpolate", "stylize"]  # fmt: skip
    assert all(titles)
    for name in names:
        act(page, name, 3)
        if name in ("brush", "inpaint"):
            page.keyboard.press("x")
            stroke(page, (8.5, 8.5), (20.5, 20.5))
        if name == "paint":
            page.click("#run")
            expect(page.locator("#run-error")).to_contain_text("Add a stroke first")
            page.click("#unit-choose")
            page.fill("#units-search", "ship")
            page.locator("#units-list button").first.click()
            page.keyboard.press("Escape")
            page.click("#mask-clear")
            for row in (8.5, 20.5):
                stroke(page, (8.5, row), (20.5, row))
                page.click("#stroke-add")
            page.locator("#strokes input").first.uncheck()
        if name == "interpolate":
            page.click("#run")
            expect(page.locator("#run-error")).to_contain_text("second picture")
            page.click("#second-current")
            expect(page.locator("#second-picture")).to_be_visible()
        with page.expect_request("**/api/jobs") as request:
            page.click("#run")
        ended(page)
        expect(page.locator("#run-error")).to_be_hidden()
        if name == "paint":
            assert len(request.value.post_data_json["strokes"]) == 1
    expect(page.locator("#history li")).to_have_count(10)
    expect(page.locator("#bars .bar")).to_have_count(8)


def test_strokes_are_painted_in_the_order_of_the_list(open_page):
    page = open_page()
    act(page, "paint", 2)
    page.click("#unit-choose")
    page.locator("#units-list button").nth(3).click()
    page.fill("#unit-name", "masts")
    page.press("#unit-name", "Enter")
    page.click("#units form button")
    expect(page.locator("#unit-about")).to_contain_text("masts (unit 3)")
    for row, strength in ((8.5, 1), (20.5, 2), (28.5, 0.5)):
        stroke(page, (8.5, row))
        page.fill("#strength", str(strength))
        page.click("#stroke-add")
    page.get_by_label("Earlier: masts (unit 3), strength 0.5").click()
    page.get_by_label("Delete: masts (unit 3), strength 1").click()
    with page.expect_request("**/api/jobs") as request:
        page.click("#run")
    strokes = request.value.post_data_json["strokes"]
    assert [(s["unit"], s["strength"]) for s in strokes] == [(3, 0.5), (3, 2)]
    assert np.array_equal(posted_mask(strokes[0]), covered(3, [(8.5, 28.5)]))
    ended(page)


def test_a_stroke_that_is_pointed_at_is_seen_after_a_run(open_page):
    page = open_page()
    act(page, "paint", 1)
    page.click("#unit-choose")
    page.locator("#units-list button").first.click()
    page.keyboard.press("Escape")
    stroke(page, (8.5, 8.5), (20.5, 8.5))
    page.click("#stroke-add")
    run(page)
    overlay = page.locator("#overlay")
    page.hover("#run")
    expect(overlay).to_have_css("opacity", "0")
    page.hover("#strokes li")
    expect(overlay).to_have_css("opacity", "1")
    page.hover("#run")
    expect(overlay).to_have_css("opacity", "0")
