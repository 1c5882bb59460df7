import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import conv_classifier, images

from pellucid import InputError
from pellucid.data.dataset import Dataset, Split
from pellucid.training.checkpoint import average_into, load_checkpoint, save_checkpoint
from pellucid.training.recipe import Attack, TrainRecipe
from pellucid.training.schedule import constant, cosine, one_cycle, schedule, steps
from pellucid.training.train import channel_statistics, perturb, train

RECIPE = TrainRecipe(arch="preact-4-8", epochs=2, batch_size=16, lr=0.1, average=0.8)


def split(count, seed):
    """Two classes: brighter at the top, or at the bottom."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    ramp = torch.linspace(-1, 1, 8)[:, None].expand(8, 8)
    pixels = 128 + 60 * (1 - 2 * labels[:, None, None, None]) * ramp
    pixels = pixels + 25 * torch.randn(count, 3, 8, 8, generator=generator)
    return Split(pixels.clamp(0, 255).byte(), labels)


@pytest.fixture(scope="module")
def data():
    return Dataset("ramps", split(64, 0), split(32, 1), ["top", "bottom"])


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class InterruptedRunError(Exception):
    pass


def run(data, recipe, folder, **options):
    return train(data, recipe, folder, precision="float32", **options).network.state_dict()


# Training


@pytest.mark.parametrize(
    "attack", [Attack(), Attack(eps=0.2, steps=2), Attack(eps=0.02, norm="linf", random_start=True)]
)
def test_the_loss_falls_and_the_classes_are_learned(data, tmp_path, attack):
    recipe = replace(RECIPE, epochs=6, attack=attack)
    classifier = train(data, recipe, tmp_path, precision="float32")
    lines = metrics(tmp_path)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"] / 2
    assert lines[-1]["test_accuracy"] > 0.9
    x, labels = data.test.batch(slice(None))
    assert float((classifier.logits(x).argmax(1) == labels).float().mean()) == pytest.approx(
        lines[-1]["test_accuracy"], abs=1e-4
    )
    assert classifier.class_names == ["top", "bottom"]
    assert not classifier.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data, tmp_path):
    recipe = replace(RECIPE, epochs=1)
    torch.manual_seed(1)
    first = run(data, recipe, tmp_path / "a")
    torch.manual_seed(2)
    again = run(data, recipe, tmp_path / "b")
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = run(data, replace(recipe, seed=1), tmp_path / "c")
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("attack", [Attack(), Attack(eps=0.2, random_start=True)])
def test_a_resumed_run_gives_bit_identical_weights(data, tmp_path, attack):
    recipe = replace(RECIPE, attack=attack)
    whole = run(data, recipe, tmp_path / "whole")

    def interrupt(progress):
        if progress.step == 6:  # in the second epoch of 4 steps
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        run(data, recipe, tmp_path / "parts", callback=interrupt)
    assert len(metrics(tmp_path / "parts")) == 1
    parts = run(data, recipe, tmp_path / "parts", resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    without_time = [{k: v for k, v in line.items() if k != "seconds"} for line in metrics(tmp_path / "whole")]
    assert [{k: v for k, v in line.items() if k != "seconds"} for line in metrics(tmp_path / "parts")] == without_time


def test_changed_settings_are_refused_by_name(data, tmp_path):
    run(data, replace(RECIPE, epochs=1), tmp_path)
    with pytest.raises(InputError, match=r"other settings: attack was .*, lr was 0.1$") as error:
        run(data, replace(RECIPE, epochs=1, lr=0.2, attack=Attack(eps=0.1)), tmp_path, resume=True)
    assert "momentum" not in str(error.value)


def test_without_a_checkpoint_there_is_nothing_to_resume(data, tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint\.safetensors to resume"):
        run(data, RECIPE, tmp_path, resume=True)


def test_training_needs_images(data, tmp_path):
    with pytest.raises(InputError, match="no training images"):
        run(replace(data, train=Split(data.train.images[:0], data.train.labels[:0])), RECIPE, tmp_path)


def test_a_loss_that_is_not_finite_is_said_so(data, tmp_path):
    with pytest.raises(InputError, match=r"try a lower lr than 1e\+30"):
        run(data, replace(RECIPE, lr=1e30, schedule="constant"), tmp_path)


def test_the_callback_counts_all_steps(data, tmp_path):
    seen = []
    run(data, RECIPE, tmp_path, callback=seen.append)
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {progress.steps for progress in seen} == {8}
    assert [progress.epoch for progress in seen] == [0] * 4 + [1] * 4
    assert seen[0].metrics is None
    assert seen[-1].metrics["epoch"] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"lr": -1.0},
        {"lr": math.nan},
        {"weight_decay": math.inf},
        {"average": 1.0},
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_is_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        TrainRecipe(**options)


# Its parts


@pytest.mark.parametrize(("norm", "eps"), [("l2", 0.4), ("linf", 0.03)])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("random_start", [False, True])
def test_perturbed_images_are_in_the_ball_and_have_a_higher_loss(norm, eps, steps, random_start):
    classifier, x, labels = conv_classifier().eval(), images(6), torch.tensor([0, 1, 2, 3, 0, 1])
    attack = Attack(eps=eps, norm=norm, steps=steps, random_start=random_start)
    worse = perturb(classifier, x, labels, attack)
    distance = torch.linalg.vector_norm((worse - x).flatten(1), 2 if norm == "l2" else math.inf, dim=1)
    assert (distance <= eps * (1 + 1e-5)).all()
    assert (distance > eps / 4).all()
    assert worse.min() >= 0
    assert worse.max() <= 1
    before, after = (F.cross_entropy(classifier.logits(images), labels, reduction="none") for images in (x, worse))
    assert (after > before).all()


def test_the_attacks_step_is_the_radius_or_two_and_a_half_radii_over_the_steps():
    assert Attack(eps=0.5).length == 0.5
    assert Attack(eps=0.5, steps=5).length == 0.25
    assert Attack(eps=0.5, steps=7, step_size=0.1).length == 0.1


@pytest.mark.parametrize("options", [{"eps": -1.0}, {"eps": math.nan}, {"eps": math.inf}, {"steps": 0}], ids=str)
def test_an_attack_that_cannot_be_is_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Attack(**options)


def test_channel_statistics_are_numpys(data):
    mean, std = channel_statistics(data.train)
    pixels = data.train.images.numpy().astype(np.float64) / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist())
    assert std == pytest.approx(pixels.std((0, 2, 3)).tolist())


def test_channel_statistics_of_constant_images_can_be_divided_by():
    constant = Split(torch.full((1001, 3, 2, 2), 51).byte(), torch.zeros(1001).long())
    mean, std = channel_statistics(constant)
    assert mean == pytest.approx([0.2] * 3)
    assert min(std) > 0


def test_the_moving_average_includes_the_statistics_of_batch_norms():
    network, average = torch.nn.BatchNorm1d(2), {}
    average.update({name: tensor.clone() for name, tensor in network.state_dict().items()})
    network.running_mean += 4.0
    network.num_batches_tracked += 7
    average_into(average, network, 0.75)
    assert average["running_mean"].tolist() == [1.0, 1.0]
    assert average["num_batches_tracked"] == 7


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    state = {
        "network": {"a/b.weight": torch.rand(2, 3), "n": torch.tensor(3)},
        "random": {"order": torch.Generator().get_state()},
    }
    save_checkpoint(tmp_path / "deep" / "x.safetensors", state, {"epoch": 3, "recipe": {"lr": 0.1}})
    loaded, facts = load_checkpoint(tmp_path / "deep" / "x.safetensors")
    assert facts == {"epoch": 3, "recipe": {"lr": 0.1}}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.safetensors"]
    for group in state:
        assert loaded[group].keys() == state[group].keys()
        assert all(torch.equal(loaded[group][name], state[group][name]) for name in state[group])


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"], ids=["empty", "noise", "foreign"]
)
def test_what_is_not_a_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "x.safetensors")


# Schedules


def test_one_cycle_rises_linearly_and_falls_as_a_half_cosine():
    rate = one_cycle(warmup=0.25)
    assert [rate(p) for p in (0.05, 0.125, 0.25, 0.625, 1.0)] == pytest.approx([0.2, 0.5, 1.0, 0.5, 0.0])
    assert rate(0.4375) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert 0 < rate(0.0) < 0.01


def test_steps_drop_tenfold():
    rate = steps((0.5, 0.75))
    assert [rate(p) for p in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_and_constant():
    assert [cosine()(p) for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0])
    assert {constant()(p) for p in (0.0, 0.3, 1.0)} == {1.0}


@pytest.mark.parametrize(
    ("name", "same"),
    [("one-cycle", one_cycle()), ("steps", steps((0.3,))), ("cosine", cosine()), ("constant", constant())],
)
def test_schedules_have_names(name, same):
    assert [schedule(name, (0.3,))(p / 10) for p in range(11)] == [same(p / 10) for p in range(11)]


def test_an_unknown_schedule_is_refused():
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        schedule("cosin")
