"""Stylized copies of data sets."""

import json

import numpy as np
import pytest
import torch
from helpers import PETS, pictures

from pellucid import Dataset, InputError, Split, StylizeRecipe, load, load_data, stylize, write_image
from pellucid.cli.main import main
from pellucid.data.npz import Pieces, save_npz
from pellucid.style.stylize import Stylized
from pellucid.transfer_learning import stylized
from pellucid.transfer_learning.stylized import StylizeDataRecipe, stylize_data

STYLE = StylizeRecipe(evaluations=3, style_layers=("stem", "stage1"), content_layers=("stage1",))
QUICK = StylizeDataRecipe(style=STYLE)


@pytest.fixture
def source(tiny_bundle):
    return load(str(tiny_bundle), "cpu")


@pytest.fixture
def pets():
    return Dataset("pets", pictures(16, 5), pictures(16, 4, seed=1), PETS)


@pytest.fixture
def styles():
    ramp = torch.linspace(0, 1, 24).expand(1, 3, 24, 24)
    return [ramp, ramp.flip(3).contiguous()]


@pytest.fixture
def counted(monkeypatch):
    """The contents and the styles of the transfers that are made, in their order."""
    seen = []

    def noted(classifier, content, styles, *args, **options):
        seen.append((content, *styles))
        return stylize(classifier, content, styles, *args, **options)

    monkeypatch.setattr(stylized, "stylize", noted)
    return seen


def test_a_copy_is_each_test_image_stylized_and_nothing_else(source, pets, styles, counted):
    copy = stylize_data(source, pets, styles, QUICK)
    assert torch.equal(copy.train.images, pets.train.images)
    assert torch.equal(copy.test.labels, pets.test.labels)
    assert (copy.class_names, copy.name) == (PETS, "pets")
    for number, (content, style) in enumerate(counted):
        assert torch.equal(content, pets.test.batch(slice(number, number + 1))[0])
        assert any(style is one for one in styles)
        expected = stylize(source, content, [style], QUICK.style).images
        assert torch.equal(copy.test.images[number], (expected[0] * 255).round().byte())
    assert not torch.equal(copy.test.images, pets.test.images)
    assert len({id(style) for _, style in counted}) == 2


def test_training_images_are_stylized_as_the_recipe_says(source, pets, styles):
    both = stylize_data(source, pets, styles, StylizeDataRecipe("both", style=QUICK.style))
    only = stylize_data(source, pets, styles, StylizeDataRecipe("stylized", style=QUICK.style))
    assert torch.equal(both.train.images, torch.cat([pets.train.images, only.train.images]))
    assert torch.equal(both.train.labels, pets.train.labels.repeat(2))
    assert torch.equal(only.train.labels, pets.train.labels)
    assert not torch.equal(only.train.images, pets.train.images)
    assert torch.equal(only.test.images, both.test.images)


def test_without_pictures_styles_are_other_training_images(source, pets, counted):
    shares = []
    stylize_data(source, pets, [], StylizeDataRecipe("stylized", style=QUICK.style), callback=shares.append)
    known = list(pets.train.batch(slice(0, None))[0])
    for content, style in counted:
        assert any(torch.equal(style[0], image) for image in known)
        assert not torch.equal(style, content)
    assert len(counted) == 9
    assert shares == pytest.approx([5 / 9, 1.0])


def test_no_image_is_its_own_style_and_every_other_one_is(source, pets):
    images = list(pets.train.batch(slice(0, None))[0])
    for split, numbers in (("train", {0, 1, 3, 4}), ("test", {0, 1, 2, 3, 4})):
        drawn = set()
        for seed in range(60):
            style = stylized._Job(source, pets, split, [], StylizeDataRecipe(seed=seed), "float32")._style(2)
            drawn |= {number for number, image in enumerate(images) if torch.equal(style[0], image)}
        assert drawn == numbers


def test_the_styles_follow_the_seed_and_not_how_far_one_got(source, pets, styles, counted):
    recipe = StylizeDataRecipe(seed=3, style=QUICK.style)
    one, again, other = (stylize_data(source, pets, styles, r) for r in (recipe, recipe, QUICK))
    assert torch.equal(one.test.images, again.test.images)
    assert not torch.equal(one.test.images, other.test.images)


