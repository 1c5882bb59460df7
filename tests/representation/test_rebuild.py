import json
import shutil

import pytest
import torch
from helpers import images, in_two_processes

from pellucid import InputError, InvertRecipe
from pellucid.base.processes import Processes, sharing
from pellucid.cli.main import main
from pellucid.data.image import read_image, write_image
from pellucid.representation.rebuild import PARTS, RESULTS, SETTINGS, rebuild

RECIPE = InvertRecipe(steps=2, step_size=0.3)
PLACES = ["cat/1.png", "cat/deep/2.png", "dog/3.png", "dog/4.png", "5.png"]


@pytest.fixture
def folder(tmp_path):
    for place, image in zip(PLACES, images(5), strict=True):
        write_image(tmp_path / "from" / place, image)
    return tmp_path / "from"


def content(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*.png")}


def test_a_folder_becomes_one_of_the_same_structure(classifier, folder, tmp_path):
    out = tmp_path / "to"
    assert rebuild(classifier, folder, out, RECIPE, facts={"model": "it"}, chunk=2) == 5
    assert sorted(content(out)) == sorted(PLACES)
    assert all(read_image(out / place).shape == (3, 8, 8) for place in PLACES)
    told = [json.loads(line) for line in (out / RESULTS).read_text().splitlines()]
    assert sorted(line["image"] for line in told) == sorted(PLACES)
    assert all(set(line) == {"image", "sha256", "distance", "psnr", "ssim", "steps"} for line in told)
    assert json.loads((out / SETTINGS).read_text())["recipe"]["eps"] == "inf"


def test_an_interrupted_run_goes_on_to_the_same_result(classifier, folder, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    rebuild(classifier, folder, whole, RECIPE, facts={})

    def interrupt(share):
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(classifier, folder, parts, RECIPE, facts={}, chunk=1, callback=interrupt)
    assert 0 < len(content(parts)) < 5
    left = 5 - len(content(parts)) + 1
    next((parts / PARTS).iterdir()).write_bytes(b"damaged")
    assert rebuild(classifier, folder, parts, RECIPE, facts={}, chunk=2) == left
    assert content(parts) == content(whole)
    assert rebuild(classifier, folder, parts, RECIPE, facts={}) == 0


def test_an_image_that_was_lost_is_made_again_and_new_ones_change_no_other(classifier, folder, tmp_path):
    out = tmp_path / "to"
    rebuild(classifier, folder, out, RECIPE, facts={})
    before = content(out)
    (out / "5.png").unlink()
    write_image(folder / "0.png", images(1, seed=5)[0])
    assert rebuild(classifier, folder, out, RECIPE, facts={}) == 2
    after = content(out)
    assert set(after) == {*before, "0.png"}
    assert {place: after[place] for place in before} == before


def test_a_picture_that_is_another_now_is_inverted_again(classifier, folder, tmp_path):
    out = tmp_path / "to"
    rebuild(classifier, folder, out, RECIPE, facts={})
    before = content(out)
    write_image(folder / "dog/3.png", images(1, seed=7)[0])
    assert rebuild(classifier, folder, out, RECIPE, facts={}) == 1
    after = content(out)
    assert [place for place in PLACES if after[place] != before[place]] == ["dog/3.png"]
    assert rebuild(classifier, folder, out, RECIPE, facts={}) == 0


def test_other_settings_are_refused(classifier, folder, tmp_path):
    rebuild(classifier, folder, tmp_path / "to", RECIPE, facts={"model": "it"})
    for recipe, facts, seed in [
        (InvertRecipe(steps=3), {"model": "it"}, 0),
        (RECIPE, {}, 0),
        (RECIPE, {"model": "it"}, 1),
    ]:
        with pytest.raises(InputError, match="other settings"):
            rebuild(classifier, folder, tmp_path / "to", recipe, facts=facts, seed=seed)


@pytest.fixture
def other(tmp_path):
    """A folder that shares one name with the first."""
    for place, image in zip(["cat/1.png", "owl/9.png"], images(2, seed=8), strict=True):
        write_image(tmp_path / "other" / place, image)
    return tmp_path / "other"


def test_inversions_of_other_pictures_are_refused_or_removed(classifier, folder, other, tmp_path):
    out = tmp_path / "to"
    rebuild(classifier, folder, out, RECIPE, facts={})
    before = content(out)
    with pytest.raises(InputError, match=r"other: 5.png and 3 more"):
        rebuild(classifier, other, out, RECIPE, facts={})
    assert content(out) == before
    assert rebuild(classifier, other, out, RECIPE, facts={}, overwrite=True) == 2
    assert sorted(content(out)) == ["cat/1.png", "owl/9.png"]
    assert rebuild(classifier, other, out, RECIPE, facts={}, overwrite=True) == 0  # it only removes what is in the way


def test_pictures_of_nobody_knows_whom_are_refused_and_left(classifier, folder, tmp_path):
    out = tmp_path / "to"
    rebuild(classifier, folder, out, RECIPE, facts={})
    (out / ".5-x1y2.png").write_bytes(b"what a crash may leave")
    assert rebuild(classifier, folder, out, RECIPE, facts={}) == 0
    write_image(out / "mine.png", images(1)[0])
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r": mine.png"):
            rebuild(classifier, folder, out, RECIPE, facts={}, overwrite=overwrite)
    assert (out / "mine.png").exists()


def test_other_settings_replace_all_if_that_is_asked_for(classifier, folder, other, tmp_path):
    out, fresh = tmp_path / "to", tmp_path / "fresh"
    rebuild(classifier, folder, out, RECIPE, facts={})
    rebuild(classifier, other, fresh, InvertRecipe(steps=3), facts={})
    assert rebuild(classifier, other, out, InvertRecipe(steps=3), facts={}, overwrite=True) == 2
    assert content(out) == content(fresh)
    assert (out / SETTINGS).read_text() == (fresh / SETTINGS).read_text()


def test_two_images_that_would_be_one_are_refused(classifier, folder, tmp_path):
    write_image(folder / "5.jpg", images(1)[0])
    with pytest.raises(InputError, match="exists with several suffixes"):
        rebuild(classifier, folder, tmp_path / "to", RECIPE, facts={})
    assert not (tmp_path / "to").exists()


def test_the_command_goes_on_where_it_was_stopped(tiny_bundle, folder, tmp_path, capsys):
    words = ["invert", "--model", str(tiny_bundle), "--folder", str(folder), "--out", str(tmp_path / "to")]
    words += ["--steps", "2"]
    assert main(words) == 0
    assert "5 images inverted" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "to" / "dog")
    assert main(words) == 0
    assert "2 images inverted" in capsys.readouterr().out
    assert main([*words, "--seed", "2"]) == 2
    assert "other settings" in capsys.readouterr().err
    assert main([*words, "--seed", "2", "--overwrite"]) == 0
    assert "5 images inverted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--beside", "cifar10-standard"], "goes with neither"),
        (["--out", "from/within"], "--out must be a folder outside"),
        (["--out", "full"], "full is not empty"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else None,
)
def test_mistakes_are_told_before_the_work(tiny_bundle, folder, tmp_path, monkeypatch, capsys, more, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    assert main(["invert", "--model", str(tiny_bundle), "--folder", "from", *more]) == 2
    assert message in capsys.readouterr().err


def test_two_processes_make_what_one_makes(classifier, folder, tmp_path):
    rebuild(classifier, folder, tmp_path / "one", RECIPE, facts={})

    def share(rank):
        team = Processes(rank, 2)
        with sharing(team):
            made = rebuild(classifier, folder, tmp_path / "two", RECIPE, facts={}, chunk=3, team=team)
        return {"made": torch.tensor(made)}

    assert in_two_processes(share, tmp_path) == [{"made": 5}, {"made": 5}]
    assert content(tmp_path / "two") == content(tmp_path / "one")
