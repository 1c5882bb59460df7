"""A data set's classes in the order of a classifier's."""

import warnings

import pytest
import torch
from torch import nn

from pellucid import Classifier, Dataset, InputError, Split, evaluate
from pellucid.evaluation.classes import in_order_of


def classifier(names):
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3, len(names or "123"))), class_names=names)


def dataset(names, count=3):
    pixels = torch.arange(3 * count, dtype=torch.uint8).reshape(count, 3, 1, 1)
    return Dataset("pets", Split(pixels, torch.arange(count)), Split(pixels[:2], torch.tensor([2, 0])), names)


NOBODY = Split(torch.zeros(0, 3, 1, 1), [])


def test_labels_are_mapped_by_name_and_images_stay():
    given = dataset(["ship", "cat", "dog"])
    found = in_order_of(classifier(["cat", "dog", "ship"]), given)
    assert found.class_names == ["cat", "dog", "ship"]
    for mine, theirs in ((found.train, given.train), (found.test, given.test)):
        assert torch.equal(mine.images, theirs.images)
        assert [found.class_names[label] for label in mine.labels] == [
            given.class_names[label] for label in theirs.labels
        ]


@pytest.mark.parametrize("names", [["Ship ", "CAT", "Guinea_Pig"], ["ship", "cat", "guinea-pig"]])
def test_names_that_are_spelled_in_another_way_are_the_same(names):
    found = in_order_of(classifier(["cat", "guinea pig", "ship"]), dataset(names))
    assert (found.class_names, found.train.labels.tolist()) == (["cat", "guinea pig", "ship"], [2, 0, 1])


def test_a_split_of_a_data_set_is_measured_in_the_order_of_the_classifier():
    images, labels = torch.zeros(5, 3, 1, 1, dtype=torch.uint8), torch.tensor([0, 0, 0, 1, 1])
    data, recipe = Dataset("pets", Split(images, labels), NOBODY, ["cat", "dog"]), {"eps": (0.1,), "steps": (1,)}
    for names, clean in ((["cat", "dog"], 0.6), (["dog", "cat"], 0.4)):
        network = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
        network[1].bias.data = torch.tensor([1e3, 0.0])  # it sees its first class
        own = Classifier(network, class_names=names)
        assert evaluate(own, data.train, **recipe).clean == pytest.approx(clean)
        part = Dataset("cats", Split(images[:2], labels[:2]), NOBODY, ["cat", "dog"])
        with pytest.warns(UserWarning, match="1 of 2 classes have no image here: dog"):
            evaluate(own, part.train, **recipe)
        assert evaluate(own, Split(images, labels), **recipe).clean == pytest.approx(0.6)


def test_numbers_sorted_as_words_are_mapped_too():
    names = [str(number) for number in range(11)]
    found = in_order_of(classifier(names), dataset(sorted(names), count=11))
    assert found.train.labels.tolist() == [0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("own", "given"),
    [
        (None, ["cat", "dog", "ship"]),
        (["cat", "dog", "ship"], ["cat", "dog", "ship"]),
        (["cat", "dog", "ship"], ["0", "1", "2"]),
        (["0", "1", "2"], ["cat", "dog", "ship"]),
        (["crane", "crane", "ship"], ["crane", "crane", "ship"]),
    ],
    ids=["no names", "the same", "data without names", "classifier without names", "a name twice"],
)
def test_what_says_nothing_of_another_order_is_left_alone_without_a_word(own, given):
    data = dataset(given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(in_order_of(classifier(own), data).train.labels, data.train.labels)


@pytest.mark.parametrize(
    ("own", "given", "message"),
    [
        (["cat", "dog", "ship"], ["dog", "cat", "boat"], r"^3 of 3 classes of pets .*'dog' where the model has 'cat'"),
        (
            ["cat", "dog", "ship"],
            ["cat", "dog", "boat"],
            r"^1 of 3 classes of pets .*'boat' where the model has 'ship'",
        ),
        (["crane", "crane", "ship"], ["crane", "ship", "crane"], "^2 of 3 classes of pets"),
    ],
    ids=["other names", "one other name", "a name twice"],
)
def test_names_that_differ_are_taken_in_their_order_with_a_warning(own, given, message):
    data = dataset(given)
    with pytest.warns(UserWarning, match=message + ".*; classes are taken in their order$"):
        found = in_order_of(classifier(own), data)
    assert torch.equal(found.train.labels, data.train.labels)
    with warnings.catch_warnings():  # it is told once
        warnings.simplefilter("error")
        in_order_of(classifier(own), found)


def test_another_number_of_classes_is_refused():
    with pytest.raises(InputError, match="pets has 2 classes, the model 3: only the model has ship"):
        in_order_of(classifier(["cat", "dog", "ship"]), Dataset("pets", NOBODY, NOBODY, ["cat", "dog"]))


def test_wordnet_ids_are_the_names_that_load_data_gives_them():
    data = Dataset("pets", NOBODY, NOBODY, ["goldfish", "tench"])
    assert in_order_of(classifier(["n01440764", "n01443537"]), data).class_names == ["tench", "goldfish"]
