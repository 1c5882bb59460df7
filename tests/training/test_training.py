import math
from dataclasses import replace

import pytest
import torch
from helpers import images
from training_helpers import RECIPE, metrics, run, split, without_times

from pellucid import InputError
from pellucid.data.dataset import Dataset, Split
from pellucid.data.folder import FolderFiles, load_folder
from pellucid.data.image import write_image
from pellucid.training import method
from pellucid.training.checkpoint import CHECKPOINT, read_checkpoint
from pellucid.training.estimate import estimate
from pellucid.training.recipe import Attack, TrainRecipe
from pellucid.training.state import TrainingState
from pellucid.training.train import train
from pellucid.training.watch import LossWatch
from pellucid.zoo.bundle import save_bundle


@pytest.fixture(scope="module")
def data():
    return Dataset("ramps", split(64, 0), split(32, 1), ["top", "bottom"])


class InterruptedRunError(Exception):
    pass


# Training


@pytest.mark.parametrize(
    "attack", [Attack(), Attack(eps=0.2, steps=2), Attack(eps=0.02, norm="linf", random_start=True)]
)
def test_the_loss_falls_and_the_classes_are_learned(data, tmp_path, attack):
    recipe = replace(RECIPE, epochs=6, attack=attack)
    classifier = train(data, recipe, tmp_path, precision="float32")
    lines = metrics(tmp_path)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"] * 0.6
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
    assert without_times(metrics(tmp_path / "parts")) == without_times(metrics(tmp_path / "whole"))


def test_changed_settings_are_refused_by_name(data, tmp_path):
    run(data, replace(RECIPE, epochs=1), tmp_path)
    with pytest.raises(InputError, match=r"other settings: attack\.eps was 0\.0, lr was 0\.1$") as error:
        run(data, replace(RECIPE, epochs=1, lr=0.2, attack=Attack(eps=0.1)), tmp_path, resume=True)
    assert "momentum" not in str(error.value)


