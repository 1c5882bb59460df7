import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pellucid import Dataset, Grouping, InputError, Split, load_data
from pellucid.data.grouping import RESTRICTED_IMAGENET, load_grouping, regroup

GROUPS = ["dog", "cat", "frog", "turtle", "bird", "primate", "fish", "crab", "insect"]
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]


def written(tmp_path, facts):
    path = tmp_path / "pets.json"
    path.write_text(facts if isinstance(facts, str) else json.dumps(facts))
    return path


def split(labels):
    """One gray image for each label; its gray is its number."""
    pixels = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2)
    return Split(pixels, torch.tensor(labels))


# Restricted ImageNet, against timm's list of ImageNet's classes


def test_restricted_imagenet_groups_the_classes_that_its_groups_say():
    imagenet = pytest.importorskip("timm.data").ImageNetInfo("imagenet-1k")
    folders = sorted(imagenet.label_names())
    groups = RESTRICTED_IMAGENET.resolve(folders)
    assert list(RESTRICTED_IMAGENET.groups) == GROUPS
    assert torch.tensor(groups).add(1).bincount().tolist() == [797, 118, 5, 3, 5, 21, 18, 9, 4, 20]
    ends = {
        "n02085620": "dog", "n02113978": "dog", "n02123045": "cat", "n02124075": "cat", "n01641577": "frog",
        "n01644900": "frog", "n01664065": "turtle", "n01669191": "turtle", "n01795545": "bird", "n01860187": "bird",
        "n02480495": "primate", "n02494079": "primate", "n02514041": "fish", "n02655020": "fish",
        "n01978287": "crab", "n01981276": "crab", "n02165105": "insect", "n02268443": "insect",
    }  # fmt: skip
    names = list(RESTRICTED_IMAGENET.groups)
    for folder, group in ends.items():
        assert names[groups[folders.index(folder)]] == group
    for folder in ("n01440764", "n02114367", "n02125311", "n02277742"):  # tench, wolf, cougar, ringlet butterfly
        assert groups[folders.index(folder)] == -1


