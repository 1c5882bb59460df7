"""The commands that make images: what they write and what they say."""

import pytest
import torch
from helpers import PETS
from PIL import Image
from words import COMMAND_LINES, COUNTS, GENERATE, INPUTS, QUICK, each, files, sidecar

from pellucid import load_bundle, read_image
from pellucid.data.image import write_image
from pellucid.zoo.models import fingerprint


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
    assert facts["model_sha256"] == fingerprint(load_bundle(tiny_bundle))
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
    assert run("rerun", "made-rerun.json", model=False)[0] == 0
    assert (here / "made-rerun-rerun.png").read_bytes() == (here / "made.png").read_bytes()


@each
def test_help_lists_the_flags_of_a_command(command, run):
    code, out, _ = run(command, "--help", model=False)
    assert code == 0
    for flag in ("--model", "--out", "--seed", "--device", "--precision", "--eps", "--save-frames"):
        assert flag in out
    assert ("--preset" in out) == (command != "brush")  # for which nobody published any


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
    assert recipe.items() >= {"eps": 30, "steps": 60, "step_size": 0.6, "enlargement": "nearest"}.items()


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
    with Image.open(here / "made.gif") as gif:
        assert gif.n_frames >= 5
        assert gif.size == (2 * 128 + 2, 128)


def test_the_frames_of_several_strokes_begin_with_the_photo_and_end_with_the_result(run, here):
    assert run(*COMMAND_LINES["paint"], *QUICK, "--out", "made.png", "--save-frames", "frames")[0] == 0
    assert len(list((here / "frames").iterdir())) == 1 + 2 * 4 + 1
    first = read_image(here / "frames" / "frame-0000.png")[:, ::8, ::8]
    assert torch.equal(first, read_image(here / "photo.png"))
    assert (here / "frames" / "frame-0009.png").read_bytes() == (here / "made.png").read_bytes()


def test_quiet_says_nothing(run, here):
    assert run(*COMMAND_LINES["generate"], *QUICK, "--out", "made.png", "--quiet") == (0, "", "")


def test_bfloat16_makes_nearly_the_same_images(run, here):
    for precision in ("float32", "bfloat16"):
        assert run(*COMMAND_LINES["generate"], *QUICK, "--out", precision, "--precision", precision)[0] == 0
    one, other = (read_image(here / name / "0000.png") for name in ("float32", "bfloat16"))
    assert (one - other).abs().mean() < 0.02


def test_steps_that_cannot_reach_the_border_are_warned_of(run, here):
    code, _, err = run(*GENERATE, "--steps", "4", "--step-size", "0.1", "--eps", "30", "--out", "made")
    assert (code, err) == (0, "warning: 4 steps of 0.1 cannot reach the border of a ball of eps 30.0\n")


def test_default_settings_are_in_proportion_to_the_size_of_the_images(run, here):
    assert run("generate", "--classes", "cat", "--count", "1", "--out", "made")[0] == 0
    recipe = sidecar(here / "made" / "descent.json")["recipe"]  # of a classifier of 16 px
    assert (recipe["eps"], recipe["step_size"]) == (4.0, 0.25)
    assert run("generate", "--classes", "cat", "--count", "1", "--preset", "paper-cifar10", "--out", "other")[0] == 0
    assert sidecar(here / "other" / "descent.json")["recipe"]["eps"] == 30
