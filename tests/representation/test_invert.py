import json

import pytest
import torch
from helpers import close, conv_classifier, images

from pellucid import L2, Distance, InputError, InvertRecipe, Momentum, Near, Unbounded, descend, invert
from pellucid.cli.main import main
from pellucid.core.batch import norms
from pellucid.core.optimizer import cosine
from pellucid.data.image import read_image, write_image
from pellucid.representation.invert import begin
from pellucid.representation.match import represent

RECIPE = InvertRecipe(steps=10, step_size=0.3)


def test_it_is_a_descent_to_the_targets_representation(classifier):
    targets, start = images(3), images(3, seed=1)
    made = invert(classifier, targets, InvertRecipe(eps=2.0, steps=10, step_size=0.3, tolerance=0.2), start=start)
    distance = Distance(classifier(targets).representation.detach())
    expected = descend(
        classifier, distance, start, ball=L2(2.0), steps=10, step_size=0.3,
        optimizer=Momentum(0.9), schedule=cosine, stop=Near(distance, 0.2),
    )  # fmt: skip
    close(made.images, expected.images)
    assert torch.equal(made.stopped_at, expected.stopped_at)


def test_the_paper_takes_plain_steps_of_one_length(classifier):
    targets = images(2)
    recipe = InvertRecipe(steps=6, step_size=0.1, momentum=0, schedule="constant", tolerance=0)
    made = invert(classifier, targets, recipe, seed=3)
    distance = Distance(represent(classifier, targets))
    start = begin("noise", targets, 3)
    close(made.images, descend(classifier, distance, start, ball=Unbounded(), steps=6, step_size=0.1).images)


def test_noise_and_gray_are_the_starts_of_the_reference():
    like = images(200)
    assert torch.equal(begin("gray", like, 0), torch.full_like(like, 0.5))
    noise = begin("noise", like, 0)
    assert float(noise.mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(noise.std()) == pytest.approx(0.05, abs=1e-3)
    assert torch.equal(begin("noise", like[:3], 0, first=5), noise[5:8])


def test_results_are_measured_against_the_targets(classifier):
    targets = images(2)
    made = invert(classifier, targets, RECIPE)
    told = made.info["result"]
    wanted, found = represent(classifier, targets), represent(classifier, made.images)
    assert told["distance"] == pytest.approx((norms(found - wanted) / norms(wanted)).tolist(), abs=1e-4)
    errors = (made.images - targets).square().flatten(1).mean(1)
    assert told["psnr"] == pytest.approx((-10 * errors.log10()).tolist(), abs=1e-2)


def test_a_start_of_another_size_is_resized_and_said(classifier):
    with pytest.warns(UserWarning, match="the start, 16 x 12, was resized to the target's 8 x 8"):
        made = invert(classifier, images(2), RECIPE, start=torch.rand(1, 3, 12, 16))
    assert made.start.shape == (2, 3, 8, 8)


def test_mistakes_are_told(classifier):
    with pytest.raises(InputError, match="2 starts for 3 targets"):
        invert(classifier, images(3), RECIPE, start=images(2))
    broken = images(1)
    broken[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="targets must have values in"):
        invert(classifier, broken, RECIPE)
    dead = conv_classifier()
    dead.network[1].bias.data.fill_(-100)
    with pytest.raises(InputError, match="the representation to match is zero for image 0"):
        invert(dead, images(1), RECIPE)


@pytest.fixture
def photos(tmp_path):
    for number, image in enumerate(images(3, 16)):
        write_image(tmp_path / "photos" / f"{number}.png", image)
    return tmp_path / "photos"


def test_the_command_shows_targets_starts_and_each_classifiers_results(
    tiny_bundle, other_bundle, photos, tmp_path, capsys
):
    out, models = tmp_path / "made.png", ["--model", str(tiny_bundle), "--beside", str(other_bundle)]
    assert main(["invert", *models, "--targets", str(photos), "--steps", "3", "--out", str(out)]) == 0
    facts = json.loads(out.with_suffix(".json").read_text())
    assert len(facts["images"]) == len(facts["beside"]["images"]) == 3
    assert facts["recipe"]["eps"] == "inf"
    assert read_image(out).shape[1] > 3 * 128
    assert main(["rerun", str(out.with_suffix(".json")), "--out", str(tmp_path / "again.png")]) == 0
    assert (tmp_path / "again.png").read_bytes() == out.read_bytes()


def test_a_folder_holds_the_results_of_both_classifiers(tiny_bundle, other_bundle, photos, tmp_path):
    out, models = tmp_path / "made", ["--model", str(tiny_bundle), "--beside", str(other_bundle)]
    assert main(["invert", *models, "--targets", str(photos), "--steps", "2", "--out", str(out)]) == 0
    names = ["0000.png", "0001.png", "0002.png"]
    assert sorted(p.name for p in out.glob("*.png")) == names
    assert sorted(p.name for p in (out / "beside").iterdir()) == names
    assert (out / "0001.png").read_bytes() != (out / "beside" / "0001.png").read_bytes()


def test_kaleidoscopes_and_named_starts(tiny_bundle, photos, tmp_path):
    words = ["invert", "--model", str(tiny_bundle), "--kaleidoscope", "2", "--steps", "2"]
    assert main([*words, "--out", str(tmp_path / "a")]) == 0
    assert main([*words, "--images", str(photos / "1.png"), "--out", str(tmp_path / "b")]) == 0
    assert (tmp_path / "a" / "0000.png").read_bytes() != (tmp_path / "b" / "0000.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one thing to invert"),
        (["--kaleidoscope", "2", "--data", "x.npz"], "name one thing to invert"),
        (["--kaleidoscope", "0"], "count must be a whole number of at least 1, not 0"),
        (["--targets", "no.png"], "no.png does not exist"),
        (["--folder", "nowhere"], "nowhere is not a folder"),
        (["--kaleidoscope", "2", "--model", "cifar10-standard", "--beside", "cifar10-standard"], "cannot stand beside"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_command_tells_mistakes_in_one_line(tiny_bundle, tmp_path, capsys, words, message):
    code = None
    try:
        code = main(["invert", "--model", str(tiny_bundle), "--out", str(tmp_path / "x.png"), "--steps", "1", *words])
    except SystemExit as leaving:
        code = leaving.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()
