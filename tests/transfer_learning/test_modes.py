"""Transfer in both modes: what is frozen, what chooses, what the test images are read for."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import PETS, pictures

from pellucid import Attack, Classifier, Dataset, InputError, Split, TransferRecipe, transfer, write_image
from pellucid.data.load import load_data
from pellucid.training.recipe import TrainRecipe
from pellucid.transfer_learning.altered import coarse, unnormalized
from pellucid.transfer_learning.features import View, features
from pellucid.transfer_learning.finetune import BestEpoch, Freezing, fine_tune, frozen_modules, predictions
from pellucid.transfer_learning.head import fits, folds
from pellucid.transfer_learning.metrics import top1
from pellucid.transfer_learning.recipe import KnownBugs
from pellucid.zoo.networks import build

SHORT = TrainRecipe(epochs=4, batch_size=15, average=0.0, schedule="constant")
QUICK = replace(SHORT, lr=0.05)  # the rate of a transfer follows from its `lrs`


def source_of(seed=0, size=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build("preact-6-8", 4)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    card = {"arch": "preact-6-8", "size": size}
    return Classifier(network, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), list("wxyz"), card=card).eval()


@pytest.fixture
def source():
    return source_of()


@pytest.fixture
def pets():
    return Dataset("Oxford-Pets", pictures(8, 45), pictures(8, 30, seed=1), PETS)


# Fixed


def test_a_fixed_transfer_is_logistic_regression_on_features(source, pets):
    found = transfer(source, pets, TransferRecipe(seeds=2, penalties=(0.01,)))
    train, test = (features(source, split).values for split in (pets.train, pets.test))
    [head] = fits(train, pets.train.labels, [0.01])
    for trial in found.trials:
        assert torch.equal(trial.predicted, head.predict(test))
    assert found.metric == "per-class"  # it is called as the paper's data set is
    assert found.accuracy > 0.9
    assert found.facts["train_images"] == 45


def test_the_source_is_left_as_it_was(source, pets):
    before = {name: tensor.clone() for name, tensor in source.network.state_dict().items()}
    source.train()
    transfer(source, pets, TransferRecipe(seeds=1))
    transfer(source, pets, TransferRecipe("full", seeds=1, lrs=(0.05,), train=replace(SHORT, epochs=1)))
    assert source.training
    assert all(torch.equal(before[name], tensor) for name, tensor in source.network.state_dict().items())


def test_the_test_labels_choose_nothing_unless_that_bug_is_asked_for(source):
    train = Split(pictures(8, 60).images, torch.arange(60) % 2)
    labels = torch.randint(2, (200,), generator=torch.Generator().manual_seed(0))
    pixels = pictures(8, 200, 5).images
    one, other = (Dataset("noise", train, Split(pixels, y), ["a", "b"]) for y in (labels, 1 - labels))
    honest = [transfer(source, data, TransferRecipe(seeds=1)).trials[0] for data in (one, other)]
    assert honest[0].tried == honest[1].tried
    assert torch.equal(honest[0].predicted, honest[1].predicted)
    recipe = TransferRecipe(seeds=1, known_bugs=KnownBugs(test_selection=True))
    bug = [transfer(source, data, recipe).trials[0] for data in (one, other)]
    assert bug[0].tried.keys() & bug[1].tried.keys()
    for penalty in bug[0].tried.keys() & bug[1].tried.keys():  # what is right for one is wrong for the other
        assert bug[0].tried[penalty] == pytest.approx(1 - bug[1].tried[penalty])


def test_the_bug_takes_the_penalty_that_is_best_on_the_test_images(source):
    """Of all heads that are fitted to all training images, however many in a row were worse."""
    labels = torch.randint(2, (60,), generator=torch.Generator().manual_seed(3))
    truth = torch.randint(2, (41,), generator=torch.Generator().manual_seed(4))
    data = Dataset("noise", Split(pictures(8, 60).images, labels), Split(pictures(8, 41, 5).images, truth), ["a", "b"])
    penalties = tuple(10.0**-n for n in range(7))
    [bug] = transfer(
        source, data, TransferRecipe(seeds=1, penalties=penalties, known_bugs=KnownBugs(test_selection=True))
    ).trials
    train, test = (features(source, split).values for split in (data.train, data.test))
    heads = [head for penalty in penalties for head in fits(train, labels, [penalty])]
    expected = {head.penalty: top1(head.predict(test), truth) for head in heads}
    assert bug.tried == expected
    assert top1(bug.predicted, truth) == max(expected.values()) == expected[bug.chosen["penalty"]]


def test_augmented_views_are_trained_on_and_judged_by_none(source, pets):
    [trial] = transfer(source, pets, TransferRecipe(seeds=1, augment=2, penalties=(0.1,))).trials
    views = [features(source, pets.train, view=View(n)).values for n in range(3)]
    [head] = fits(torch.cat(views), pets.train.labels.repeat(3), [0.1])
    assert torch.equal(trial.predicted, head.predict(features(source, pets.test).values))
    train, held = folds(pets.train.labels, PETS, 5, 0)[0]
    [head] = fits(torch.cat([view[train] for view in views]), pets.train.labels[train].repeat(3), [0.1])
    assert trial.tried == {0.1: top1(head.predict(views[0][held]), pets.train.labels[held])}


def test_features_are_kept_for_the_next_time(source, pets, tmp_path):
    first = transfer(source, pets, TransferRecipe(seeds=1, augment=1), cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3  # two views of the training images, one of the test images
    again = transfer(source, pets, TransferRecipe(seeds=1, augment=1), cache=tmp_path)
    assert first.accuracies() == again.accuracies()


def test_features_of_other_weights_are_not_taken_for_the_sources(source, pets, tmp_path):
    source.card["sha256"] = "that of a file"
    first = transfer(source, pets, TransferRecipe(seeds=1), cache=tmp_path)
    source.network.load_state_dict(source_of(seed=5).network.state_dict())
    kept, anew = (transfer(source, pets, TransferRecipe(seeds=1), cache=cache) for cache in (tmp_path, None))
    assert torch.equal(kept.trials[0].predicted, anew.trials[0].predicted)
    assert first.facts["source_sha256"] != kept.facts["source_sha256"]


def test_the_result_says_which_data_it_was(source, pets):
    recipe = TransferRecipe(seeds=1, penalties=(0.1,))
    known = transfer(source, pets, recipe).facts["data_sha256"]
    assert transfer(source, replace(pets, name="others"), recipe).facts["data_sha256"] == known
    for change in ("train", "test"):
        split = getattr(pets, change)
        other = replace(pets, **{change: Split(split.images, split.labels.roll(1))})
        assert transfer(source, other, recipe).facts["data_sha256"] != known


def test_test_images_that_are_trained_on_are_told(source, pets):
    pets.test.images[3] = pets.train.images[0]
    with pytest.warns(UserWarning, match=r"1 of 30 test images .* also training images \(the first: 3\)"):
        transfer(source, pets, TransferRecipe(seeds=1))


def test_progress_ends_at_one(source, pets):
    for recipe in (
        TransferRecipe(seeds=2, augment=1),
        TransferRecipe("full", seeds=2, lrs=(0.1, 0.01), train=replace(SHORT, epochs=1)),
        TransferRecipe("full", seeds=1, lrs=(0.1,), train=replace(SHORT, epochs=1)),
    ):
        shares = []
        transfer(source, pets, recipe, callback=shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)


def test_granularity_takes_detail_away(pets):
    rough = coarse(pets, 4)
    images = pets.train.batch(slice(0, 5))[0]
    small = F.interpolate(images, (4, 4), mode="bilinear", antialias=True)
    expected = (F.interpolate(small, (8, 8), mode="bilinear") * 255).round().byte()
    assert torch.equal(rough.train.images[:5], expected)
    assert torch.equal(rough.test.labels, pets.test.labels)
    with pytest.raises(InputError, match="granularity 9 is above the images' own side, 8"):
        coarse(pets, 9)


def test_without_its_normalization_the_source_sees_bare_pixels(source, pets):
    images = pets.train.batch(slice(0, 3))[0]
    with torch.no_grad():
        torch.testing.assert_close(unnormalized(source).logits(images), source.network(images))
    recipe = TransferRecipe(seeds=1, penalties=(0.1,))
    [bug] = transfer(source, pets, replace(recipe, known_bugs=KnownBugs(unnormalized=True))).trials
    train, test = (features(unnormalized(source), split).values for split in (pets.train, pets.test))
    [head] = fits(train, pets.train.labels, [0.1])
    assert torch.equal(bug.predicted, head.predict(test))


def test_a_class_none_of_whose_files_can_be_read_is_told(source, tmp_path):
    for part, seed in (("train", 0), ("test", 1)):
        for number, pixels in enumerate(pictures(8, 18, seed).images):
            write_image(tmp_path / part / PETS[number % 3] / f"{number}.png", pixels.float() / 255)
    for file in (tmp_path / "train" / PETS[1]).iterdir():
        file.write_bytes(b"no image")
    with pytest.warns(UserWarning, match="cannot be read"):
        data = load_data(tmp_path, 8, skip_unreadable=True, memory=0)
    recipe = TransferRecipe(seeds=1, known_bugs=KnownBugs(test_selection=True))
    with pytest.raises(InputError, match=r"too few: dog .0."):
        transfer(source, data, recipe)


# Fine-tuning


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


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "fool"}, "unknown mode 'fool'; did you mean 'full'"),
        ({"metric": "topp"}, "unknown metric 'topp'; did you mean 'top-1'"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"seeds": 0}, "seeds must be a whole number"),
        ({"folds": 2.5}, "folds must be a whole number, not 2.5"),
        ({"augment": -1}, "augment must be a whole number of views"),
        ({"augment": 1.5}, "augment must be a whole number, not 1.5"),
        ({"penalties": ()}, "penalties must be positive numbers, not nothing"),
        ({"penalties": ("a", 1.0)}, "penalties must be a number, not 'a'"),
        ({"penalties": (1e-30, float("inf"))}, "penalties must be positive numbers, not inf"),
        ({"lrs": (0.1, -1.0)}, "lrs must be positive numbers, not -1.0"),
        ({"granularity": 0}, "granularity must be a whole number"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(InputError, match=message):
        TransferRecipe(**settings)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (TransferRecipe(freeze="stage1"), "freeze would be ignored in mode fixed; leave it out"),
        (TransferRecipe(lrs=(0.1,), train=SHORT), "lrs, train would be ignored in mode fixed; leave them out"),
        (
            TransferRecipe("full", layer="stem", augment=3, penalties=(7.0,)),
            "layer, augment, penalties would be ignored",
        ),
        (TransferRecipe("full", paper_compat=True), "paper_compat would be ignored in mode full"),
        (TransferRecipe(paper_compat=True, augment=1), "augment would be ignored in mode fixed with paper_compat"),
        (
            TransferRecipe("full", train=replace(SHORT, arch="wrn-28-10")),
            "train.arch of a transfer follows from the source",
        ),
        (TransferRecipe("full", train=replace(SHORT, seed=77)), "train.seed of a transfer follows from seeds"),
        (TransferRecipe("full", train=replace(SHORT, lr=0.05)), "train.lr of a transfer follows from lrs"),
        (TransferRecipe(known_bugs=KnownBugs(adapting_norms=True)), "adapting norms needs frozen layers in training"),
        (TransferRecipe(known_bugs=KnownBugs(best_epoch=True)), "best epoch needs epochs: paper-compat, or mode full"),
    ],
)
def test_what_would_be_ignored_is_refused(source, pets, recipe, message):
    with pytest.raises(InputError, match=message):
        transfer(source, pets, recipe)


def test_targets_that_cannot_be(source, pets):
    nobody, cats = Split(pets.test.images[:0], []), Split(pets.train.images, 0 * pets.train.labels)
    for data, message in (
        (replace(pets, test=nobody), "has no test images"),
        (replace(pets, train=nobody), "has no training images"),
        (Dataset("big", pictures(16, 15), pictures(16, 15), PETS), "16 x 16 and the source takes 8 px"),
        (replace(pets, class_names=[*PETS, "bird"]), r"too few: bird \(0\)"),
        (replace(pets, train=cats, test=cats, class_names=["cat"]), "has 1 class;"),
    ):
        with pytest.raises(InputError, match=message):
            transfer(source, data)
