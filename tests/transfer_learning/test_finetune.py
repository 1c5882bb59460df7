"""Fine-tuning: what is frozen, and what chooses rates and epochs."""

from dataclasses import replace

import pytest
import torch
from helpers import PETS
from transfer_helpers import QUICK, SHORT

from pellucid import Attack, InputError, Split, TransferRecipe, transfer
from pellucid.training.recipe import TrainRecipe
from pellucid.transfer_learning.altered import unnormalized
from pellucid.transfer_learning.finetune import BestEpoch, Freezing, fine_tune, frozen_modules, predictions
from pellucid.transfer_learning.head import folds
from pellucid.transfer_learning.metrics import top1
from pellucid.transfer_learning.recipe import KnownBugs


def test_fine_tuning_learns_and_a_frozen_layer_keeps_its_weights_and_statistics(source, pets):
    tuned = fine_tune(source, pets, QUICK, Freezing("stage1"), precision="float32")
    before, after = source.network.state_dict(), tuned.network.state_dict()
    for name, tensor in after.items():
        if name.startswith(("stem", "stage1")):
            assert torch.equal(tensor, before[name]), name
        elif name.endswith("weight") and not name.startswith("head"):
            assert not torch.equal(tensor, before[name]), name
    predicted, labels = predictions(tuned, pets.test)
    assert float((predicted == labels).float().mean()) > 0.6
    assert tuned.mean.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])


def test_adapting_norms_move_the_statistics_of_frozen_layers_and_no_weight(source, pets):
    tuned = fine_tune(source, pets, QUICK, Freezing("representation", adapting_norms=True), precision="float32")
    before, after = source.network.state_dict(), tuned.network.state_dict()
    for name, tensor in after.items():
        if "running" in name:
            assert not torch.equal(tensor, before[name]), name
        elif not name.startswith("head") and "num_batches" not in name:
            assert torch.equal(tensor, before[name]), name


def test_the_axis_of_a_layers_units_goes_with_the_source(source, pets):
    source.unit_axes = {"stage1": 3}
    assert unnormalized(source).unit_axes == {"stage1": 3}
    tuned = fine_tune(source, pets, TrainRecipe(epochs=1, batch_size=12), Freezing("stage1"))
    assert tuned.unit_axes == {"stage1": 3}


def test_the_sgd_head_reaches_what_logistic_regression_does(source, pets):
    fitted = transfer(source, pets, TransferRecipe(seeds=1))
    recipe = TransferRecipe(seeds=1, paper_compat=True, lrs=(0.1,), train=replace(SHORT, epochs=30, augment="none"))
    assert transfer(source, pets, recipe).accuracy >= fitted.accuracy - 0.1


def test_everything_before_a_layer_is_frozen(source):
    assert frozen_modules(source, "") == []
    upto = frozen_modules(source, "stage1")
    assert {path.split(".")[0] for path in upto} == {"", "stem", "stage1"}
    everything = [path for path, _ in source.network.named_modules()]
    assert set(everything) - set(frozen_modules(source, "representation")) == {"head"}
    with pytest.raises(InputError, match="unknown layer 'stage9'"):
        frozen_modules(source, "stage9")
    for everything in ("logits", "head"):
        with pytest.raises(
            InputError, match=f"freezing up to {everything} leaves nothing to train; freeze representation"
        ):
            frozen_modules(source, everything)


def test_the_learning_rate_is_chosen_by_validation_images(source, pets):
    recipe = TransferRecipe("full", seeds=1, lrs=(0.05, 1e-7), train=SHORT)
    [trial] = transfer(source, pets, recipe).trials
    assert set(trial.tried) == {0.05, 1e-7}
    assert trial.chosen == {"lr": 0.05}


def test_training_never_sees_the_test_images(source, pets, monkeypatch):
    """Neither to choose, nor for the metrics of an epoch: only the last look at them is the result."""
    seen = []
    batch = Split.batch

    def noted(self, index):
        if self.images.data_ptr() == pets.test.images.data_ptr():
            seen.append(len(self.labels[index]))
        return batch(self, index)

    monkeypatch.setattr(Split, "batch", noted)
    transfer(source, pets, TransferRecipe("full", seeds=1, lrs=(0.1, 0.01), train=replace(SHORT, epochs=1)))
    assert seen == [30]