def test_work_that_was_stopped_goes_on(source, pets, styles, tmp_path, monkeypatch, counted):
    monkeypatch.setattr(stylized, "PART", 2)
    whole = stylize_data(source, pets, styles, QUICK)
    counted.clear()

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_data(source, pets, styles, QUICK, parts=tmp_path, callback=stop)
    assert len(counted) == 2
    copy = stylize_data(source, pets, styles, QUICK, parts=tmp_path)
    assert len(counted) == 4  # two more, and none twice
    assert torch.equal(copy.test.images, whole.test.images)
    # Other settings, other images and damage are made anew.
    stylize_data(source, pets, styles[:1], QUICK, parts=tmp_path)
    assert len(counted) == 8
    for part in tmp_path.glob("*-0000000-*"):
        part.write_bytes(part.read_bytes()[:-100])
    assert torch.equal(stylize_data(source, pets, styles, QUICK, parts=tmp_path).test.images, whole.test.images)
    assert len(counted) == 10


def test_images_of_another_normalization_are_not_taken_for_ones(source, pets, styles, tmp_path, counted):
    stylize_data(source, pets, styles, QUICK, parts=tmp_path)
    source.mean += 0.1
    stylize_data(source, pets, styles, QUICK, parts=tmp_path)
    assert len(counted) == 8


def test_ctrl_c_leaves_no_half_stylized_image(source, pets, styles, tmp_path, monkeypatch):
    def cut(classifier, content, *args, **options):
        return Stylized(content, content, [], [], 0.0, interrupted=True)

    monkeypatch.setattr(stylized, "stylize", cut)
    with pytest.raises(KeyboardInterrupt):
        stylize_data(source, pets, styles, QUICK, parts=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_npz_is_read_as_it_was_written(pets, tmp_path):
    save_npz(tmp_path / "pets.npz", pets.class_names, train=Pieces.of(pets.train), test=Pieces.of(pets.test))
    read = load_data(tmp_path / "pets.npz")
    for name in ("train", "test"):
        assert torch.equal(getattr(read, name).images, getattr(pets, name).images)
        assert torch.equal(getattr(read, name).labels, getattr(pets, name).labels)
    assert read.class_names == PETS


def test_data_that_cannot_be_stylized(source, pets, styles):
    nobody = Split(pets.test.images[:0], pets.test.labels[:0])
    with pytest.raises(InputError, match="has no test images to stylize"):
        stylize_data(source, Dataset("d", pets.train, nobody, PETS), styles)
    with pytest.raises(InputError, match="no training images to take styles from; give style pictures"):
        stylize_data(source, Dataset("d", nobody, pets.test, PETS), [])


# The command


@pytest.fixture
def at(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split = pictures(16, 6)
    arrays = {"images": split.images.permute(0, 2, 3, 1).numpy(), "labels": split.labels.numpy()}
    for name in ("train", "test"):
        np.savez(f"{name}.npz", **{f"{name}_{key}": value for key, value in arrays.items()})
    np.savez("both.npz", **{f"{name}_{key}": value for name in ("train", "test") for key, value in arrays.items()})
    for number in range(2):
        write_image(f"paintings/{number}.png", torch.rand(3, 30, 40))
    return tmp_path


def test_the_command_makes_a_copy(at, tiny_bundle, capsys):
    words = ["stylize-data", "--data", "both.npz", "--styles", "paintings", "--model", str(tiny_bundle)]
    words += ["--style.style-layers", "stem", "stage1", "--style.content-layers", "stage1"]
    words += ["--style.evaluations", "2", "--train", "both", "--out", "copy.npz", "--device", "cpu"]
    assert main(words) == 0
    assert "6 stylized test images" in capsys.readouterr().out
    copy = load_data("copy.npz")
    assert (len(copy.train), len(copy.test)) == (12, 6)
    facts = json.loads((at / "copy.json").read_text())
    assert facts["recipe"]["style"]["evaluations"] == 2
    assert [entry["path"] for entry in facts["inputs"]] == ["both.npz", "paintings/0.png", "paintings/1.png"]
    assert not (at / "copy-parts").exists()
    assert main(words) == 2
    assert "copy.npz exists; choose another name or say --overwrite" in capsys.readouterr().err
    assert main(["rerun", "copy.json", "--out", "again.npz"]) == 0
    assert torch.equal(load_data("again.npz").test.images, copy.test.images)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the data: --data"),
        (["--data", "both.npz", "--out", "copy.png"], ".npz, not copy.png"),
        (["--data", "both.npz", "--styles", "nowhere"], "nowhere"),
        (["--data", "both.npz", "--style.size", "8"], "leave out --style.size"),
        (["--data", "train.npz"], "train has no test images to stylize"),
        (["--data", "test.npz"], "test has no training images to take styles from"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(at, tiny_bundle, mistaken, words, message):
    assert message in mistaken("stylize-data", "--model", tiny_bundle, "--device", "cpu", *words)
