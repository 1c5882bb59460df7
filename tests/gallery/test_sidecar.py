"""What stands beside a result."""

import hashlib
import json
import math

import pytest

from pellucid import ManipulateRecipe, save
from pellucid.gallery.sidecar import made_by, write_sidecar


def test_the_command_recipe_seed_and_inputs_are_told(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"abc")
    facts = made_by("paint", ["--seed", "3"], recipe=ManipulateRecipe(), seed=3, inputs=[tmp_path / "a.bin"] * 2)
    assert facts["task"] == "paint"
    assert facts["command"] == ["paint", "--seed", "3"]
    assert (facts["seed"], facts["recipe"]["eps"]) == (3, "inf")
    assert facts["inputs"] == [{"path": str(tmp_path / "a.bin"), "sha256": hashlib.sha256(b"abc").hexdigest()}]
    assert set(facts["versions"]) == {"pellucid", "torch", "python"}
    assert set(made_by("models", [])) == {"task", "command", "versions"}


@pytest.mark.parametrize(("result", "beside"), [("x.png", "x.json"), ("x.npz", "x.json"), ("x", "x/descent.json")])
def test_a_sidecar_goes_beside_a_file_or_into_a_folder(tmp_path, result, beside):
    assert write_sidecar(tmp_path / result, {"loss": math.inf}) == tmp_path / beside
    assert json.loads((tmp_path / beside).read_text()) == {"loss": None}  # infinity is not JSON


def test_the_sidecar_says_what_made_the_images_and_what_became_of_each(tmp_path, descent):
    made = descent()
    facts = json.loads(save(made, tmp_path / "pets.png").with_suffix(".json").read_text(), parse_constant=pytest.fail)
    assert facts["seed"] == 7
    assert (facts["forwards"], facts["backwards"]) == (10, 10)
    assert set(facts["versions"]) == {"pellucid", "torch", "python"}
    distances = (made.images - made.start).square().sum((1, 2, 3)).sqrt().tolist()
    for number, (image, loss) in enumerate(zip(facts["images"], (0.5, None, None), strict=True)):
        assert image["label"] == number
        assert image["loss"] == loss  # infinity and NaN are not JSON
        assert image["distance"] == pytest.approx(distances[number], abs=1e-4)
    assert [image["stopped"] for image in facts["images"]] == ["steps", "stop", "steps"]
    assert [image["steps"] for image in facts["images"]] == [10, 4, 10]
