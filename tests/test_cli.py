"""The command line as a user meets it: what it writes, what it says, and what it refuses."""

import json
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from conftest import PETS, pictures
from helpers import images
from PIL import Image

import pellucid
from pellucid import load_bundle, read_image
from pellucid.cli.common import value_of
from pellucid.cli.main import COMMANDS, main
from pellucid.data.image import write_image
from pellucid.zoo import models
from pellucid.zoo.networks import build

QUICK = ["--steps", "4", "--step-size", "0.5"]
MAKING = ["generate", "inpaint", "translate", "superres", "sketch", "paint", "brush"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with two 16 px photos and an 8 px one in it."""
    monkeypatch.chdir(tmp_path)
    for number, photo in enumerate(images(2, size=16)):
        write_image(tmp_path / "photos" / f"{number}.png", photo)
    write_image(tmp_path / "photo.png", images(1, size=16, seed=5)[0])
    write_image(tmp_path / "small.png", images(1, size=8, seed=6)[0])
    return tmp_path


@pytest.fixture
def run(tiny_bundle, capsys):
    """Runs a command on the tiny bundle; gives the exit code, stdout and stderr."""

    def run(command, *words, model=True):
        capsys.readouterr()
        extra = ["--model", str(tiny_bundle), "--device", "cpu"] if model else []
        try:
            code = main([command, *extra, *map(str, words)])
        except SystemExit as leaving:  # tyro leaves so
            code = leaving.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(run, here):
    """Runs a command that must fail with one line and leave the folder as it was; gives the line."""

    def refused(*words, **options):
        before = files(here)
        code, out, err = run(*words, **options)
        assert (code, out) == (2, "")
        lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
        assert len(lines) == 1, err
        assert lines[0].startswith("pellucid")
        assert files(here) == before
        return lines[0]

    return refused


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sidecar(path):
    return json.loads(path.read_text())


# Every command makes what it says


GENERATE = ("generate", "--classes", "cat", "ship", "--count", "2")
COMMAND_LINES = {
    "generate": (*GENERATE, "--eps", "2"),
    "inpaint": ("inpaint", "--images", "photos", "--patch", "5", "--eps", "2"),
    "translate": ("translate", "--images", "photos", "--classes", "dog", "--eps", "2"),
    "superres": ("superres", "--images", "small.png", "--eps", "2"),
    "sketch": ("sketch", "--images", "photos/0.png", "photo.png", "--classes", "dog", "cat", "--eps", "2"),
    "paint": ("paint", "--images", "photo.png", "--strokes", "0,8,16,8:3", "0,0,8,8:4:0.5", "--eps", "2"),
    "brush": ("brush", "--images", "photos", "--box", "2", "3", "8", "9", "--classes", "dog", "--eps", "2"),
}
INPUTS = {
    "generate": [],
    "inpaint": ["photos/0.png", "photos/1.png"],
    "translate": ["photos/0.png", "photos/1.png"],
    "superres": ["small.png"],
    "sketch": ["photos/0.png", "photo.png"],
    "paint": ["photo.png"],
    "brush": ["photos/0.png", "photos/1.png"],
}
COUNTS = {"generate": 4, "inpaint": 2, "translate": 2, "superres": 1, "sketch": 2, "paint": 1, "brush": 2}
each = pytest.mark.parametrize("command", MAKING)


@each
def test_a_command_writes_a_folder_of_images_and_says_how_they_were_made(command, run, here, tiny_bundle):
    before = files(here)
    code, out, err = run(*COMMAND_LINES[command], *QUICK, "--out", "made", "--seed", "3")
    assert (code, err) == (0, "")
    assert "made/descent.json" in out
    names = [f"made/{number:04d}.png" for number in range(COUNTS[command])]
    assert set(files(here)) - set(before) == {*names, "made/descent.json"}
    assert all(read_image(here / name).shape == (3, 16, 16) for name in names)
    facts = sidecar(here / "made" / "descent.json")
    assert (facts["task"], facts["seed"], facts["classes"]) == (command, 3, PETS)
    assert facts["command"][0] == command
    assert (facts["recipe"]["eps"], facts["recipe"]["steps"], facts["recipe"]["step_size"]) == (2, 4, 0.5)
    assert facts["model_sha256"] == load_bundle(tiny_bundle).card["sha256"]
    assert len(facts["images"]) == COUNTS[command]
    assert all(image["distance"] <= 2 + 1e-4 for image in facts["images"])
    assert [entry["path"] for entry in facts["inputs"]] == INPUTS[command]


@each
def test_rerun_repeats_a_result_bit_for_bit(command, run, here):
    assert run(*COMMAND_LINES[command], *QUICK, "--out", "made.png", "--seed", "5")[0] == 0
    code, _, err = run("rerun", "made.json", model=False)
    assert (code, err) == (0, "")
    assert (here / "made-rerun.png").read_bytes() == (here / "made.png").read_bytes()
    first, again = sidecar(here / "made.json"), sidecar(here / "made-rerun.json")
    assert {key for key in first if first[key] != again[key]} <= {"command"}


@each
def test_help_lists_the_flags_of_a_command(command, run):
    code, out, _ = run(command, "--help", model=False)
    assert code == 0
    for flag in ("--model", "--out", "--seed", "--device", "--precision", "--eps", "--save-frames"):
        assert flag in out
    assert ("--preset" in out) == (command != "brush")  # for which nobody published any


# Details of single commands


def test_without_classes_every_class_is_made(run, here):
    assert run("generate", "--count", "1", *QUICK, "--eps", "2", "--out", "all")[0] == 0
    assert [image["label"] for image in sidecar(here / "all" / "descent.json")["images"]] == [0, 1, 2]


def test_seeds_come_from_a_mixture_or_from_images(run, here):
    assert run(*GENERATE, *QUICK, "--eps", "2", "--mixture", "dog", "1", "--out", "mixed")[0] == 0
    assert run(*GENERATE, *QUICK, "--eps", "2", "--start-images", "photo.png", "--out", "started")[0] == 0
    started = sidecar(here / "started" / "descent.json")
    assert [entry["path"] for entry in started["inputs"]] == ["photo.png"]
    photo = read_image(here / "photo.png")
    for number, image in enumerate(started["images"]):
        distance = (read_image(here / "started" / f"{number:04d}.png") - photo).norm()
        assert float(distance) == pytest.approx(image["distance"], abs=0.1)


@pytest.mark.parametrize("flags", [["--preset", "paper-cifar10"], ["--preset=paper-cifar10"]])
def test_a_preset_sets_the_recipe_and_flags_change_it(run, here, flags):
    assert run(*GENERATE, *flags, "--steps", "60", "--step-size", "0.6", "--out", "made")[0] == 0
    recipe = sidecar(here / "made" / "descent.json")["recipe"]
    assert recipe == {"eps": 30, "steps": 60, "step_size": 0.6, "start": "gaussian", "enlargement": "nearest"}


def test_a_radius_may_be_a_fraction_and_a_path_is_never_one(run, here):
    assert run(*GENERATE, "--steps", "4", "--eps", "8/4", "--step-size=1/2", "--out", "1/2")[0] == 0
    recipe = sidecar(here / "1" / "2" / "descent.json")["recipe"]
    assert (recipe["eps"], recipe["step_size"]) == (2, 0.5)


def test_a_mask_may_be_a_box_an_image_or_transparency(run, here):
    mask = torch.zeros(1, 16, 16)
    mask[:, 4:10, 2:8] = 1
    write_image(here / "mask.png", mask)
    photo = Image.open(here / "photo.png").convert("RGBA")
    photo.putalpha(Image.fromarray(((1 - mask[0]) * 255).byte().numpy()))
    photo.save(here / "hole.png")
    command = ("inpaint", "--classes", "cat", *QUICK, "--eps", "2")
    assert run(*command, "--images", "photo.png", "--box", "2", "4", "6", "6", "--out", "box")[0] == 0
    assert run(*command, "--images", "photo.png", "--mask", "mask.png", "--out", "mask")[0] == 0
    assert run(*command, "--images", "hole.png", "--out", "alpha")[0] == 0
    boxed, masked, alpha = (read_image(here / name / "0000.png") for name in ("box", "mask", "alpha"))
    assert torch.equal(boxed, masked)
    known = (mask == 0).expand(3, -1, -1)
    assert torch.equal(boxed[known], read_image(here / "photo.png")[known])
    assert torch.equal(alpha[known], boxed[known])
    assert not torch.equal(boxed, read_image(here / "photo.png"))


def test_superres_with_a_factor_compares_with_the_large_image(run, here):
    assert run("superres", "--images", "photo.png", "--factor", "2", *QUICK, "--eps", "1", "--out", "large")[0] == 0
    facts = sidecar(here / "large" / "descent.json")
    assert all(0 < facts[name]["psnr"][0] < 60 for name in ("nearest", "bicubic", "result"))


def test_a_gif_shows_the_descent(run, here):
    assert run(*COMMAND_LINES["translate"], *QUICK, "--out", "made.png", "--save-frames", "made.gif")[0] == 0
    with Image.open(here / "made.gif") as gif, Image.open(here / "made.png") as made:
        assert gif.n_frames >= 5
        assert gif.size == made.size


def test_the_frames_of_several_strokes_begin_with_the_photo(run, here):
    assert run(*COMMAND_LINES["paint"], *QUICK, "--out", "made.png", "--save-frames", "frames")[0] == 0
    assert len(list((here / "frames").iterdir())) == 1 + 2 * 4 + 1
    first = read_image(here / "frames" / "frame-0000.png")[:, ::8, ::8]
    assert torch.equal(first, read_image(here / "photo.png"))


def test_frames_go_to_a_folder_too(run, here):
    command = (*COMMAND_LINES["generate"], *QUICK, "--out", "made.png", "--save-frames", "frames")
    assert run(*command)[0] == 0
    names = sorted(path.name for path in (here / "frames").iterdir())
    assert names == [f"frame-{number:04d}.png" for number in range(6)]  # start, 4 steps, end
    assert (here / "frames" / "frame-0005.png").read_bytes() == (here / "made.png").read_bytes()
    assert (here / "frames" / "frame-0000.png").read_bytes() != (here / "made.png").read_bytes()


def test_quiet_says_nothing(run, here):
    assert run(*COMMAND_LINES["generate"], *QUICK, "--out", "made.png", "--quiet") == (0, "", "")


def test_overwrite_replaces_a_result(run, here):
    (here / "made.png").write_text("old")
    assert run(*COMMAND_LINES["generate"], *QUICK, "--out", "made.png", "--overwrite")[0] == 0
    assert read_image(here / "made.png").shape[0] == 3


def test_bfloat16_makes_nearly_the_same_images(run, here):
    for precision in ("float32", "bfloat16"):
        assert run(*COMMAND_LINES["generate"], *QUICK, "--out", precision, "--precision", precision)[0] == 0
    one, other = (read_image(here / name / "0000.png") for name in ("float32", "bfloat16"))
    assert (one - other).abs().mean() < 0.02


# Training and evaluation


@pytest.fixture
def data(here):
    train, test = pictures(8, 24), pictures(8, 12, seed=1)
    arrays = {
        "train_images": train.images.permute(0, 2, 3, 1).numpy(),
        "train_labels": train.labels.numpy(),
        "test_images": test.images.permute(0, 2, 3, 1).numpy(),
        "test_labels": test.labels.numpy(),
        "class_names": np.array(PETS),
    }
    np.savez(here / "data.npz", **arrays)
    return here / "data.npz"


TRAIN = ("train", "--data", "data.npz", "--arch", "preact-4-8", "--batch-size", "8", "--precision", "float32")


def test_a_classifier_is_trained_evaluated_and_used(run, here, data):
    code, out, err = run(*TRAIN, "--epochs", "2", "--attack.eps", "0.2", "--out", "runs/net", model=False)
    assert (code, err) == (0, "")
    assert "runs/net/net.safetensors" in out
    names = {"checkpoint.safetensors", "checkpoint-before.safetensors", "metrics.jsonl", "net.safetensors", "net.json"}
    names |= {"examples/epoch-0002.png"}
    assert set(files(here / "runs" / "net")) == names
    classifier = load_bundle("runs/net/net")
    assert classifier.card["threat"] == "l2 eps 0.2"
    assert (classifier.class_names, classifier.size) == (PETS, 8)
    assert classifier.gaussians is not None
    evaluating = (
        "evaluate",
        "--data",
        "data.npz",
        "--model",
        "runs/net/net",
        "--eps",
        "0.1",
        "0.5",
        "--steps",
        "1",
        "5",
    )
    code, out, err = run(*evaluating, "--out", "result.json", model=False)
    assert (code, err) == (0, "")
    facts = sidecar(here / "result.json")
    assert facts["images"] == 12
    assert set(facts["robust"]) == {"0.1", "0.5"}
    assert set(facts["robust"]["0.5"]) == {"pgd-1", "pgd-5"}
    assert facts["model_sha256"] == classifier.card["sha256"]
    assert out.splitlines()[0].startswith("12 images, ")
    assert f"{100 * facts['clean']:.2f}" in out
    generating = ("generate", "--model", "runs/net/net", *QUICK, "--eps", "1", "--out", "made.png")
    assert run(*generating, model=False)[0] == 0


def test_training_goes_on_exactly_where_it_stopped(run, here, data, monkeypatch):
    assert run(*TRAIN, "--epochs", "2", "--out", "whole", model=False)[0] == 0
    stops_after(monkeypatch, "pellucid.cli.train", "train", 4)
    code, _, err = run(*TRAIN, "--epochs", "2", "--out", "parts", model=False)
    assert code == 130
    assert len(err.splitlines()) == 1
    assert not (here / "parts" / "parts.safetensors").exists()
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert "holds a run; go on with --resume" in run(*TRAIN, "--epochs", "2", "--out", "parts", model=False)[2]
    assert run(*TRAIN, "--epochs", "2", "--out", "parts", "--resume", model=False)[0] == 0
    assert (here / "parts" / "parts.safetensors").read_bytes() == (here / "whole" / "whole.safetensors").read_bytes()


def test_a_dry_run_says_what_training_would_cost_and_writes_nothing(run, here, data):
    before = files(here)
    words = ("--epochs", "3", "--attack.eps", "0.2", "--attack.steps", "7", "--dry-run")
    code, out, err = run(*TRAIN, *words, "--out", "net", model=False)
    assert (code, err) == (0, "")
    assert files(here) == before
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    network = build("preact-4-8", 3)
    assert lines["parameters"] == f"{sum(p.numel() for p in network.parameters()):,}"
    assert lines["images"] == "24 in 3 steps an epoch"
    assert re.match(r"passes +8 an image and epoch", lines["forward"])
    assert re.fullmatch(r"0 h 0 min for 3 epochs", lines["time"].split(", ")[1])


def test_examples_show_training_images_above_their_worst_neighbors(run, here, data):
    words = ("--epochs", "4", "--attack.eps", "0.5", "--examples-every", "3", "--out", "net")
    assert run(*TRAIN, *words, model=False)[0] == 0
    assert sorted(p.name for p in (here / "net" / "examples").iterdir()) == ["epoch-0003.png", "epoch-0004.png"]
    picture = read_image(here / "net" / "examples" / "epoch-0004.png")
    assert picture.shape[1] / picture.shape[2] == pytest.approx(2 / 8, abs=0.02)


def test_a_preset_is_changed_by_further_flags(run, here, data):
    words = ("--preset", "fast-cifar10", "--epochs", "1", "--out", "net")
    assert run(*TRAIN, *words, model=False)[0] == 0
    recipe = load_bundle("net/net").card["recipe"]
    assert recipe["attack"]["step_size"] == pytest.approx(10 / 255)
    assert (recipe["epochs"], recipe["arch"], recipe["average"]) == (1, "preact-4-8", 0.0)


def test_epochs_go_to_tensorboard_too(run, here, data):
    pytest.importorskip("tensorboard", reason='needs the extra "log"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert run(*TRAIN, "--epochs", "2", "--tensorboard", "--out", "net", model=False)[0] == 0
    events = EventAccumulator(str(here / "net" / "tensorboard")).Reload()
    lines = [json.loads(line) for line in (here / "net" / "metrics.jsonl").read_text().splitlines()]
    losses = [(event.step, event.value) for event in events.Scalars("train_loss")]
    assert losses == [(line["epoch"], pytest.approx(line["train_loss"])) for line in lines]


def test_a_robust_classifier_is_fine_tuned_to_other_classes(run, here, data):
    assert run(*TRAIN, "--epochs", "1", "--attack.eps", "0.2", "--out", "source", model=False)[0] == 0
    words = ("train", "--data", "data.npz", "--start", "source/source", "--epochs", "1", "--batch-size", "8")
    code, _, err = run(*words, "--out", "tuned", "--precision", "float32", model=False)
    assert (code, err) == (0, "")
    assert load_bundle("tuned/tuned").card["arch"] == "preact-4-8"


def test_training_anew_forgets_the_metrics_of_the_run_before(run, here, data):
    assert run(*TRAIN, "--epochs", "2", "--out", "net", model=False)[0] == 0
    assert run(*TRAIN, "--epochs", "1", "--out", "net", "--overwrite", model=False)[0] == 0
    assert len((here / "net" / "metrics.jsonl").read_text().splitlines()) == 1


# What there is


def test_models_and_show_print_the_cards(run, tiny_bundle, monkeypatch):
    monkeypatch.setattr(models, "BUNDLES", tiny_bundle.parent)
    code, out, err = run("models", model=False)
    assert (code, err) == (0, "")
    assert re.search(r"^ *tiny-0\.5 +16 px +0\.0M +none$", out, re.MULTILINE)
    assert "timm:NAME" in out
    code, out, err = run("show", "tiny-0.5", "--json", model=False)
    assert (code, err) == (0, "")
    assert json.loads(out) == load_bundle(tiny_bundle).card


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_overview_names_every_command(words, capsys):
    assert main(words) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {command} ", out, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_the_package_runs_as_a_program(words):
    done = subprocess.run([sys.executable, "-m", "pellucid", *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("usage: pellucid" if words == ["--help"] else f"pellucid {pellucid.__version__}")


def test_value_of_finds_a_flag_however_it_is_written():
    assert value_of(["--out", "a", "--seed=1"], "--out") == "a"
    assert value_of(["--out", "a", "--seed=1"], "--seed") == "1"
    assert value_of(["--save_frames", "b"], "--save-frames") == "b"
    assert value_of(["--seed", "1", "--out"], "--out") is None
    assert value_of([], "--out") is None


# Mistakes: names


def test_an_unknown_command_gives_the_nearest(refused):
    assert "unknown command 'genrate'; did you mean 'generate'" in refused("genrate", model=False)


def test_an_unknown_model_gives_the_nearest(refused, tiny_bundle, monkeypatch):
    monkeypatch.setattr(models, "BUNDLES", tiny_bundle.parent)
    line = refused("generate", "--model", "tiny-0.6", model=False)
    assert "unknown model 'tiny-0.6'; did you mean 'tiny-0.5'?" in line
    assert "did you mean 'tiny-0.5'?" in refused("show", "tiny", model=False)


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["generate", "--classes", "catt"], "unknown class 'catt'; did you mean 'cat'?"),
        (["generate", "--mixture", "dgo", "1"], "unknown class 'dgo'; did you mean 'dog'?"),
        (["translate", "--images", "photo.png", "--classes", "sip"], "unknown class 'sip'; did you mean 'ship'?"),
        (["generate", "--preset", "paper-cifar"], "unknown preset 'paper-cifar'; did you mean 'paper-cifar10'"),
        (["generate", "--device", "gpu"], "device 'gpu' is not available here; try cpu"),
    ],
)
def test_an_unknown_name_gives_the_nearest(refused, words, nearest):
    assert nearest in refused(*words, "--out", "made")


# Mistakes: files


def png_that_says(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "bad.png is damaged"),
        ("text", "bad.png is not an image"),
        ("bomb", "bad.png has over 100 million pixels"),
        ("empty", "bad.png is not an image"),
        ("missing", "bad.png does not exist"),
        ("folder", "bad.png holds no images"),
    ],
)
@pytest.mark.parametrize("command", [("translate", "--classes", "cat"), ("superres",), ("inpaint", "--patch", "3")])
def test_a_file_that_is_no_image_is_refused(refused, here, command, kind, message):
    bad, data = here / "bad.png", (here / "photo.png").read_bytes()
    if kind == "folder":
        bad.mkdir()
    elif kind != "missing":
        contents = {"truncated": data[: len(data) // 2], "text": b"hello", "bomb": png_that_says(50_000, 50_000)}
        bad.write_bytes(contents.get(kind, b""))
    assert message in refused(*command, "--images", "bad.png", "--out", "made")


def test_a_bundle_whose_weights_are_not_those_of_its_card_is_refused(refused, here, tiny_bundle):
    for suffix in (".safetensors", ".json"):
        source = tiny_bundle.with_name(tiny_bundle.name + suffix)
        (here / f"other{suffix}").write_bytes(source.read_bytes() + (b"\0" if suffix == ".safetensors" else b""))
    line = refused("generate", "--model", "other", "--out", "made", model=False)
    assert "other.safetensors is not the file its card describes: sha256" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inpaint", "--images", "photo.png", "--mask", "wide.png"], "the mask wide.png is 9 x 8"),
        (["paint", "--images", "photo.png", "--strokes", "wide.png:1"], "the mask wide.png is 9 x 8"),
        (["inpaint", "--images", "photo.png", "--mask", "black.png"], "hides nothing or everything"),
        (["inpaint", "--images", "photo.png"], "say what is missing"),
        (["brush", "--images", "photo.png", "--box", "0", "0", "4", "4"], "say what to brush"),
        (["brush", "--images", "photo.png", "--classes", "cat"], "--mask or --box"),
        (["brush", "--images", "photo.png", "--classes", "cat", "--mask", "wide.png"], "the mask wide.png is 9 x 8"),
        (["inpaint", "--images", "photo.png", "--patch", "3", "--mask", "black.png"], "in one way"),
        (["inpaint", "--images", "photo.png", "--patch", "17"], "a patch of 17 pixels does not fit"),
        (["inpaint", "--images", "photo.png", "--box", "10", "0", "7", "3"], "not inside an image of 16 x 16"),
        (["superres", "--images", "photo.png"], "the images are 16 px already"),
        (["superres", "--images", "wide.png"], "takes square images, not 9 x 8"),
        (["superres", "--images", "photo.png", "--factor", "3"], "factor 3 must be at least 2 and divide"),
        (["paint", "--images", "photo.png"], "nothing to paint"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,4"], "a stroke is WHERE:UNIT"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,4:16"], "units 0 to 15, not 16"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,4:1:0"], "strength must be positive"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,4:1:1.2.3"], "is not a number"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,40:1"], "is not inside an image"),
        (["translate", "--images", "photo.png"], "say which of the 3 classes"),
        (["translate", "--images", "photos", "--classes", "cat", "dog", "ship"], "3 classes for 2 images"),
        (["translate", "--classes", "cat"], "name the images"),
        (["sketch", "--images", "photo.png"], "say what the drawings depict"),
        (["generate", "--count", "0"], "count must be a whole number of at least 1"),
        (["generate", "--start-images", "photos", "--count", "1"], "2 start images for 3 results"),
        (["generate", "--mixture", "cat", "-1"], "mixture weights"),
        (["generate", "--save-frames", "frames.mp4"], "frames go to a .gif or to a folder"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(refused, here, words, message):
    write_image(here / "wide.png", torch.rand(1, 8, 9))
    write_image(here / "black.png", torch.zeros(1, 16, 16))
    assert message in refused(*words, "--out", "made")


# Mistakes: numbers


@pytest.mark.parametrize("flag", ["--eps", "--step-size"])
@pytest.mark.parametrize("value", ["-1", "0", "nan"])
def test_a_length_that_is_not_positive_is_refused(refused, flag, value):
    line = refused("generate", flag, value, "--out", "made")
    assert f"{flag[2:].replace('-', '_')} must be positive, not" in line


@pytest.mark.parametrize("value", ["-1", "0"])
def test_steps_below_one_are_refused(refused, value):
    assert "steps must be a whole number of at least 1" in refused("generate", "--steps", value, "--out", "made")


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "--steps", "nan"],
        ["generate", "--steps", "many"],
        ["generate", "--seed", "1.5"],
        ["generate", "--colour", "red"],
        ["generate", "--precision", "float8"],
        ["inpaint", "--images", "photo.png", "--box", "1", "2"],
        ["evaluate", "--norm", "l1"],
    ],
)
def test_a_usage_error_leaves_with_2_and_no_traceback(run, here, words):
    before = files(here)
    code, _, err = run(*words, "--out", "made")
    assert code == 2
    assert "Traceback" not in err
    assert files(here) == before


# Mistakes: outputs


@each
def test_a_result_that_exists_is_not_replaced(refused, here, command):
    (here / "made.png").write_text("mine")
    assert "made.png exists; choose another name or say --overwrite" in refused(
        *COMMAND_LINES[command], "--out", "made.png"
    )


@pytest.mark.parametrize("out", ["photo.png/made.png", "photo.png/made", "photo.png/deep/made"])
@pytest.mark.parametrize("flag", ["--out", "--save-frames"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(refused, flag, out):
    out = out.replace("made.png", "made.gif")
    other = ("--save-frames", "other") if flag == "--out" else ("--out", "other")
    assert "cannot write photo.png" in refused(*GENERATE, flag, out, *other)


def test_a_name_that_is_too_long_is_refused(refused):
    assert "name too long" in refused(*GENERATE, "--out", "a" * 300)
    assert "name too long" in refused("translate", "--images", "a" * 300, "--classes", "cat", "--out", "made")


@pytest.mark.parametrize("out", ["data.npz", "data.npz/new", "photo.png/net"])
def test_a_place_that_cannot_be_trained_into_is_refused(refused, data, out):
    assert "cannot write" in refused(*TRAIN, "--out", out, model=False)


def test_an_evaluation_that_cannot_be_written_is_refused_before_the_work(refused, data):
    assert "cannot write" in refused("evaluate", "--data", "data.npz", "--out", "data.npz/result.json")
    assert "data.npz exists" in refused("evaluate", "--data", "data.npz", "--out", "data.npz")
    assert "photos exists" in refused("evaluate", "--data", "data.npz", "--out", "photos", "--overwrite")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate"], "name the data"),
        (["train"], "name the data"),
        (["evaluate", "--data", "nothing.npz"], "nothing.npz does not exist"),
        (["evaluate", "--data", "photo.png"], "no data at 'photo.png'"),
        (["evaluate", "--data", "data.npz", "--eps", "0"], "eps must be positive"),
        (["evaluate", "--data", "data.npz", "--eps", "0.5", "nan"], "eps must be positive"),
        (["evaluate", "--data", "data.npz", "--steps", "0"], "steps must be a whole number"),
        (["evaluate", "--data", "two.npz"], "two.npz has 2 classes, the model 3"),
        (["train", "--data", "data.npz", "--arch", "preakt-4"], "did you mean 'preact-W1-W2-...'"),
        (["train", "--data", "data.npz", "--epochs", "0"], "epochs must be at least 1"),
        (["train", "--data", "data.npz", "--attack.eps", "nan"], "eps must be 0 (standard training) or positive"),
        (["train", "--data", "data.npz", "--attack.steps", "0"], "attack steps must be at least 1"),
        (["train", "--data", "data.npz", "--resume"], "holds no checkpoint.safetensors to resume from"),
    ],
)
def test_training_and_evaluation_refuse_what_cannot_be(refused, data, here, words, message):
    arrays = dict(np.load(data))
    arrays["class_names"] = np.array(PETS[:2])
    for split in ("train", "test"):
        arrays[f"{split}_labels"] = arrays[f"{split}_labels"] % 2
    np.savez(here / "two.npz", **arrays)
    assert message in refused(*words, model=words[0] == "evaluate")


# Sidecars that cannot be rerun


@pytest.fixture
def result(run, here):
    assert (
        run("translate", "--images", "photo.png", "--classes", "cat", *QUICK, "--eps", "2", "--out", "made.png")[0] == 0
    )
    return here / "made.json"


def change(path, **changes):
    path.write_text(json.dumps({**sidecar(path), **changes}))


@pytest.mark.parametrize(
    "text", ["", "no", "[]", "5", "{}", '{"command": "generate"}', "[" * 100_000, '{"command": [], "model": 1}']
)
def test_a_file_that_is_no_sidecar_is_refused(refused, here, text):
    (here / "made.json").write_text(text)
    assert "made.json is not a sidecar of pellucid's" in refused("rerun", "made.json", model=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ["train", "--out", "x"]}, "only generate, inpaint"),
        ({"command": ["rerun", "made.json"]}, "only generate, inpaint"),
        ({"command": ["..cli.train"]}, "only generate, inpaint"),
        ({"command": ["translate", 5]}, "is not a sidecar"),
        ({"command": []}, "is not a sidecar"),
        ({"model": 5}, "is not a sidecar"),
        ({"inputs": "photo.png"}, "is not a sidecar"),
        ({"inputs": [{"path": "gone.png", "sha256": ""}]}, "the input gone.png is not there any more"),
        ({"inputs": [{"path": "small.png", "sha256": "0" * 64}]}, "the input small.png has changed since"),
        ({"model": "tiny-net"}, "unknown model 'tiny-net'"),
    ],
    ids=str,
)
def test_a_hostile_sidecar_is_refused(refused, result, changes, message):
    change(result, **changes)
    assert message in refused("rerun", "made.json", model=False)


def test_rerun_refuses_inputs_that_changed_and_results_that_exist(refused, result, here):
    (here / "made-rerun.png").write_text("mine")
    assert "made-rerun.png exists" in refused("rerun", "made.json", model=False)
    write_image(here / "photo.png", images(1, size=16, seed=9)[0])
    assert "photo.png has changed since" in refused("rerun", "made.json", "--out", "again.png", model=False)
    assert "is not a file; give the JSON" in refused("rerun", "nothing.json", model=False)


def test_rerun_writes_where_it_is_told_and_nowhere_else(run, here, tiny_bundle):
    words = ("--classes", "cat", "--count", "1", *QUICK, "--eps", "2", "--save_frames", "f.gif", "--out", "made")
    assert run("generate", *words)[0] == 0
    (here / "f.gif").write_text("mine")
    code, _, err = run("rerun", "made", "--out", "again", "--overwrite", model=False)
    assert (code, err) == (0, "")
    assert (here / "f.gif").read_text() == "mine"
    assert set(files(here / "again")) == {"0000.png", "descent.json"}


def test_rerun_warns_of_another_classifier(run, result):
    change(result, model_sha256="0" * 64)
    code, _, err = run("rerun", "made.json", model=False)
    assert code == 0
    assert "is not the classifier that made this; expect other images" in err


@pytest.mark.parametrize("out", ["", ".", "/"])
def test_rerun_of_a_result_without_a_name_finds_one(run, here, result, out):
    command = sidecar(result)["command"]
    command[command.index("--out") + 1] = out
    change(result, command=command)
    assert run("rerun", "made.json", model=False)[0] == 0
    assert (here / "pellucid-out-rerun" / "0000.png").exists()


# Warnings and interruptions


def test_steps_that_cannot_reach_the_border_are_warned_of(run, here):
    code, _, err = run(*GENERATE, "--steps", "4", "--step-size", "0.1", "--eps", "30", "--out", "made")
    assert (code, err) == (0, "warning: 4 steps of 0.1 cannot reach the border of a ball of eps 30.0\n")


def test_an_linf_radius_in_8_bit_values_is_refused(run, here, data):
    linf = ("--epochs", "1", "--attack.norm", "linf", "--attack.eps", "8", "--out", "net")
    code, _, err = run(*TRAIN, *linf, model=False)
    assert (code, err) == (
        2,
        "pellucid train: an linf eps of 8 allows any image, values are in [0, 1]; did you mean 8/255?\n",
    )
    assert not (here / "net").exists()


def test_default_settings_are_in_proportion_to_the_size_of_the_images(run, here):
    assert run("generate", "--classes", "cat", "--count", "1", "--out", "made")[0] == 0
    recipe = sidecar(here / "made" / "descent.json")["recipe"]  # of a classifier of 16 px
    assert (recipe["eps"], recipe["step_size"]) == (4.0, 0.25)
    assert run("generate", "--classes", "cat", "--count", "1", "--preset", "paper-cifar10", "--out", "other")[0] == 0
    assert sidecar(here / "other" / "descent.json")["recipe"]["eps"] == 30


def stops_after(monkeypatch, module, name, calls):
    """Lets the callback of a function raise Ctrl-C when it is called for this time."""
    module = __import__(module, fromlist=[name])
    original, seen = getattr(module, name), []

    def interrupted(*args, callback=None, **options):
        def stop(progress):
            seen.append(progress)
            if len(seen) == calls:
                raise KeyboardInterrupt
            callback(progress)

        return original(*args, callback=stop, **options)

    monkeypatch.setattr(module, name, interrupted)


@each
def test_ctrl_c_leaves_nothing_behind(command, run, here, monkeypatch):
    stops_after(monkeypatch, f"pellucid.cli.{command}", command, 3)
    before = files(here)
    code, out, err = run(*COMMAND_LINES[command], *QUICK, "--out", "made", "--save-frames", "made.gif")
    assert (code, out) == (130, "")
    assert err == f"pellucid {command}: stopped; nothing half-done was left\n"
    assert files(here) == before


def test_a_full_disk_is_one_line(run, here, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pellucid.gallery.save.write_image", full)
    code, out, err = run(*COMMAND_LINES["generate"], *QUICK, "--out", "made.png")
    assert (code, out) == (2, "")
    assert err == "pellucid generate: [Errno 28] No space left on device\n"
