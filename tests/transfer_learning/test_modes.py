"""Transfer in both modes: what chooses, what the test images are read for, what is refused."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import PETS, pictures
from transfer_helpers import SHORT, source_of

from pellucid import Dataset, InputError, Split, TransferRecipe, transfer, write_image
from pellucid.data.load import load_data
from pellucid.transfer_learning.altered import coarse, unnormalized
from pellucid.transfer_learning.features import View, features
from pellucid.transfer_learning.head import fits, folds
from pellucid.transfer_learning.metrics import top1
from pellucid.transfer_learning.recipe import KnownBugs


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
        ({"penalties": (1e-30, float("inf"))}, "penalties .* inf"),
        ({"lrs": (0.1, -1.0)}, "lrs .* -1.0"),
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