def test_the_best_epoch_on_the_test_images_counts_if_that_bug_is_asked_for(source, pets):
    """With test labels drawn at random, accuracy goes up and down, and the last epoch is the best by chance only."""
    labels = torch.randint(3, (30,), generator=torch.Generator().manual_seed(1))
    data = replace(pets, test=Split(pets.test.images, labels))
    recipe = TransferRecipe("full", seeds=1, lrs=(0.05,), metric="top-1", train=replace(SHORT, epochs=6))
    accuracies = []
    fine_tune(source, data, replace(recipe.train, lr=0.05), precision="float32",
              on_epoch=lambda _, tuned: accuracies.append(top1(*predictions(tuned, data.test))))  # fmt: skip
    assert len(set(accuracies)) > 1
    assert accuracies[-1] < max(accuracies)
    [honest] = transfer(source, data, recipe).trials
    assert (honest.chosen, top1(honest.predicted, labels)) == ({"lr": 0.05}, accuracies[-1])
    [bug] = transfer(source, data, replace(recipe, known_bugs=KnownBugs(best_epoch=True))).trials
    assert bug.chosen == {"lr": 0.05, "epoch": accuracies.index(max(accuracies)) + 1}
    assert top1(bug.predicted, labels) == max(accuracies)


def test_the_best_epoch_of_a_rate_is_the_best_on_the_images_that_choose_the_rate(source, pets):
    """Validation images unless test selection is asked for too. Labels are drawn at random, so that epochs differ."""
    labels = torch.randint(3, (45,), generator=torch.Generator().manual_seed(2))
    train = Split(pets.train.images, labels)
    learned, held = (train.subset(part, labels[part]) for part in folds(labels, PETS, 2, 0)[0])
    # What is right for the validation images is wrong for these.
    data = replace(pets, train=train, test=Split(held.images, (held.labels + 1) % 3))
    settings = replace(SHORT, epochs=6)
    recipe = TransferRecipe(
        "full", seeds=1, metric="top-1", lrs=(0.1, 0.05), folds=2, train=settings, known_bugs=KnownBugs(best_epoch=True)
    )
    with pytest.warns(UserWarning, match=".* test images"):
        [trial] = transfer(source, data, recipe).trials
    last = []
    for rate, found in trial.tried.items():
        accuracies = []
        fine_tune(
            source, replace(data, train=learned), replace(settings, lr=rate), precision="float32",
            on_epoch=lambda _, tuned, known=accuracies: known.append(top1(*predictions(tuned, held))),
        )  # fmt: skip
        assert found == max(accuracies)
        last.append(accuracies[-1])
    assert last != list(trial.tried.values())


def test_of_epochs_that_are_equally_good_the_first_counts(source):
    measured = iter([0.2, 0.5, 0.5, 0.4])
    best = BestEpoch(lambda _: next(measured))
    for epoch in range(1, 5):
        best(epoch, source)
    assert (best.epoch, best.value, best.classifier) == (2, 0.5, source)


def test_what_was_trained_is_in_the_result(source, pets):
    train = replace(SHORT, epochs=1)
    [trial] = transfer(source, pets, TransferRecipe("full", seeds=1, lrs=(0.05,), train=train)).trials
    assert trial.classifier is not None
    assert torch.equal(predictions(trial.classifier, pets.test)[0], trial.predicted)
    assert transfer(source, pets, TransferRecipe(seeds=1)).trials[0].classifier is None


def test_adversarial_fine_tuning_makes_a_difference(source, pets):
    standard, robust = (
        fine_tune(source, pets, replace(QUICK, attack=Attack(eps)), precision="float32") for eps in (0.0, 0.5)
    )
    assert not torch.equal(standard.network.stem.weight, robust.network.stem.weight)


def test_a_seed_repeats_itself_and_another_does_not(source, pets):
    recipe = TransferRecipe("full", seeds=2, lrs=(0.05,), train=replace(SHORT, epochs=1))
    one, again = (transfer(source, pets, recipe) for _ in range(2))
    for first, second in zip(one.trials, again.trials, strict=True):
        assert torch.equal(first.predicted, second.predicted)
    weights = [fine_tune(source, pets, replace(QUICK, epochs=1, seed=seed)).network.head.weight for seed in (0, 1)]
    assert not torch.equal(*weights)
