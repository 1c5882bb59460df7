import json
import shutil
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from helpers import images

from pellucid import Classifier, InputError, StylizeRecipe, stylize
from pellucid.cli.compare_style import named
from pellucid.cli.main import main
from pellucid.data.image import read_image, write_image
from pellucid.gallery.comparison import candidates_section
from pellucid.gallery.sliders import Slider, sliders
from pellucid.style.compare import Candidate, CompareRecipe, chosen, compare_style, single_layers, swapped
from pellucid.style.judge import Judge, Verdict
from pellucid.style.pyramid import resized
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.models import fingerprint, load
from pellucid.zoo.networks import build

FAST = StylizeRecipe(evaluations=3, smallest=32)


def network(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(
            build("preact-4-4-8-8", 2).eval(), [0.5] * 3, [0.25] * 3, card={"size": 32, "arch": "preact-4-4-8-8"}
        )


@pytest.fixture(scope="module")
def three():
    return {name: network(seed) for seed, name in enumerate(("one", "two", "judge"))}


CONTENT, STYLE = images(1, 32), images(1, 32, seed=1)


def test_the_judge_finds_no_style_in_the_content_and_no_content_in_the_style(three):
    judge = Judge(three["judge"])
    kept = judge(CONTENT, CONTENT, STYLE)
    assert (kept.style, kept.content) == pytest.approx((1, 0), abs=1e-4)
    lost = judge(STYLE, CONTENT, STYLE)
    assert (lost.style, lost.content) == pytest.approx((0, 1), abs=1e-3)
    between = judge((CONTENT + STYLE) / 2, CONTENT, STYLE)
    assert between.style > 0
    assert 0 < between.content < 1
    assert Verdict(0.25, 0.5).score == 0.75


def test_the_judge_takes_a_style_at_the_pictures_size_and_a_picture_at_the_contents(three):
    judge, large = Judge(three["judge"]), resized(STYLE, (64, 64))
    assert judge(CONTENT, CONTENT, large).style == pytest.approx(1, abs=1e-4)
    assert judge(resized(large, (32, 32)), CONTENT, large).style == pytest.approx(0, abs=1e-4)
    with pytest.raises(InputError, match="give one size"):
        judge(large, CONTENT, STYLE)


def test_candidates_are_made_as_their_point_of_the_grid_says(three):
    grid = CompareRecipe(style_weights=(0.3, 3.0), starts=("content", "noise"))
    found = compare_style({"one": three["one"]}, {"c": CONTENT}, {"s": STYLE}, three["judge"], grid, FAST, seed=5)
    for candidate in found:
        recipe = replace(FAST, style_weight=candidate.style_weight, start=candidate.start)
        assert torch.equal(candidate.images, stylize(three["one"], CONTENT, [STYLE], recipe, seed=5).images)


def test_every_network_searches_the_same_grid_with_the_same_budget(three):
    judge = three["judge"]
    networks = {name: three[name] for name in ("one", "two")}
    grid = CompareRecipe(style_weights=(0.5, 2.0), starts=("content", "noise"))
    seen = []
    found = compare_style(
        networks, {"c": CONTENT}, {"s": STYLE, "t": STYLE.flip(3)}, judge, grid, FAST, callback=seen.append
    )
    assert len(found) == 2 * 1 * 2 * 4
    assert {c.evaluations for c in found} == {3}
    for name in networks:
        points = [(c.style, c.style_weight, c.start) for c in found if c.network == name]
        assert points == [(s, w, b) for s in ("s", "t") for w in (0.5, 2.0) for b in ("content", "noise")]
    assert seen[-1] == 1
    best = chosen(found)
    assert list(best) == [("one", "c", "s"), ("one", "c", "t"), ("two", "c", "s"), ("two", "c", "t")]
    for (name, content, style), candidate in best.items():
        rivals = [c.verdict.score for c in found if (c.network, c.content, c.style) == (name, content, style)]
        assert candidate.verdict.score == min(rivals)


def test_networks_are_swapped_and_layers_stand_alone(three):
    networks = {name: three[name] for name in ("one", "two")}
    made = swapped(networks, CONTENT, STYLE, FAST)
    assert list(made) == [("one", "one"), ("one", "two"), ("two", "one"), ("two", "two")]
    assert not torch.equal(made["one", "one"], made["two", "one"])
    layers = dict(single_layers(three["one"], CONTENT, STYLE, FAST))
    assert list(layers) == ["stem", "stage1", "stage2", "stage3"]
    assert not torch.equal(layers["stem"], layers["stage3"])


def test_all_candidates_stand_on_one_sheet(three, tmp_path):
    found = [
        Candidate(name, "c", style, weight, "noise", torch.full((1, 3, 64, 64), weight / 4), Verdict(weight, 0), 1)
        for name in ("one", "two") for style in ("s", "t") for weight in (3.0, 1.0, 2.0)
    ]  # fmt: skip
    section = candidates_section(tmp_path, found, chosen(found))
    drawn = read_image(tmp_path / "candidates.png")
    row = section.rows[0]
    assert (row.file, drawn.shape) == ("candidates.png", (3, row.height, row.width))
    shades = [round(255 * weight / 4) for weight in (3, 1, 2)]
    for top in range(16, row.height, 128 + 4 + 16):  # four rows of three pictures, each under its caption
        line = (drawn[0, top + 64] * 255).round().long().tolist()
        assert [line[row.width - 128 * 3 - 8 + 132 * n + 64] for n in range(3)] == shades
    assert row.height == 4 * 148 - 4


def test_a_judge_of_its_own_pictures_is_refused(three):
    with pytest.raises(InputError, match="the judge is one of the networks"):
        compare_style({"one": three["one"]}, {"c": CONTENT}, {"s": STYLE}, three["one"])
    with pytest.raises(InputError, match="a comparison needs"):
        compare_style({"one": three["one"]}, {}, {"s": STYLE}, three["two"])


def test_a_copy_of_a_network_may_not_judge_it_either(three):
    with pytest.raises(InputError, match="the judge is one of the networks, one, and would favor"):
        compare_style({"two": three["two"], "one": three["one"]}, {"c": CONTENT}, {"s": STYLE}, deepcopy(three["one"]))


def test_pictures_of_one_name_are_told_apart(tmp_path):
    files = [tmp_path / name for name in ("a/icc.png", "a/icc.jpg", "a/sea.png")]
    for number, file in enumerate(files):
        write_image(file, images(1, 16, seed=number)[0])
    assert list(named(files)) == ["icc.png", "icc.jpg", "sea.png"]
    assert list(named(files[1:])) == ["icc", "sea"]
    with pytest.raises(InputError, match=r"icc\.jpg is named twice"):
        named([*files, files[1]])


def test_a_slider_escapes_what_it_is_given():
    text = sliders([Slider("a.png", "b.png", "<b> & co")])
    assert "&lt;b&gt; &amp; co" in text
    assert "<b>" not in text


@pytest.fixture
def files(three, tmp_path):
    for name, classifier in three.items():
        save_bundle(classifier, tmp_path / name)
    write_image(tmp_path / "content.png", CONTENT[0])
    write_image(tmp_path / "style.png", STYLE[0])
    return tmp_path


def words(files):
    models = ["--models", str(files / "one"), str(files / "two"), "--judge", str(files / "judge")]
    pictures = ["--contents", str(files / "content.png"), "--styles", str(files / "style.png")]
    return ["compare-style", *models, *pictures, "--size", "32", "--smallest", "32", "--evaluations", "2"]


def test_the_command_writes_a_page_with_sliders(files, capsys):
    out = files / "page"
    assert main([*words(files), "--style-weights", "1", "--out", str(out)]) == 0
    text = (out / "index.html").read_text()
    facts = json.loads((out / "comparison.json").read_text())
    assert facts["rule"] in text
    assert facts["rule"] in capsys.readouterr().out
    assert facts["judge_sha256"] == fingerprint(load(str(files / "judge"), "cpu"))
    assert [c["chosen"] for c in facts["candidates"]].count(True) == 2
    assert text.count('type="range"') == 2 + 4 + 2 * 4  # chosen, swapped, single layers
    assert "candidates.png" in text
    for name in {part.split('"')[0] for part in text.split('src="')[1:]}:
        assert (out / name).is_file()
    assert main([*words(files), "--out", str(out)]) == 2
    assert "exists; choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--judge", "one"], "cannot judge what it made"),
        (["--judge", "copy"], "the judge is one of the networks, one"),
        (["--style-weight", "77"], "the grid varies style weights; say --style-weights, not --style-weight"),
        (["--start=noise"], "the grid varies starts; say --starts, not --start"),
        (["--styles"], "name the pictures"),
        (["--models", "one", "one"], "name each network once"),
        (["--contents", "no.png"], "no.png does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_command_tells_mistakes(files, monkeypatch, capsys, more, message):
    monkeypatch.chdir(files)
    for suffix in (".json", ".safetensors"):
        shutil.copy(files / f"one{suffix}", files / f"copy{suffix}")
    base = [word.replace(f"{files}/", "") for word in words(files)]
    assert main([*base, *more]) == 2
    assert message in capsys.readouterr().err
    assert not (files / "pellucid-style").exists()
