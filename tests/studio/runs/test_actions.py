"""Every action of the studio: what it makes, and that `pellucid rerun` makes the same of what it leaves."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import images
from studio_helpers import as_mask, as_png, box, from_png

from pellucid import BrushRecipe, box_mask, brush, load, sketch, superres
from pellucid.cli.main import main
from pellucid.synthesis.sketch import SketchRecipe
from pellucid.synthesis.superres import SuperresRecipe

SIDE = 16
QUICK = {"steps": 3, "step_size": 0.5}
NAMES = [
    "generate", "sketch", "brush", "paint", "translate", "inpaint", "superres", "manipulate", "interpolate", "stylize",
]  # fmt: skip


def picture(seed=0, size=SIDE):
    return as_png(images(1, size=size, seed=seed)[0])


def stroke(unit, strength, *corners):
    return {"mask": box(SIDE, *corners), "unit": unit, "strength": strength}


REQUESTS = {
    "generate": {"label": "cat", "seed": 4, "settings": QUICK},
    "sketch": {"label": "dog", "picture": picture(), "settings": {**QUICK, "eps": 1.2345678}},
    "brush": {"label": "ship", "picture": picture(1), "mask": box(SIDE, 2, 3, 9, 12), "settings": QUICK},
    "paint": {
        "picture": picture(2),
        "strokes": [stroke(3, 1.25, 0, 0, 8, 8), stroke(5, 0.5, 8, 8, 16, 16)],
        "settings": {**QUICK, "straight_through": False},
    },
    "translate": {"label": "cat", "picture": picture(3), "settings": QUICK},
    "inpaint": {"picture": picture(4), "mask": box(SIDE, 4, 4, 10, 10), "settings": {**QUICK, "composite": False}},
    "superres": {"picture": picture(5), "factor": 2, "settings": {**QUICK, "start": "nearest"}},
    "manipulate": {"picture": picture(6), "unit": 7, "settings": {**QUICK, "eps": None, "until": "reaches"}},
    "interpolate": {"picture": picture(7), "second": picture(8), "settings": {"steps": 3, "intervals": 3}},
    "stylize": {
        "picture": picture(9, 24),
        "second": picture(10, 40),
        "settings": {"evaluations": 3, "smallest": 16, "style_layers": ["stem", "stage1"], "content_layers": ["stage1"],
                     "relative": False},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def results(studio):
    """For each action its messages, its image and its sidecar."""
    made = {}
    for action, fields in REQUESTS.items():
        job, told = studio.finish(action, **fields)
        image = from_png(studio.request("GET", f"/api/jobs/{job}/result.png")[2])
        made[action] = told, image, studio.get(f"/api/jobs/{job}/result.json")
    return made


@pytest.fixture(scope="module")
def repeated(results, tmp_path_factory):
    """What a fresh process makes of the sidecars alone, in an empty folder."""
    folder = tmp_path_factory.mktemp("rerun")
    for action, (_, _, facts) in results.items():
        (folder / f"{action}.json").write_text(json.dumps(facts))
    code = (
        "import sys; from pellucid.cli.main import main; import torch; torch.set_num_threads(1)\n"
        "sys.exit(max(main(['rerun', f'{name}.json', '--out', out]) for name, out in zip(*[iter(sys.argv[1:])] * 2)))"
    )
    outs = [
        word for action in results for word in (action, "out-stylize.png" if action == "stylize" else f"out-{action}")
    ]
    done = subprocess.run([sys.executable, "-c", code, *outs], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def pixels(path):
    return from_png(path.read_bytes())


@pytest.mark.parametrize("action", NAMES)
def test_rerun_makes_the_same_image_bit_for_bit(action, results, repeated):
    _, image, _ = results[action]
    if action == "stylize":
        again = pixels(repeated / "out-stylize.png")
    else:  # a walk's images are side by side
        again = np.concatenate([pixels(path) for path in sorted((repeated / f"out-{action}").glob("*.png"))], axis=1)
    assert np.array_equal(image, again)


def test_what_rerun_writes_can_be_repeated_as_well(results, repeated):
    assert sorted(path.name for path in repeated.glob("*.json")) == sorted(
        [*(f"{a}.json" for a in NAMES), "out-stylize.json"]
    )
    first, again = results["paint"][2], json.loads((repeated / "out-paint" / "descent.json").read_text())
    assert again["inputs"] == first["inputs"]
    assert [word for word in again["command"] if "{inputs}" in word] == [w for w in first["command"] if "{inputs}" in w]


LONG = {"steps": 10_000, "step_size": 0.5}
STOPPED = {
    **{action: REQUESTS[action] for action in ("generate", "sketch", "brush", "translate", "superres")},
    "paint": {**REQUESTS["paint"], "strokes": REQUESTS["paint"]["strokes"][:1]},
    "manipulate": {**REQUESTS["manipulate"], "settings": {"until": "reaches", "value": 1e9}},
}


def stopped(studio, action, fields):
    """The id of a run that was stopped on its way, and the last that it told."""
    job = studio.run(action, **fields)
    with studio.listening(job) as told:
        next(message for message in told if message.get("step", 0) > 3)
        studio.send("POST", f"/api/jobs/{job}/stop", {})
        return job, list(told)[-1]


@pytest.mark.parametrize("action", STOPPED)
def test_rerun_goes_to_where_a_run_was_stopped(action, studio, tmp_path, monkeypatch):
    fields = STOPPED[action]
    job, last = stopped(studio, action, {**fields, "settings": {**fields["settings"], **LONG}})
    assert last["result"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.json").write_text(json.dumps(studio.get(f"/api/jobs/{job}/result.json")))
    assert main(["rerun", "made.json", "--out", "again"]) == 0
    image = from_png(studio.request("GET", f"/api/jobs/{job}/result.png")[2])
    assert np.array_equal(image, pixels(tmp_path / "again" / "0000.png"))
    again = json.loads((tmp_path / "again" / "descent.json").read_text())
    assert (again["recipe"]["steps"], "stopped" in again) == (last["step"], False)


@pytest.mark.parametrize(
    ("action", "settings", "message"),
    [
        ("stylize", {"evaluations": 5000}, "this stylize was stopped at step "),
        ("inpaint", LONG, "this inpaint was stopped at step "),
        ("paint", LONG, "painting of 2 strokes"),
    ],
)
def test_what_cannot_be_repeated_up_to_there_is_refused(
    action, settings, message, studio, tmp_path, monkeypatch, capsys
):
    fields = REQUESTS[action]
    job, _ = stopped(studio, action, {**fields, "settings": {**fields["settings"], **settings}})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.json").write_text(json.dumps(studio.get(f"/api/jobs/{job}/result.json")))
    capsys.readouterr()
    assert main(["rerun", "made.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["made.json"]


def test_a_walk_that_was_stopped_says_at_which_step_and_leaves_no_result(studio):
    fields = {**REQUESTS["interpolate"], "settings": {"steps": 10_000, "tolerance": 0, "intervals": 3}}
    job, last = stopped(studio, "interpolate", fields)
    assert last["step"] > 3
    assert not last["result"]
    for kind in ("png", "json"):
        assert "no result" in studio.refused("GET", f"/api/jobs/{job}/result.{kind}", status=404)


@pytest.mark.parametrize("action", NAMES)
def test_a_run_tells_its_steps_and_shows_its_start_and_its_end(action, results):
    told, image, facts = results[action]
    frames = [message for message in told if message["type"] == "frame"]
    assert [frame["number"] for frame in frames] == list(range(len(frames)))
    assert (frames[0]["step"], frames[0]["loss"]) == (0, None)
    assert told[-1]["frames"] == len(frames)
    for frame in frames:
        assert from_png(frame["picture"]).shape == (frame["height"], frame["width"], 3)
        assert sum(p for _, p in frame["top"]) == pytest.approx(1, abs=1e-3)
        assert (frame["wanted"] is None) == ("label" not in REQUESTS[action])
        if "label" in REQUESTS[action]:
            assert frame["wanted"] == dict(frame["top"])[REQUESTS[action]["label"]]
    if action == "interpolate":
        assert [frame.get("share") for frame in frames[1:]] == pytest.approx([0, 1 / 3, 2 / 3, 1])
        assert np.array_equal(image, np.concatenate([from_png(frame["picture"]) for frame in frames[1:]], axis=1))
    else:
        assert np.array_equal(image, from_png(frames[-1]["picture"]))
        assert frames[-1]["step"] == frames[-1]["steps"] if action not in ("manipulate", "stylize") else True
    assert facts["task"] == facts["command"][0] == action


def test_the_image_is_what_the_library_makes_of_the_very_picture(results, tiny_bundle):
    classifier = load(str(tiny_bundle), "cpu")
    start = torch.from_numpy(from_png(REQUESTS["sketch"]["picture"])).permute(2, 0, 1)[None].float() / 255
    made = sketch(classifier, start, ["dog"], SketchRecipe(eps=1.2345678, **QUICK)).images[0]
    assert np.array_equal(results["sketch"][1], from_png(as_png(made.numpy())))


def test_a_small_picture_is_enlarged_as_it_is(studio, tiny_bundle):
    small = picture(12, SIDE // 2)
    kept = json.loads(studio.request("POST", f"/api/photo?model={studio.model}&size=keep", base64.b64decode(small))[2])
    assert np.array_equal(from_png(kept["picture"]), from_png(small))
    job, _ = studio.finish("superres", picture=kept["picture"], factor=1, settings={**QUICK, "eps": 0.5})
    low = torch.from_numpy(from_png(small)).permute(2, 0, 1)[None].float() / 255
    made = superres(load(str(tiny_bundle), "cpu"), low, recipe=SuperresRecipe(eps=0.5, **QUICK)).images[0]
    result = from_png(studio.request("GET", f"/api/jobs/{job}/result.png")[2])
    assert np.array_equal(result, from_png(as_png(made.numpy())))


def test_a_mask_reaches_the_library_as_it_was_painted(results, tiny_bundle):
    classifier = load(str(tiny_bundle), "cpu")
    before = from_png(REQUESTS["brush"]["picture"])
    start = torch.from_numpy(before).permute(2, 0, 1)[None].float() / 255
    recipe = BrushRecipe(eps=3.0, **QUICK)  # in proportion to 16 px
    made = brush(classifier, start, box_mask((SIDE, SIDE), (2, 3, 7, 9)), ["ship"], recipe).images[0]
    image = results["brush"][1]
    assert np.array_equal(image, from_png(as_png(made.numpy())))
    changed = (image != before).any(2)
    assert changed[3:12, 2:9].mean() > 0.5
    changed[3:12, 2:9] = False
    assert not changed.any()


def test_defaults_are_in_proportion_to_the_size(studio):
    actions = studio.get("/api/actions", model=studio.model)["actions"]
    assert [action["name"] for action in actions] == NAMES
    fields = {field["name"]: field for field in actions[1]["form"]}
    assert (fields["eps"]["default"], fields["step_size"]["default"], fields["steps"]["default"]) == (3.0, 0.125, 40)


WIDE = as_png(np.zeros((16, 32, 3), np.uint8))
LEFT = as_mask(np.arange(32) < np.full((16, 1), 6))


@pytest.mark.parametrize(
    ("action", "changes", "message"),
    [
        ("dance", {}, "unknown action 'dance'"),
        ("sketch", {"label": None}, "Sketch to image needs a label"),
        ("sketch", {"label": "catt"}, "did you mean 'cat'"),
        ("sketch", {"picture": None}, "there is no picture"),
        ("brush", {"mask": None}, "nothing is painted yet"),
        ("brush", {"mask": box(15, 1, 1, 3, 3)}, "the mask is 15 x 15 and the picture 16 x 16 pixels"),
        ("brush", {"mask": box(16, 0, 0, 16, 16)}, "all of the picture is painted over; paint a part of it"),
        ("brush", {"mask": box(16, 0, 0, 0, 0)}, "nothing of the picture is painted over"),
        ("brush", {"picture": WIDE, "mask": LEFT}, "nothing of the square in the middle, which is what is used, is"),
        ("superres", {"factor": 1}, "the picture has 16 x 16 pixels; Super-resolve takes a smaller one"),
        ("paint", {"strokes": []}, "at least one stroke"),
        ("paint", {"strokes": [stroke(10**6, 1.0, 0, 0, 3, 3)]}, "the representation has units 0 to"),
        ("manipulate", {"unit": None}, "say which unit"),
        ("interpolate", {"second": None}, "there is no second picture"),
        ("sketch", {"settings": {"stepz": 3}}, "did you mean 'steps'"),
        ("sketch", {"settings": {"steps": 2.5}}, "steps must be a whole number, not 2.5"),
        ("sketch", {"settings": {"steps": 10**9}}, "steps must be between 1 and 10000"),
        ("sketch", {"settings": {"eps": "6; rm"}}, "eps must be a number"),
        ("stylize", {"settings": {"style_layers": ["--out=/etc"]}}, "style_layers must be"),
        ("stylize", {"settings": {"averaging": 0.5}}, "averaging goes with optimizer adam"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_in_one_line(studio, action, changes, message):
    fields = {name: value for name, value in {**REQUESTS.get(action, {}), **changes}.items() if value is not None}
    assert message in studio.refused(
        "POST", "/api/jobs", {"tab": "t" * 16, "action": action, "model": studio.model, **fields}
    )


def test_what_the_library_refuses_while_it_runs_is_the_end_of_the_stream(studio):
    settings = {**REQUESTS["stylize"]["settings"], "style_layers": ["nothing"]}
    job = studio.run("stylize", **{**REQUESTS["stylize"], "settings": settings})
    last = studio.listen(job)[-1]
    assert last["type"] == "failed"
    assert "'nothing'" in last["error"]
    studio.refused("GET", f"/api/jobs/{job}/result.png", status=404)
