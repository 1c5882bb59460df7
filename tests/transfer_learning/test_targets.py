"""The paper's data sets, on tiny trees of the right layout. Nothing is fetched."""

import json

import pytest
import torch
from helpers import pictures

from pellucid import InputError, write_image
from pellucid.transfer_learning.targets import TARGETS, load_target


def put(path, seed=0):
    """An image file; its color follows from the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, torch.full((3, 10, 12), (seed % 25) / 25))


def lines(path, *text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text) + "\n")


def aircraft(root):
    base = root / "fgvc-aircraft-2013b/data"
    lines(base / "variants.txt", "707-320", "A 300")
    lines(base / "images_variant_trainval.txt", "1 707-320", "2 A 300", "3 A 300")
    lines(base / "images_variant_test.txt", "4 707-320")
    for number in range(1, 5):
        put(base / f"images/{number}.jpg", number)
    return [0, 1, 1], [0], ["707-320", "A 300"]


def cars(root):
    import numpy as np
    from scipy.io import savemat

    base = root / "stanford_cars"
    kind = [("fname", object), ("class", int)]
    for path, folder, rows in (
        ("devkit/cars_train_annos.mat", "cars_train", [("1.jpg", 2), ("2.jpg", 1)]),
        ("cars_test_annos_withlabels.mat", "cars_test", [("3.jpg", 2), ("4.jpg", 2)]),
    ):
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        savemat(base / path, {"annotations": np.array(rows, dtype=kind)})
        for name, _ in rows:
            put(base / folder / name, int(name[0]))
    savemat(base / "devkit/cars_meta.mat", {"class_names": np.array(["Audi", "BMW"], dtype=object)})
    return [1, 0], [1, 1], ["Audi", "BMW"]


def dtd(root):
    base = root / "dtd/dtd"
    for split, number in (("train", 1), ("val", 2), ("test", 3)):
        lines(base / f"labels/{split}1.txt", f"banded/b{number}.jpg", f"dotted/d{number}.jpg")
        for kind in ("banded", "dotted"):
            put(base / f"images/{kind}/{kind[0]}{number}.jpg", number)
    return [0, 1, 0, 1], [0, 1], ["banded", "dotted"]


def flowers(root):
    from scipy.io import savemat

    base = root / "flowers-102"
    for number in range(1, 7):
        put(base / f"jpg/image_{number:05d}.jpg", number)
    savemat(base / "imagelabels.mat", {"labels": [1, 2, 102, 1, 2, 102]})
    savemat(base / "setid.mat", {"trnid": [1, 2], "valid": [3, 4], "tstid": [5, 6]})
    from torchvision.datasets import Flowers102

    return [0, 1, 101, 0], [1, 101], list(getattr(Flowers102, "classes", map(str, range(102))))


def food(root):
    base = root / "food-101"
    for split, number in (("train", 1), ("test", 2)):
        listed = {kind: [f"{kind}/{number}"] for kind in ("apple_pie", "waffles")}
        lines(base / f"meta/{split}.json", json.dumps(listed))
        for kind in listed:
            put(base / f"images/{kind}/{number}.jpg", number)
    return [0, 1], [0, 1], ["apple_pie", "waffles"]


def pets(root):
    base = root / "oxford-iiit-pet"
    lines(base / "annotations/trainval.txt", "Bengal_1 1 1 1", "great_dane_1 2 2 1")
    lines(base / "annotations/test.txt", "great_dane_2 2 2 1")
    for name in ("Bengal_1", "great_dane_1", "great_dane_2"):
        put(base / f"images/{name}.jpg")
    return [0, 1], [1], ["Bengal", "Great Dane"]


def sun397(root):
    base = root / "SUN397"
    lines(base / "ClassName.txt", "/a/abbey", "/b/bakery/shop")
    lines(base / "Training_01.txt", "/a/abbey/sun_1.jpg", "/b/bakery/shop/sun_2.jpg")
    lines(base / "Testing_01.txt", "/b/bakery/shop/sun_3.jpg")
    for name in ("a/abbey/sun_1", "b/bakery/shop/sun_2", "b/bakery/shop/sun_3"):
        put(base / f"{name}.jpg")
    return [0, 1], [1], ["abbey", "bakery/shop"]


def folder(name):
    def make(root):
        for split in ("train", "val"):
            for kind in ("finch", "wren"):
                put(root / f"{name}/{split}/{kind}/{split}.jpg")
        return [0, 1], [0, 1], ["finch", "wren"]

    return make


TREES = {
    "aircraft": aircraft, "cars": cars, "dtd": dtd, "flowers": flowers, "food": food, "pets": pets, "sun397": sun397,
    "birdsnap": folder("birdsnap"), "stylized-imagenet": folder("stylized-imagenet"),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_a_data_set_has_the_papers_splits(tmp_path, monkeypatch, name):
    # The real lists of flowers have sums of their own, which these cannot have.
    monkeypatch.setattr("torchvision.datasets.Flowers102._check_integrity", lambda self: True)
    train, test, names = TREES[name](tmp_path)
    data = load_target(name, tmp_path, 8)
    assert data.name == name
    assert data.train.labels.tolist() == train
    assert data.test.labels.tolist() == test
    assert data.class_names == names
    assert data.train.raw(slice(0, None)).shape == (len(train), 3, 8, 8)


def test_the_images_are_those_of_the_lists(tmp_path):
    aircraft(tmp_path)
    data = load_target("aircraft", tmp_path, 4)
    gray = data.train.raw(slice(0, 3)).float().mean((1, 2, 3)) / 255 * 25
    assert gray.tolist() == pytest.approx([1, 2, 3], abs=0.2)


@pytest.mark.parametrize(("name", "base", "count"), [("caltech101", "101", 30), ("caltech256", "256", 60)])
def test_of_caltech_so_many_images_a_class_are_trained_on(tmp_path, name, base, count):
    for kind in ("ants", "BACKGROUND_Google", "crabs"):
        for number in range(count + 3):
            put(tmp_path / f"{name}/{base}_ObjectCategories/{kind}/image_{number:04d}.png", number)
    data = load_target(name, tmp_path, 4)
    assert data.class_names == ["ants", "crabs"]
    assert torch.bincount(data.train.labels).tolist() == [count, count]
    assert torch.bincount(data.test.labels).tolist() == [3, 3]
    assert load_target(name, tmp_path, 4).train.images.equal(data.train.images)


def test_cifar_is_read_from_where_it_lies(tmp_path, monkeypatch):
    import pickle

    from torchvision import datasets

    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    split = pictures(32, 6)
    for name in ("data_batch_1", "test_batch"):
        (base / name).write_bytes(
            pickle.dumps({"data": split.images.flatten(1).numpy(), "labels": split.labels.tolist()})
        )
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a", "b", "c"]}))
    # The real files have sums of their own, which these cannot have.
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [("data_batch_1", None)])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [("test_batch", None)])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": None})
    data = load_target("cifar10", tmp_path)
    assert torch.equal(data.train.images, split.images)
    assert data.test.labels.tolist() == split.labels.tolist()
    assert load_target("cifar10", tmp_path, 8).size == (8, 8)


@pytest.mark.parametrize("name", TARGETS)
def test_a_data_set_that_is_not_there_is_one_line(tmp_path, name):
    with pytest.raises(InputError, match=name) as caught:
        load_target(name, tmp_path / "nowhere", 8)
    assert "\n" not in str(caught.value)


def test_a_damaged_list_is_told(tmp_path):
    aircraft(tmp_path)
    lines(tmp_path / "fgvc-aircraft-2013b/data/images_variant_test.txt", "4 Concorde")
    with pytest.raises(InputError, match=r"aircraft is not in .* as torchvision lays it out: 'Concorde'"):
        load_target("aircraft", tmp_path, 8)