def test_without_a_checkpoint_there_is_nothing_to_resume(data, tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint\.safetensors to resume"):
        run(data, RECIPE, tmp_path, resume=True)


def test_training_needs_images(data, tmp_path):
    with pytest.raises(InputError, match="no training images"):
        run(replace(data, train=Split(data.train.images[:0], data.train.labels[:0])), RECIPE, tmp_path)


def test_one_class_is_nothing_to_learn(data, tmp_path):
    alone = Split(data.train.images, torch.ones_like(data.train.labels))
    with pytest.raises(InputError, match=repr(data.class_names[1])):
        run(replace(data, train=alone), RECIPE, tmp_path)


def test_a_loss_that_is_not_a_number_stops_with_its_step_its_images_and_the_last_good_checkpoint(data, tmp_path):
    recipe = replace(RECIPE, lr=1e30, schedule="multi-step", drops=(1,), epochs=2)
    with pytest.raises(InputError, match=r"loss is nan at step 2 \(epoch 1\), on images (\d+ ){15}\d+; .*epoch 0; try"):
        run(data, recipe, tmp_path)
    _, facts = read_checkpoint(tmp_path / CHECKPOINT)
    assert facts["epoch"] == 0
    assert metrics(tmp_path) == []


def test_weights_that_the_last_update_of_an_epoch_broke_are_not_saved(data, tmp_path, monkeypatch):
    lower = TrainingState.lower

    def break_at_the_fourth_update(state, loss, rate):
        lower(state, loss, rate)
        if state.updates == 4:  # the last of the first epoch
            state.classifier.network.head.weight.data[0, 0] = math.nan

    monkeypatch.setattr(TrainingState, "lower", break_at_the_fourth_update)
    with pytest.raises(InputError, match=r"head\.weight is no longer finite after epoch 1; .*epoch 0"):
        run(data, RECIPE, tmp_path)
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["epoch"] == 0


def test_a_report_of_a_large_batch_names_sixteen_images_and_counts_the_others(data, tmp_path):
    recipe = replace(RECIPE, lr=1e30, schedule="constant", batch_size=32)
    with pytest.raises(InputError, match=r"on images (\d+ ){16}and 16 more; "):
        run(data, recipe, tmp_path)


def test_images_that_are_files_are_named_by_their_files(tmp_path):
    for number, image in enumerate(images(2)):
        write_image(tmp_path / "train" / "ab"[number] / f"{number}.png", image)
    watch = LossWatch(1, load_folder(tmp_path, 8).train)
    watch.note(0, torch.tensor([1, 0]), torch.tensor(math.nan))
    with pytest.raises(InputError, match=r"on images \S*train/b/1\.png \S*train/a/0\.png; "):
        watch.check()


def test_metrics_tell_the_learning_rate_and_the_radius_of_the_last_step(data, tmp_path):
    recipe = replace(RECIPE, epochs=4, schedule="multi-step", drops=(2,), attack=Attack(eps=0.2, warmup=0.5))
    run(data, recipe, tmp_path)
    lines = metrics(tmp_path)
    assert [line["lr"] for line in lines] == pytest.approx([0.1, 0.1, 0.01, 0.01])
    assert [line["eps"] for line in lines] == pytest.approx([0.2 * 3.5 / 8, 0.2 * 7.5 / 8, 0.2, 0.2])


def test_classes_of_the_same_name_are_refused(data, tmp_path):
    with pytest.raises(InputError, match="ramps has several classes called 'top'; give --class-names that differ"):
        run(replace(data, class_names=["top", "top"]), RECIPE, tmp_path)


def test_the_callback_counts_all_steps(data, tmp_path):
    seen = []
    run(data, RECIPE, tmp_path, callback=seen.append)
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {progress.steps for progress in seen} == {8}
    assert [progress.epoch for progress in seen] == [0] * 4 + [1] * 4
    assert seen[0].metrics is None
    assert seen[-1].metrics["epoch"] == 1


def test_other_data_and_another_precision_are_refused_by_name(data, tmp_path):
    run(data, replace(RECIPE, epochs=1), tmp_path)
    other = replace(data, name="others", train=split(32, 0))
    with pytest.raises(InputError, match=r"other settings: data was ramps, images was 64$"):
        run(other, replace(RECIPE, epochs=1), tmp_path, resume=True)
    with pytest.raises(InputError, match=r"precision was float32$"):
        train(data, replace(RECIPE, epochs=1), tmp_path, resume=True, precision="bfloat16")


OTHERS = {
    "pixels": (lambda d: replace(d, train=Split(d.train.images ^ 1, d.train.labels)), "the training images or"),
    "labels": (lambda d: replace(d, train=Split(d.train.images, 1 - d.train.labels)), "the training images or"),
    "names": (lambda d: replace(d, class_names=["up", "down"]), "class_names was top, bottom"),
    "size": (lambda d: replace(d, train=Split(d.train.images[:, :, :6, :6], d.train.labels)), "size was 8, 8"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_run_does_not_go_on_with_other_images_or_classes_of_the_same_name_and_count(data, tmp_path, kind):
    change, message = OTHERS[kind]
    run(data, replace(RECIPE, epochs=1), tmp_path)
    with pytest.raises(InputError, match=rf"begun with other settings: {message}"):
        run(change(data), replace(RECIPE, epochs=1), tmp_path, resume=True)


def test_a_damaged_last_checkpoint_costs_an_epoch_and_not_a_bit(data, tmp_path):
    recipe = replace(RECIPE, epochs=4, attack=Attack(eps=0.2, random_start=True))
    whole = run(data, recipe, tmp_path / "whole")

    def interrupt(progress):
        if progress.step == 14:  # in the fourth epoch
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        run(data, recipe, tmp_path / "parts", callback=interrupt)
    content = (tmp_path / "parts" / CHECKPOINT).read_bytes()
    (tmp_path / "parts" / CHECKPOINT).write_bytes(content[: len(content) // 2])
    with pytest.warns(UserWarning, match="going on from the one before, of epoch 2"):
        parts = run(data, recipe, tmp_path / "parts", resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert without_times(metrics(tmp_path / "parts")) == without_times(metrics(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("method", "attack"),
    [
        ("trades", Attack(eps=0.2, steps=2, random_start=True)),
        ("free", Attack(eps=0.2, step_size=0.1)),
        ("pgd", Attack(eps=0.2, warmup=0.5)),
        ("noise", Attack()),
    ],
)
def test_the_other_methods_learn_too_and_resume_exactly(data, tmp_path, method, attack):
    sigma = 0.1 if method == "noise" else 0.0
    recipe = replace(RECIPE, epochs=8, attack=attack, method=method, replays=2, beta=1.0, sigma=sigma)
    whole = train(data, recipe, tmp_path / "whole", precision="float32")
    lines = metrics(tmp_path / "whole")
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert lines[-1]["test_accuracy"] > 0.8

    def interrupt(progress):
        if progress.step == 10:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        run(data, recipe, tmp_path / "parts", callback=interrupt)
    parts = run(data, recipe, tmp_path / "parts", resume=True)
    weights = whole.network.state_dict()
    assert all(torch.equal(weights[name], parts[name]) for name in weights)


@pytest.mark.parametrize("augment", ["madry-cifar", "none"])
def test_every_augmentation_trains(data, tmp_path, augment):
    run(data, replace(RECIPE, augment=augment, epochs=1), tmp_path)
    assert metrics(tmp_path)[0]["train_loss"] < 1.5


def test_random_parts_train_a_network_for_their_size(data, tmp_path):
    classifier = train(data, replace(RECIPE, augment="madry-imagenet", epochs=1), tmp_path)
    assert classifier.size == 7  # of 8


def test_reports_come_after_every_epoch_with_examples_in_the_ball(data, tmp_path):
    seen = []
    run(
        data,
        replace(RECIPE, attack=Attack(eps=0.2)),
        tmp_path,
        on_epoch=lambda r: seen.append((r.metrics, r.examples())),
    )
    assert [line for line, _ in seen] == metrics(tmp_path)
    for _, (clean, worst) in seen:
        assert all((image == data.train.batch(slice(None))[0]).flatten(1).all(1).any() for image in clean)
        assert float((worst - clean).flatten(1).norm(dim=1).max()) <= 0.2 + 1e-5
        assert not torch.equal(worst, clean)


def test_every_epoch_is_told_of_also_where_the_run_was_killed_while_it_was(data, tmp_path):
    told = []

    def tell(report):
        if report.metrics["epoch"] == 2 and "killed" not in told:
            told.append("killed")
            raise InterruptedRunError
        told.append(report.metrics["epoch"])

    with pytest.raises(InterruptedRunError):
        run(data, RECIPE, tmp_path, on_epoch=tell)
    run(data, RECIPE, tmp_path, resume=True, on_epoch=tell)
    assert told == [1, "killed", 2]


def first_starts(data, folder, monkeypatch, seed):
    """The seeds of the random starts of a run's steps."""
    seen = []
    original = method.generators
    with monkeypatch.context() as patch:
        patch.setattr(method, "generators", lambda seed, *rest: seen.append(seed) or original(seed, *rest))
        recipe = replace(RECIPE, epochs=1, seed=seed, attack=Attack(eps=0.2, random_start=True))
        run(replace(data, test=data.test.subset(torch.arange(0), torch.zeros(0).long())), recipe, folder)
    return seen


def test_a_run_is_neither_forgotten_nor_begun_twice_by_mistake(data, tmp_path):
    recipe = replace(RECIPE, epochs=1)
    train(data, recipe, tmp_path)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(InputError, match="holds a run; go on with resume=True or begin again with overwrite=True"):
        train(data, recipe, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept
    train(data, recipe, tmp_path, overwrite=True)


def test_random_starts_follow_from_the_seed_and_the_step(data, tmp_path, monkeypatch):
    ours = {seed: first_starts(data, tmp_path / str(seed), monkeypatch, seed) for seed in (0, 1, 2)}
    assert ours[0] == [0, 1, 2, 3]
    assert len({start for starts in ours.values() for start in starts}) == 12


def test_fine_tuning_keeps_the_architecture_and_refuses_another(data, tmp_path):
    source = train(data, replace(RECIPE, epochs=1), tmp_path / "source", precision="float32")
    recipe = replace(RECIPE, start=str(save_bundle(source, tmp_path / "net")), epochs=1)
    with pytest.raises(
        InputError, match=r"net\.safetensors is a preact-4-8 and not a preact-8-8: say --arch preact-4-8"
    ):
        run(data, replace(recipe, arch="preact-8-8"), tmp_path / "other")
    run(data, replace(recipe, arch=TrainRecipe.arch), tmp_path / "default")


def test_fine_tuning_does_not_go_on_from_other_first_weights(data, tmp_path):
    source = train(data, replace(RECIPE, epochs=1), tmp_path / "source", precision="float32")
    recipe = replace(RECIPE, start=str(save_bundle(source, tmp_path / "net")), epochs=1)
    run(data, recipe, tmp_path / "tuned")
    source.network.head.bias.data += 1
    save_bundle(source, tmp_path / "net", overwrite=True)
    with pytest.raises(InputError, match="other settings: the weights of --start were others"):
        run(data, recipe, tmp_path / "tuned", resume=True)


def test_fine_tuning_takes_everything_but_the_head_and_keeps_a_head_of_the_same_classes(data, tmp_path):
    source = train(data, replace(RECIPE, epochs=1), tmp_path / "source", precision="float32")
    path = save_bundle(source, tmp_path / "source" / "source", half=False)
    recipe = replace(RECIPE, start=str(path), lr=0.0, epochs=1, average=0.0)
    same = train(data, recipe, tmp_path / "same", precision="float32").network.state_dict()
    other = train(replace(data, class_names=["up", "down"]), recipe, tmp_path / "other", precision="float32")
    weights = source.network.state_dict()
    learned = [name for name, _ in source.network.named_parameters()]
    assert all(torch.equal(same[name], weights[name]) for name in learned)
    differing = {name for name in learned if not torch.equal(other.network.state_dict()[name], weights[name])}
    assert differing == {"head.weight", "head.bias"}
    assert torch.equal(other.mean, source.mean)
    assert other.class_names == ["up", "down"]


def test_an_estimate_reads_a_few_of_many_files(tmp_path, monkeypatch):
    for number, image in enumerate(images(40)):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        write_image(tmp_path / "ab"[number % 2] / f"{number}.png", image)
    opened, by_number = [], FolderFiles.open
    monkeypatch.setattr(FolderFiles, "open", lambda files, number: opened.append(number) or by_number(files, number))
    cost = estimate(load_folder(tmp_path, 8), replace(RECIPE, batch_size=4))
    assert (cost.steps, len(opened)) == (10, 4)  # the batches themselves are read by other processes
