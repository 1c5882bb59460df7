import json

import pytest
import torch
from helpers import images

from pellucid import Activation, Exceeds, InputError, ManipulateRecipe, Reaches, Unbounded, descend, manipulate
from pellucid.cli.main import main
from pellucid.data.image import write_image
from pellucid.representation.match import represent

RECIPE = ManipulateRecipe(steps=30, step_size=0.2, straight_through=False)


def test_it_climbs_the_unit_until_it_exceeds_every_other(classifier):
    batch, units = images(4), torch.tensor([0, 7, 7, 13])
    made = manipulate(classifier, batch, units, RECIPE)
    expected = descend(
        classifier, -Activation(units), batch, ball=Unbounded(), steps=30, step_size=0.2, stop=Exceeds(units)
    )
    torch.testing.assert_close(made.images, expected.images, atol=1e-4, rtol=0)
    assert torch.equal(made.stopped_at, expected.stopped_at)
    assert 0 < made.stopped_at.min() < 30
    assert repr(made).endswith(f"; {made.stopped_at.max()} steps)")


def test_an_image_that_is_done_has_the_largest_unit_and_had_it_not_a_step_before(classifier):
    batch, units = images(4), torch.tensor([0, 7, 7, 13])
    made = manipulate(classifier, batch, units, RECIPE)
    assert made.stopped.count("stop") >= 2
    for number, at in enumerate(made.stopped_at.tolist()):
        if made.stopped[number] == "steps":
            continue
        values = represent(classifier, made.images[number, None])[0]
        assert values.argmax() == units[number]
        shorter = ManipulateRecipe(steps=at, step_size=0.2, straight_through=False)  # ends one evaluation earlier
        before = manipulate(classifier, batch[number, None], int(units[number]), shorter)
        assert before.stopped == ["steps"]


def test_the_notebooks_rule_is_a_value_to_reach(classifier):
    recipe = ManipulateRecipe(steps=30, step_size=0.2, until="reaches", value=1.5)
    made = manipulate(classifier, images(3), 7, recipe)
    expected = descend(
        classifier, -Activation(7, straight_through=True), images(3), ball=Unbounded(), steps=30, step_size=0.2,
        stop=Reaches(7, 1.5),
    )  # fmt: skip
    assert torch.equal(made.stopped_at, expected.stopped_at)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (24, "units 0 to 23, not 24"),
        (-1, "units 0 to 23, not -1"),
        (torch.tensor([0, 99]), "units 0 to 23, not 99"),
        (torch.tensor([0, 1, 2]), "3 units for 2 images"),
    ],
)
def test_units_that_do_not_exist_are_refused(classifier, units, message):
    with pytest.raises(InputError, match=message):
        manipulate(classifier, images(2), units, RECIPE)


def test_the_command_adds_each_unit_to_each_image(tiny_bundle, other_bundle, tmp_path, capsys):
    for number, image in enumerate(images(2, 16)):
        write_image(tmp_path / "photos" / f"{number}.png", image)
    words = ["manipulate", "--model", str(tiny_bundle), "--images", str(tmp_path / "photos"), "--units", "3", "5", "0"]
    out = tmp_path / "made.png"
    assert main([*words, "--beside", str(other_bundle), "--steps", "3", "--out", str(out)]) == 0
    facts = json.loads(out.with_suffix(".json").read_text())
    assert facts["units"] == [3, 3, 5, 5, 0, 0]
    assert len(facts["images"]) == 6
    assert main(words[:-4]) == 2
    assert "name the units to add" in capsys.readouterr().err
    assert main([*words[:-1], "1000000", "--out", str(tmp_path / "x")]) == 2
    assert "not 1000000" in capsys.readouterr().err