def test_restricted_imagenet_is_loaded_from_a_folder_of_imagenets_classes(tmp_path):
    for number in range(1000):
        name = "n01440764" if number == 0 else f"n{number + 10_000_000}"
        (tmp_path / name).mkdir()
        Image.new("RGB", (2, 2), (number % 256, number // 256, 0)).save(tmp_path / name / "x.png")
    data = load_data(tmp_path, grouping="restricted-imagenet")
    assert data.name == f"{tmp_path.name} (restricted-imagenet)"
    assert data.class_names == GROUPS
    numbers = (data.train.images[:, 0, 0, 0] + 256 * data.train.images[:, 1, 0, 0].long()).tolist()
    ranges = [(151, 268), (281, 285), (30, 32), (33, 37), (80, 100), (365, 382), (389, 397), (118, 121), (300, 319)]
    expected = {n: group for group, (first, last) in enumerate(ranges) for n in range(first, last + 1)}
    assert dict(zip(numbers, data.train.labels.tolist(), strict=True)) == expected


@pytest.mark.parametrize("names", [["n01440764", "n2"], [f"c{number:03}" for number in range(1000)]])
def test_restricted_imagenet_needs_imagenet(names):
    with pytest.raises(InputError, match="groups 1000 classes that begin with n01440764, not"):
        RESTRICTED_IMAGENET.resolve(names)


# Against a slow and obvious reading


@given(st.data())
def test_each_class_goes_to_the_group_that_lists_it(data):
    homes = data.draw(st.lists(st.integers(-1, 2), min_size=6, max_size=6).filter(lambda h: {0, 1, 2} <= set(h)))
    as_name = data.draw(st.lists(st.booleans(), min_size=6, max_size=6))
    groups = {
        f"group {g}": tuple(NAMES[n] if as_name[n] else (n, n) for n in range(6) if homes[n] == g) for g in range(3)
    }
    grouping = Grouping("some", groups, leave_out=True)
    assert grouping.resolve(NAMES) == homes
    few = min(homes.count(g) for g in range(3))
    balanced = [h if h >= 0 and homes[:n].count(h) < few else -1 for n, h in enumerate(homes)]
    assert replace(grouping, balanced=True).resolve(NAMES) == balanced


def test_images_of_left_out_classes_are_left_out():
    data = Dataset("animals", split([5, 2, 0, 3, 2, 1]), split([4, 3, 3]), NAMES)
    grouped = regroup(data, Grouping("pets", {"cat": ("cat",), "canine": ("dog", (5, 5))}, leave_out=True))
    assert grouped.class_names == ["cat", "canine"]
    assert grouped.train.labels.tolist() == [1, 0, 1, 0]
    assert grouped.train.raw(slice(None))[:, 0, 0, 0].tolist() == [0, 1, 3, 4]
    assert grouped.test.labels.tolist() == [1, 1]


ANIMALS = Path(__file__).parents[3] / "shared" / "data" / "animals59_64.npz"


@pytest.mark.skipif(not ANIMALS.exists(), reason="needs the 59 animals beside the checkout")
def test_superclasses_of_animals():
    with np.load(ANIMALS) as arrays:
        names = [str(name) for name in arrays["class_names"]]
        superclass = [str(name) for name in arrays["superclass"]]
    groups = {group: tuple(n for n, g in zip(names, superclass, strict=True) if g == group) for group in superclass}
    del groups[""]
    found = Grouping("animals", groups, leave_out=True).resolve(names)
    assert [[*groups, ""][group] for group in found] == superclass


# Files


def test_a_file_of_names_and_ranges(tmp_path):
    path = written(tmp_path, {"insect": [[0, 1]], "pet": ["dog", [2, 2]], "others": "leave-out", "balanced": True})
    grouping = load_grouping(path)
    assert grouping == Grouping("pets", {"insect": ((0, 1),), "pet": ("dog", (2, 2))}, True, True)
    assert load_grouping(grouping) is grouping


def test_a_group_may_be_called_others(tmp_path):
    grouping = load_grouping(written(tmp_path, {"pet": ["cat", "dog"], "others": ["ant", "bee", "eel", "fox"]}))
    assert grouping.resolve(NAMES) == [1, 1, 0, 0, 1, 1]


def test_an_npz_is_grouped_by_a_file(tmp_path):
    pixels = np.zeros((6, 2, 2, 3), np.uint8)
    np.savez(tmp_path / "data.npz", train_images=pixels, train_labels=np.arange(6), class_names=NAMES)
    path = written(tmp_path, {"pet": [[2, 3]], "insect": ["ant"], "others": "leave-out"})
    data = load_data(tmp_path / "data.npz", grouping=path, class_names=["companion", "crawler"])
    assert (data.class_names, data.train.labels.tolist()) == (["companion", "crawler"], [1, 0, 0])


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"a": ["cat", "dog"], "b": ["eel", "dog"]}, "class 'dog' is in 'a' and again in 'b'"),
        ({"a": [[0, 3]], "b": [[3, 5]]}, "class 'dog' is in 'a' and again in 'b'"),
        ({"a": ["cat", [2, 2]]}, "class 'cat' is in 'a' and again in 'a'"),
        ({"a": ["cat"], "b": [[3, 4]]}, r"3 classes are in no group \(ant, bee, fox\).*\"others\": \"leave-out\""),
        ({"a": ["catt"]}, "unknown class in group 'a' of pets: 'catt'; did you mean 'cat'"),
        ({"a": [[3, 6]]}, "the range 3 to 6 of 'a' does not lie in 0 to 5"),
        ({"a": [[-1, 2]]}, "the range -1 to 2"),
        ({"a": [[4, 2]]}, "the range 4 to 2"),
        ({"a": [[0, 10**30]]}, "does not lie in 0 to 5"),
        ({"a": ["cat"], "b": []}, "the group 'b' is empty"),
        ({"a": [[0, 1, 2]]}, "neither a class name nor a range"),
        ({"a": [[0, True]]}, "neither a class name nor a range"),
        ({"a": [3]}, "'3' in 'a' is neither"),
        ({"a": [{}]}, "neither a class name nor a range"),
        ({"a": ["cat"], "others": "ignore"}, "'others' must be a list of classes"),
        ({"a": ["cat"], "balanced": 1}, "'balanced' must be a list of classes"),
        ({"others": "leave-out"}, "has no groups"),
        ({"a": "cat"}, "'a' must be a list of classes"),
        (["cat"], "must be an object"),
        ("{", "not usable JSON"),
        ('{"a": ["cat"], "a": ["dog"]}', "'a' occurs twice"),
        ("[" * 100_000, "not usable JSON"),
        ("[" + " " * 2**24 + "]", "larger than 16 MiB"),
    ],
)
def test_a_wrong_grouping_is_refused_in_one_line(tmp_path, facts, message):
    path = written(tmp_path, facts)
    with pytest.raises(InputError, match=message) as error:
        load_grouping(path).resolve(NAMES)
    assert "\n" not in str(error.value)


def test_unknown_and_missing_groupings_are_refused(tmp_path):
    with pytest.raises(InputError, match="unknown grouping 'restricted'; did you mean 'restricted-imagenet'"):
        load_grouping("restricted")
    with pytest.raises(InputError, match=r"none\.json cannot be read: No such file"):
        load_grouping(tmp_path / "none.json")


def test_a_single_group_is_refused():
    with pytest.raises(InputError, match="pets has one group, 'pet'; a classifier needs at least two"):
        Grouping("pets", {"pet": ("cat", "dog")}).resolve(["cat", "dog"])
