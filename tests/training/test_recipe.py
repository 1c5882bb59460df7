import json
import math
from dataclasses import asdict, replace

import pytest

from pellucid import InputError
from pellucid.training.recipe import Attack, TrainRecipe

WRONG = {
    TrainRecipe: {
        "epochs": (0,), "batch_size": (0,), "replays": (0,), "lr": (-1.0, math.nan), "weight_decay": (math.inf,),
        "average": (1.0,), "momentum": (1.5,), "drops": ((3, -1),), "seed": (10**20, -1), "schedule": ("bar",),
        "augment": ("foo",), "method": ("pdg",),
    },
    Attack: {
        "eps": (-1.0, math.nan, math.inf), "steps": (0,), "step_size": (0.0,), "warmup": (1.5,), "norm": ("l3",),
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "value"), [(kind, name, v) for kind, rows in WRONG.items() for name in rows for v in rows[name]]
)
def test_a_recipe_that_cannot_be_is_refused(kind, name, value):
    with pytest.raises(InputError, match=name):
        kind(**{name: value})


def test_an_linf_eps_in_8_bit_units_is_recognized():
    with pytest.raises(InputError, match="did you mean 8/255"):
        Attack(eps=8, norm="linf")
    assert Attack(eps=8, norm="l2").eps == 8


@pytest.mark.parametrize(
    ("method", "attack", "said"),
    [
        ("trades", {}, "--attack.eps"),
        ("free", {}, "--attack.eps"),
        ("trades", {"eps": 0.5}, "--attack.random-start"),
        ("free", {"eps": 0.5, "steps": 7}, "--attack.steps"),
        ("free", {"eps": 0.5, "random_start": True}, "--attack.random-start"),
    ],
)
def test_each_method_has_an_attack_of_its_kind(method, attack, said):
    with pytest.raises(InputError, match=said):
        TrainRecipe(method=method, attack=Attack(**attack))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "noise"}, "--method noise and --sigma, such as 0.25, go together"),
        ({"sigma": 0.25}, "--method noise and --sigma, such as 0.25, go together"),
        ({"method": "noise", "sigma": 0.25, "attack": Attack(eps=0.5)}, "noise trains without an attack"),
    ],
)
def test_noise_has_a_sigma_and_no_attack(settings, said):
    with pytest.raises(InputError, match=said):
        TrainRecipe(**settings)


def test_the_attacks_step_is_the_radius_or_two_and_a_half_radii_over_the_steps():
    assert Attack(eps=0.5).length == 0.5
    assert Attack(eps=0.5, steps=5).length == 0.25
    assert Attack(eps=0.5, steps=7, step_size=0.1).length == 0.1


def test_eps_and_step_warm_up_together():
    attack = Attack(eps=1.0, steps=7, step_size=0.5, warmup=0.2)
    assert [attack.at(p).eps for p in (0.0, 0.05, 0.1, 0.2, 0.9)] == pytest.approx([0, 0.25, 0.5, 1, 1])
    assert attack.at(0.1).length == pytest.approx(0.25)
    assert replace(attack, step_size=None).at(0.1).length == pytest.approx(2.5 * 0.5 / 7)
    assert Attack(eps=1.0).at(0.0).eps == 1.0


def test_differences_are_named_down_to_the_attack():
    recipe = TrainRecipe(attack=Attack(eps=0.5))
    saved = json.loads(json.dumps(asdict(recipe)))
    assert recipe.differences(saved) == []
    changed = replace(recipe, lr=0.1, drops=(3,), attack=replace(recipe.attack, eps=1.0))
    assert changed.differences(saved) == ["attack.eps was 0.5", "lr was 0.2", "drops was [150, 250]"]
    del saved["beta"]
    assert recipe.differences(saved) == ["beta was None"]
