"""What the command line refuses, each in one line."""

import numpy as np
import pytest
import torch
from helpers import PETS, png_of
from PIL import Image
from words import COMMAND_LINES, GENERATE, TRAIN, each

from pellucid.data.image import write_image
from pellucid.zoo import models

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
        contents = {
            "truncated": data[: len(data) // 2],
            "text": b"hello",
            "bomb": png_of(50_000, 50_000, b""),
        }
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
        (["inpaint", "--images", "photo.png", "--mask", "clear.png"], "the mask clear.png is transparent in places"),
        (
            ["stylize", "--content", "photo.png", "--styles", "photo.png", "--masks", "clear.png"],
            "is transparent in places",
        ),
        (["generate", "cat"], "no flag for cat; every value follows the flag that it is for"),
        (["inpaint", "--images", "photo.png"], "say what is missing"),
        (["brush", "--images", "photo.png", "--box", "0", "0", "4", "4"], "say what to brush"),
        (["brush", "--images", "photo.png", "--classes", "cat"], "--mask or --box"),
        (["inpaint", "--images", "photo.png", "--patch", "3", "--mask", "black.png"], "in one way"),
        (["inpaint", "--images", "photo.png", "--patch", "17"], "a patch of 17 pixels does not fit"),
        (["superres", "--images", "photo.png"], "the images are 16 px already"),
        (["superres", "--images", "photo.png", "--factor", "3"], "factor 3 must be at least 2 and divide"),
        (["paint", "--images", "photo.png"], "nothing to paint"),
        (["paint", "--images", "photo.png", "--strokes", "0,8,8:3"], "0,8,8 does not exist"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,4"], "a stroke is WHERE:UNIT"),
        (["paint", "--images", "photo.png", "--strokes", "0,0,4,4:1:1.2.3"], "a stroke is WHERE:UNIT"),
        (["translate", "--images", "photo.png"], "say which of the 3 classes"),
        (["translate", "--images", "photos", "--classes", "cat", "dog", "ship"], "3 classes for 2 images"),
        (["translate", "--classes", "cat"], "name the images"),
        (["sketch", "--images", "photo.png"], "say what the drawings depict"),
        (["generate", "--count", "0"], "count must be a whole number of at least 1"),
        (["generate", "--start-images", "photos", "--count", "1"], "2 start images for 3 results"),
        (["generate", "--save-frames", "frames.mp4"], "frames go to a .gif or to a folder"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(refused, here, words, message):
    write_image(here / "wide.png", torch.rand(1, 8, 9))
    write_image(here / "black.png", torch.zeros(1, 16, 16))
    strokes = Image.fromarray(np.pad(np.full((8, 16, 1), 255, np.uint8), ((4, 4), (0, 0), (3, 0))))
    strokes.save(here / "clear.png")  # black strokes on nothing
    assert message in refused(*words, "--out", "made")


# Mistakes: numbers


@pytest.mark.parametrize("flag", ["--eps", "--step-size"])
@pytest.mark.parametrize("value", ["-1", "nan"])
def test_a_length_that_is_not_positive_is_refused(refused, flag, value):
    line = refused("generate", flag, value, "--out", "made")
    assert f"{flag[2:].replace('-', '_')} must be positive, not" in line


@pytest.mark.parametrize("seed", [10**20, 2**32, -1])
@pytest.mark.parametrize(
    "words",
    [GENERATE, ("evaluate", "--data", "data.npz"), ("demo",), ("stylize-data", "--data", "data.npz"), TRAIN],
    ids=lambda words: words[0],
)
def test_a_seed_out_of_range_is_refused(refused, data, words, seed):
    line = refused(*words, "--seed", seed, "--out", "made", model=words[0] in ("generate", "evaluate"))
    assert f"seed must be a whole number from 0 to 4294967295, not {seed}" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "--colour", "red"], "--colour red"),
        (["generate", "--clases", "cat"], "perhaps you meant --classes"),
        (["studio", "--prot", "80"], "perhaps you meant --port"),
    ],
)
def test_an_unknown_flag_is_named_with_the_nearest(refused, words, said):
    line = refused(*words)
    assert said in line
    assert line.endswith(f"; see pellucid {words[0]} --help")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "--steps", "nan"], "'nan'"),
        (["generate", "--eps", "much"], "'much'"),
        (["generate", "--seed"], "--seed"),
        (["generate", "--precision", "float8"], "float8"),
        (["inpaint", "--images", "photo.png", "--box", "1", "2"], "--box"),
        (["evaluate", "--norm", "l1"], "linf"),
    ],
)
def test_the_parser_says_which_value_it_cannot_read(run, words, said):
    code, _, err = run(*words)
    assert code == 2
    assert said in err
    assert "--help" in err
    assert "Traceback" not in err


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
        (["evaluate", "--data", "photo.png"], "photo.png is no data set (archives"),
        (["evaluate", "--data", "data.npz", "--eps", "0"], "eps must be positive"),
        (["evaluate", "--data", "two.npz"], "two has 2 classes, the model 3"),
        (["train", "--data", "data.npz", "--arch", "preakt-4"], "did you mean 'preact-W1-W2-...'"),
        (["train", "--data", "data.npz", "--attack.eps", "nan"], "eps must be a finite number, at least 0, not nan"),
        (["train", "--data", "data.npz", "--examples-every", "-1"], "examples-every must be a number of epochs, or 0"),
        (["train", "--data", "data.npz", "--resume"], "holds no checkpoint.safetensors to resume from"),
        (["train", "--data", "data.npz", "--arch", "torchvision:inception_v3"], "cannot be trained on images of 8 x 8"),
        (["train", "--data", "data.npz", "--size", "100000"], "images of 100000 x 100000 would take"),
    ],
)
def test_training_and_evaluation_refuse_what_cannot_be(refused, data, here, words, message):
    arrays = dict(np.load(data))
    arrays["class_names"] = np.array(PETS[:2])
    for split in ("train", "test"):
        arrays[f"{split}_labels"] = arrays[f"{split}_labels"] % 2
    np.savez(here / "two.npz", **arrays)
    assert message in refused(*words, model=words[0] == "evaluate")


@pytest.mark.parametrize(
    ("words", "published"),
    [
        (("generate", "--preset", "paper-cifar10", "--classes", "cat", "--count", "1"), 32),
        (("superres", "--preset", "paper-cifar10", "--images", "small.png"), 224),
        (("visualize", "--preset=paper", "--units", "1"), 224),
    ],
)
def test_a_preset_for_another_size_warns(run, tiny_bundle, here, words, published):
    code, _, err = run(*words, "--steps", "1", "--out", "made")
    assert code == 0
    assert f"is for images of {published} px, and {tiny_bundle} takes 16 px" in err
    assert err.count("preset") == 1


def test_a_preset_without_numbers_of_a_size_does_not_warn(run, here):
    assert run("visualize", "--preset", "lucid", "--units", "1", "--steps", "1", "--out", "made")[::2] == (0, "")
