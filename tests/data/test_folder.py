import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import InputError, Split, fit_gaussians
from pellucid.data.encoded import FileSplit
from pellucid.data.image import read_image
from pellucid.data.load import load_data
from pellucid.data.statistics import channel_statistics


def folder(root, **classes):
    """Class folders; each value lists the sizes (height, width) of its images, each image of one gray."""
    for name, sizes in classes.items():
        (root / name).mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            gray = 10 * number + len(name)
            Image.new("RGB", (width, height), (gray, gray, gray)).save(root / name / f"{number}.png")
    return root


@pytest.mark.parametrize("test", ["test", "val", "valid", "validation"])
def test_a_folder_of_train_and_test(tmp_path, test):
    folder(tmp_path / "train", cat=[(4, 6)] * 2, mouse=[(4, 6)])
    folder(tmp_path / test, cat=[(4, 6)], mouse=[(4, 6)] * 3)
    data = load_data(str(tmp_path))
    assert (data.class_names, data.size) == (["cat", "mouse"], (4, 6))
    assert data.train.labels.tolist() == [0, 0, 1]
    assert data.test.labels.tolist() == [0, 1, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [3, 13, 5]
    assert data.test.images.shape == (4, 3, 4, 6)
    assert data.test.images[:, 0, 0, 0].tolist() == [3, 5, 15, 25]


def test_class_folders_alone_are_the_train_split(tmp_path):
    folder(tmp_path, b=[(4, 4)], a=[(4, 4)] * 2)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".cache").mkdir()
    data = load_data(str(tmp_path))
    assert data.class_names == ["a", "b"]
    assert data.train.labels.tolist() == [0, 0, 1]
    assert len(data.test) == 0
    assert data.name == tmp_path.name


def test_images_of_different_sizes_need_a_size(tmp_path):
    folder(tmp_path, a=[(4, 4), (5, 4)])
    with pytest.raises(InputError, match=r"1\.png is of another size.*--size"):
        load_data(str(tmp_path))
    assert load_data(str(tmp_path), size=3).train.images.shape == (2, 3, 3, 3)


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(InputError, match="no class folders with images"):
        load_data(str(tmp_path))
    with pytest.raises(InputError, match=r"give a folder of class folders, an \.npz file or torchvision:NAME"):
        load_data(str(tmp_path / "none"))


# Folders within class folders


def test_images_in_folders_of_a_class_folder_are_found(tmp_path):
    folder(tmp_path / "cat" / "2019" / "may", a=[(4, 4)])
    folder(tmp_path / "cat", b=[(4, 4)] * 2, **{".hidden": [(4, 4)]})
    folder(tmp_path, dog=[(4, 4)])
    data = load_data(tmp_path, memory=0)
    assert data.class_names == ["cat", "dog"]
    assert data.train.files.paths == ["cat/2019/may/a/0.png", "cat/b/0.png", "cat/b/1.png", "dog/0.png"]
    assert data.train.labels.tolist() == [0, 0, 0, 1]


def test_folders_that_link_in_a_circle_are_not_followed(tmp_path):
    folder(tmp_path, cat=[(4, 4)])
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat", target_is_directory=True)
    assert len(load_data(tmp_path).train) == 1


def test_a_linked_class_folder_is_followed(tmp_path):
    folder(tmp_path / "elsewhere", felines=[(4, 4)] * 2)
    folder(tmp_path / "data", dog=[(4, 4)])
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "elsewhere" / "felines", target_is_directory=True)
    assert load_data(tmp_path / "data").train.labels.tolist() == [0, 0, 1]


def test_folders_beyond_a_depth_are_refused(tmp_path):
    deep = tmp_path / "cat" / "/".join("abcdefgh")
    folder(deep, **{".": [(4, 4)]})
    assert len(load_data(tmp_path).train) == 1
    folder(deep, i=[(4, 4)])
    with pytest.raises(InputError, match="more than 8 folders deep"):
        load_data(tmp_path)


def test_which_split_lacks_which_class(tmp_path):
    folder(tmp_path / "train", cat=[(4, 4)], dog=[(4, 4)], eel=[(4, 4)])
    folder(tmp_path / "val", cat=[(4, 4)], ship=[(4, 4)])
    with pytest.raises(InputError, match=r"different classes: .*\(only train has dog, eel; only test has ship\)$"):
        load_data(tmp_path)


def test_a_test_folder_beside_class_folders_is_no_class(tmp_path):
    folder(tmp_path, cat=[(4, 4)], dog=[(4, 4)])
    folder(tmp_path / "test", cat=[(4, 4)] * 2, dog=[(4, 4)])
    data = load_data(tmp_path)
    assert (data.class_names, len(data.train), len(data.test)) == (["cat", "dog"], 2, 3)


# What real folders look like


def tree(root, *paths):
    """Images of 4 px, each of its own gray, and other files as text."""
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith((".png", ".jpg", ".jp2")):
            Image.new("RGB", (4, 4), (number, number, number)).save(root / path)
        elif path.endswith(".jfif"):
            Image.new("RGB", (4, 4), (number, number, number)).save(root / path, "JPEG")
        else:
            (root / path).write_text("text")
    return root


CAFE = "cafe\N{COMBINING ACUTE ACCENT}"


@pytest.mark.parametrize(
    ("paths", "names", "train", "test"),
    [
        (["Train/a/1.png", "Train/b/1.png", "Test/a/1.png", "Test/b/1.png"], "ab", [0, 1], [0, 1]),
        (["Training/a/1.png", "Testing/a/1.png"], "a", [0], [0]),
        (["training_set/a/1.png", "test_set/a/1.png", "test_set/a/2.png"], "a", [0], [0, 0]),
        (["train/a/1.png", "Val/a/1.png"], "a", [0], [0]),
        (["test/a/1.png", "test/b/1.png"], "ab", [], [0, 1]),
        (["VAL/a/1.png", "VAL/b/1.png"], "ab", [], [0, 1]),
        (["train/a/1.png", "val/a/1.png", "test/1.png"], "a", [0], [0]),
        (["TrainA/1.png", "TrainB/1.png", "TestA/1.png", "TestB/1.png"], "AB", [0, 1], [0, 1]),
        ([f"{n}/1.png" for n in range(12)], [str(n) for n in range(12)], list(range(12)), []),
        ([f"{n}/1.png" for n in (1, 10, 2)], ["1", "10", "2"], [0, 1, 2], []),
        (["train/caf\xe9/1.png", f"test/{CAFE}/1.png"], ["caf\xe9"], [0], [0]),
        (["a/1.jfif", "b/1.jp2"], "ab", [0, 1], []),
        (["a/1.png", "b/1.png", "__MACOSX/train/a/._1.txt"], "ab", [0, 1], []),
        (["n01440764/1.png", "n03126707/1.png"], ["tench", "crane"], [0, 1], []),
        (["n01440764/1.png", "n99999999/1.png"], ["n01440764", "n99999999"], [0, 1], []),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*has no class folders")
def test_splits_and_classes_of_real_folders(tmp_path, paths, names, train, test):
    data = load_data(tree(tmp_path, *paths))
    assert (data.class_names, data.train.labels.tolist(), data.test.labels.tolist()) == (list(names), train, test)


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (["base/train/a/1.png", "base/test/a/1.png"], r"did you mean \S+/base\?"),
        (["images/a/1.png", "images/b/1.png", "labels/1.txt"], r"did you mean \S+/images\?"),
        (["base/test/a/1.png", "base/test/b/1.png"], r"did you mean \S+/base\?"),
        (["cat/train/1.png", "cat/VAL/1.png", "dog/train/1.png", "dog/VAL/1.png"], "VAL/cat"),
        (["1.png", "2.png", "labels.csv"], r"a folder of its own"),
        (["imagenet-train-0000.tar"], r"train-\*\.tar"),
        (["train/train/a/1.png"], r"did you mean \S+/train/train\?"),
        (["train/a/1.png", "Train/a/1.png"], "Train and train"),
        (["caf\xe9/1.png", f"{CAFE}/1.png"], "caf\xe9"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*passed over")
def test_folders_that_mean_something_else_are_refused(tmp_path, paths, named):
    with pytest.raises(InputError, match=named):
        load_data(tree(tmp_path, *paths))


def test_a_class_names_its_data_set_and_photos_among_others_do_not(tmp_path):
    root = tree(tmp_path, "pets/cat/1.png", "pets/dog/1.png", "samples/photos/1.png", "samples/tiles/train/a/1.png")
    with pytest.raises(InputError, match=r"a folder of its own, or did you mean \S+pets\?$"):
        load_data(root / "pets" / "cat")
    with pytest.raises(InputError, match=r"a folder of its own$"):
        load_data(root / "samples" / "photos")


def test_files_that_are_passed_over_are_counted_by_kind_and_class(tmp_path):
    tree(tmp_path, "crow/1.png", "crow/2.heic", "owl/1.png", "robin/1.heic", "robin/2.HEIC", "owl/notes.txt")
    with pytest.warns(
        UserWarning, match=r"^4 files .* 3 \.heic, 1 \.txt .*crow 1, owl 1, robin 2.*left of robin"
    ) as warned:
        data = load_data(tmp_path)
    assert (data.class_names, len(warned)) == (["crow", "owl"], 1)


def test_an_unlabeled_test_folder_is_passed_over_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"test has no class folders"):
        assert len(load_data(tree(tmp_path, "train/a/1.png", "test/1.png")).test) == 0


def test_images_in_no_class_folder_are_named(tmp_path):
    with pytest.warns(UserWarning, match=r"^1\.png, 2\.png in"):
        data = load_data(tree(tmp_path, "train/a/1.png", "train/b/1.png", "train/1.png", "train/2.png", "cover.png"))
    assert (data.class_names, len(data.train)) == (["a", "b"], 2)


def test_a_folder_of_another_name_beside_the_splits_is_passed_over_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="^dev in"):
        data = load_data(tree(tmp_path, "train/a/1.png", "train/b/1.png", "dev/a/1.png", "labels/1.txt"))
    assert (data.class_names, len(data.train), len(data.test)) == (["a", "b"], 2, 0)


@pytest.mark.parametrize("name", ["val", "Test"])
def test_the_test_split_by_itself_is_one_where_something_is_measured(tmp_path, name):
    root = tree(tmp_path / name, "a/1.png", "b/1.png")
    assert load_data(root, measuring=True).measured[0] == "test"
    assert load_data(root).measured[0] == "train"


# Pairs of domains


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_pair_of_domains_is_a_set_of_two_classes(tmp_path, test):
    folder(tmp_path, trainA=[(4, 4)] * 2, trainB=[(4, 4)], **{f"{test}A": [(4, 4)], f"{test}B": [(4, 4)] * 3})
    data = load_data(tmp_path)
    assert data.class_names == ["A", "B"]
    assert data.train.labels.tolist() == [0, 0, 1]
    assert data.test.labels.tolist() == [0, 1, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [6, 16, 6]
    assert load_data(tmp_path, class_names=("horse", "zebra")).class_names == ["horse", "zebra"]


def test_half_a_pair_is_refused(tmp_path):
    folder(tmp_path, trainB=[(4, 4)])
    with pytest.raises(InputError, match="trainA holds no images; trainA and trainB are the two classes"):
        load_data(tmp_path)
    folder(tmp_path, trainA=[(4, 4)], testA=[(4, 4)])
    with pytest.raises(InputError, match="testB holds no images"):
        load_data(tmp_path)


@pytest.mark.parametrize("names", [("horse",), ("horse", "zebra", "mule"), ("horse", "horse")])
def test_class_names_must_be_as_many_as_classes_and_different(tmp_path, names):
    folder(tmp_path, trainA=[(4, 4)], trainB=[(4, 4)])
    with pytest.raises(InputError, match=r"has 2 classes \(A, B\); give as many different class names"):
        load_data(tmp_path, class_names=names)


HORSES = Path(__file__).parents[3] / "shared" / "data" / "horse2zebra"


@pytest.mark.skipif(not HORSES.is_dir(), reason="needs the horse2zebra images beside the checkout")
def test_horses_and_zebras():
    data = load_data(HORSES, memory=0, class_names=("horse", "zebra"))
    assert data.train.labels.bincount().tolist() == [1067, 1333]
    assert data.test.labels.bincount().tolist() == [120, 140]
    assert data.train.batch(slice(1065, 1069))[0].shape == (4, 3, 128, 128)


# Files that are decoded when they are read


@pytest.fixture
def photos(tmp_path):
    """Images of noise, of two shapes, in two classes and two splits."""
    rng = np.random.default_rng(0)
    for split, name, count in [("train", "a", 7), ("train", "b", 5), ("test", "a", 2), ("test", "b", 3)]:
        (tmp_path / split / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (9, 9 + number % 2, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / split / name / f"{number}.png")
    return tmp_path


def test_what_would_take_too_much_memory_is_decoded_when_it_is_read(photos):
    limit = 17 * 3 * 8 * 8
    assert isinstance(load_data(photos, 8, memory=limit).train, Split)
    lazy = load_data(photos, 8, memory=limit - 1)
    assert isinstance(lazy.train, FileSplit)
    assert isinstance(lazy.test, FileSplit)


@pytest.mark.parametrize(
    "index",
    [slice(None), slice(2, 9, 3), slice(-3, None), slice(4, 4), torch.tensor([3, 3, 11, 0]), torch.arange(12) > 8],
    ids=["all", "steps", "end", "nothing", "numbers", "booleans"],
)
def test_files_read_when_needed_are_those_in_memory(photos, index):
    lazy, whole = load_data(photos, 8, memory=0).train, load_data(photos, 8).train
    assert (len(lazy), lazy.size, lazy.labels.tolist()) == (len(whole), whole.size, whole.labels.tolist())
    assert torch.equal(lazy.raw(index), whole.raw(index))
    assert lazy.raw(index).dtype == torch.uint8
    for mine, theirs in zip(lazy.batch(index), whole.batch(index), strict=True):
        assert torch.equal(mine, theirs)
        assert mine.dtype == theirs.dtype


def test_each_image_is_as_it_is_when_read_alone(photos):
    data = load_data(photos, 8)
    for number, name in enumerate(sorted((photos / "train").rglob("*.png"))):
        assert torch.equal(data.train.images[number], (read_image(name, 8) * 255).round().byte())


def test_statistics_and_gaussians_are_the_same_from_files(photos):
    lazy, whole = load_data(photos, 8, memory=0).train, load_data(photos, 8).train
    assert channel_statistics(lazy) == channel_statistics(whole)
    mine, theirs = fit_gaussians(lazy, 2, grain=2), fit_gaussians(whole, 2, grain=2)
    assert torch.equal(mine.means, theirs.means)
    assert torch.equal(mine.factors, theirs.factors)


def test_a_size_of_another_file_is_refused_when_it_is_read(photos):
    lazy = load_data(photos, memory=0).train
    assert lazy.size == (9, 9)
    assert lazy.raw(torch.tensor([0, 2])).shape == (2, 3, 9, 9)
    with pytest.raises(InputError, match=r"1\.png is of another size.*--size"):
        lazy.raw(torch.tensor([0, 1]))


def test_progress_is_told_of(photos, monkeypatch):
    monkeypatch.setattr("pellucid.data.encoded.CHUNK", 5)
    shares = []
    load_data(photos, 8, callback=shares.append)
    assert shares == [5 / 17, 10 / 17, 12 / 17, 1]


def test_for_measuring_the_test_split_alone_is_decoded(photos):
    damage(photos, "train/b/2.png")
    data = load_data(photos, 8, measuring=True)
    assert (len(data.train), len(data.test), data.class_names) == (0, 5, ["a", "b"])
    assert torch.equal(data.test.images, load_data(photos, 8, memory=0).test.raw(slice(None)))
    alone = load_data(photos / "test", 8, measuring=True)
    assert (len(alone.train), len(alone.test)) == (0, 5)
    assert (data.measured, alone.measured) == (("test", data.test), ("test", alone.test))


# Images that cannot be read


def damage(path, *names):
    for name in names:
        content = (path / name).read_bytes()
        (path / name).write_bytes(content[: len(content) // 2])


def test_an_unreadable_image_is_named(photos):
    damage(photos, "train/b/2.png")
    with pytest.raises(InputError, match=r"^\S+train/b/2\.png is damaged: [^\n]*; remove it, or .* skip_unreadable$"):
        load_data(photos, 8)
    lazy = load_data(photos, 8, memory=0).train
    assert len(lazy.raw(slice(7))) == 7
    for read in (lazy.raw, lazy.batch):
        with pytest.raises(InputError, match=r"^\S+train/b/2\.png is damaged: [^\n]*$"):
            read(slice(7, 12))


@pytest.mark.parametrize("memory", [0, 2**20])
def test_unreadable_images_are_skipped_on_demand_with_one_warning(photos, monkeypatch, memory):
    monkeypatch.setattr("pellucid.data.encoded.CHUNK", 3)
    whole = load_data(photos, 8).train
    damage(photos, "train/a/1.png", "train/a/5.png", "train/b/0.png", "train/b/4.png")
    with pytest.warns(UserWarning, match="cannot be read") as warned:
        data = load_data(photos, 8, skip_unreadable=True, memory=memory)
    (message,) = [str(warning.message) for warning in warned]
    assert message.startswith("4 of 12 images cannot be read and are left out: ")
    assert all(name in message for name in ("a/1.png", "a/5.png", "b/0.png", "; ..."))
    kept = [0, 2, 3, 4, 6, 8, 9, 10]
    assert torch.equal(data.train.raw(slice(None)), whole.images[kept])
    assert torch.equal(data.train.labels, whole.labels[kept])
    assert len(data.test) == 5


@pytest.mark.parametrize("memory", [0, 2**20])
def test_a_split_of_nothing_readable_is_refused(tmp_path, memory):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"text")
    for size in (None, 8):
        with pytest.raises(InputError, match=r"x\.png is not an image"):
            load_data(tmp_path, size, skip_unreadable=True, memory=memory)


def test_a_file_that_went_away_is_named(photos):
    lazy = load_data(photos, 8, memory=0).train
    (photos / "train" / "a" / "3.png").unlink()
    with pytest.raises(InputError, match=r"a/3\.png cannot be read: No such file"):
        lazy.raw(slice(0, 5))


def test_decoding_in_threads_leaves_the_warning_filters_as_they_were(photos, monkeypatch):
    monkeypatch.setattr("pellucid.data.encoded.processors", lambda: 8)
    before = list(warnings.filters)
    for _ in range(5):
        load_data(photos, 8)
    assert warnings.filters == before


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_a_size_that_is_none_is_refused(photos, size):
    with pytest.raises(InputError, match="size must be a whole number of at least 1"):
        load_data(photos, size)
