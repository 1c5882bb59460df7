import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid import InputError
from pellucid.data.dataset import Dataset, Split
from pellucid.data.image import cover
from pellucid.data.load import load_data
from pellucid.data.statistics import channel_statistics

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def tensor(array):
    """An 8-bit array `(H, W, 3)` as what is expected of an image."""
    return torch.from_numpy(np.asarray(array).astype(np.float32) / 255).permute(2, 0, 1)


def npz(tmp_path, save=np.savez, **arrays):
    path = tmp_path / "data.npz"
    save(path, **arrays)
    return str(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_good_npz(tmp_path, save):
    names = np.array(["cat", "dog", "ship"])
    test = {"test_images": PIXELS[:2], "test_labels": LABELS[:2].astype(np.uint8)}
    data = load_data(npz(tmp_path, save, train_images=PIXELS, train_labels=LABELS, class_names=names, **test))
    assert (data.name, data.class_names, data.size) == ("data", ["cat", "dog", "ship"], (4, 5))
    assert torch.equal(data.train.images, torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy()))
    assert data.train.labels.tolist() == LABELS.tolist()
    assert data.test.labels.tolist() == [0, 1]
    assert data.test.labels.dtype == torch.int64
    images, labels = data.train.batch(torch.tensor([3, 1]))
    assert torch.equal(images, torch.stack([tensor(PIXELS[3]), tensor(PIXELS[1])]))
    assert labels.tolist() == [0, 1]


def test_one_split_without_names_will_do(tmp_path):
    data = load_data(npz(tmp_path, test_images=PIXELS, test_labels=LABELS))
    assert (len(data.train), len(data.test), data.class_names) == (0, 6, ["0", "1", "2"])
    assert data.size == (4, 5)


@pytest.mark.parametrize("pixels", [PIXELS[..., 0], PIXELS[..., :1]], ids=["NHW", "NHW1"])
def test_grayscale_becomes_three_channels(tmp_path, pixels):
    data = load_data(npz(tmp_path, train_images=pixels, train_labels=LABELS))
    assert torch.equal(data.train.images, torch.from_numpy(PIXELS[..., 0])[:, None].expand(-1, 3, -1, -1))


def test_a_size_resizes_every_split(tmp_path):
    data = load_data(npz(tmp_path, train_images=PIXELS, train_labels=LABELS), size=8)
    assert data.size == (8, 8)
    expected = (cover(torch.from_numpy(PIXELS).permute(0, 3, 1, 2).float() / 255, 8) * 255).round().byte()
    assert torch.equal(data.train.images, expected)
    assert data.test.images.shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_images": PIXELS / 255, "train_labels": LABELS}, "must be uint8 .* not float64"),
        ({"train_images": PIXELS[0, 0], "train_labels": LABELS}, "must be uint8"),
        ({"train_images": PIXELS.transpose(0, 3, 1, 2), "train_labels": LABELS}, "1 or 3 channels last"),
        ({"train_images": PIXELS}, "holds train_images without train_labels; a split is both"),
        ({"train_images": PIXELS, "train_labels": LABELS, "test_images": PIXELS}, "test_images without test_labels"),
        ({"train_images": PIXELS, "train_labels": LABELS, "test_labels": LABELS}, "test_labels without test_images"),
        (
            {"train_images": PIXELS, "train_labels": LABELS, "test_images": PIXELS, "test_label": LABELS},
            "holds an array 'test_label'; did you mean 'test_labels'?",
        ),
        ({"train_images": PIXELS, "train_labels": LABELS, "Class_Names": ["a"]}, "did you mean 'class_names'?"),
        ({"x": PIXELS, "y": LABELS}, "but x, y"),
        ({}, "but nothing"),
        ({"train_images": PIXELS, "train_labels": LABELS[:5]}, "train_labels must be 6 class numbers"),
        ({"train_images": PIXELS, "train_labels": LABELS / 1}, "train_labels must be whole numbers, not float"),
        ({"train_images": PIXELS, "train_labels": np.eye(6, dtype=int)}, r"one-hot rows give labels\.argmax"),
        ({"train_images": PIXELS, "train_labels": LABELS, "class_names": ["a", "b"]}, "there are 2 classes"),
        ({"train_images": PIXELS, "train_labels": LABELS - 1}, "train_labels go down to -1"),
        ({"train_images": PIXELS[:0], "train_labels": LABELS[:0]}, "holds no images"),
        ({"train_images": PIXELS, "train_labels": np.array([0, 1, 2, 0, 1, None])}, "holds Python objects"),
        ({"train_images": PIXELS, "train_labels": LABELS, "class_names": np.array("abc")}, "there are 1 classes"),
    ],
    ids=["floats", "one image", "NCHW", "no labels", "no test labels", "no test images", "misspelt", "capitals",
         "other names", "nothing", "too few labels", "float labels", "one-hot", "too few names", "negative", "empty",
         "objects", "one name"],
)  # fmt: skip
def test_a_wrong_npz_is_refused(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message) as error:
        load_data(npz(tmp_path, **arrays))
    assert "\n" not in str(error.value)


def test_arrays_of_names_of_their_own_may_be_there(tmp_path):
    more = {"val_images": PIXELS, "val_labels": LABELS, "train_labels_coarse": LABELS, "notes": np.array("raw")}
    data = load_data(npz(tmp_path, train_images=PIXELS, train_labels=LABELS, **more))
    assert (len(data.train), len(data.test)) == (6, 0)


class Payload:
    """What a pickle could do: here, create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_in_an_npz_is_not_executed(tmp_path):
    payload = np.array([Payload(tmp_path / "executed")] * 6, dtype=object)
    for arrays in (
        {"train_images": PIXELS, "train_labels": payload},
        {"train_images": payload, "train_labels": LABELS},
    ):
        with pytest.raises(InputError, match="is not a readable"):
            load_data(npz(tmp_path, **arrays))
    assert not (tmp_path / "executed").exists()


def npy_header(shape, version=(1, 0)):
    buffer = io.BytesIO()
    write = {(1, 0): np.lib.format.write_array_header_1_0, (2, 0): np.lib.format.write_array_header_2_0}[version]
    write(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_a_header_that_claims_more_than_the_file_holds_is_refused_before_memory_is_taken(tmp_path, version):
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images.npy", npy_header((10**6, 1000, 1000, 3), version) + b"\0" * 100)
    with pytest.raises(InputError, match=r"train_images\.npy is shorter than its shape"):
        load_data(str(path))


def test_random_damage_to_an_npz_gives_data_or_a_refusal(tmp_path):
    good = Path(npz(tmp_path, np.savez_compressed, train_images=PIXELS, train_labels=LABELS)).read_bytes()
    rng, path, refused = np.random.default_rng(0), tmp_path / "bad.npz", 0
    for number in range(400):
        bad = bytearray(good[: rng.integers(1, len(good) + 1)] if number % 4 == 0 else good)
        for position in rng.integers(0, len(bad), 4):
            bad[position] = rng.integers(0, 256)
        path.write_bytes(bad)
        try:
            assert isinstance(load_data(str(path)), Dataset)
        except InputError:
            refused += 1
    assert refused


def test_a_missing_npz_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_data(str(tmp_path / "none.npz"))


@pytest.mark.parametrize("largest", [100_000, 2**62])
def test_labels_that_are_no_class_numbers_take_no_memory(tmp_path, largest):
    labels = np.array([0, 1, 2, 0, 1, largest])
    with pytest.raises(InputError, match=f"up to {largest};"):
        load_data(npz(tmp_path, train_images=PIXELS, train_labels=labels))


def test_classes_can_be_given_names(tmp_path):
    path = npz(tmp_path, train_images=PIXELS, train_labels=LABELS)
    assert load_data(path, class_names=["cat", "dog", "ship"]).class_names == ["cat", "dog", "ship"]
    with pytest.raises(InputError, match=r"data has 3 classes \(0, 1, 2\); give as many different class names, not 2"):
        load_data(path, class_names=["cat", "dog"])


def test_a_split_in_memory_reads_slices_and_numbers():
    split = Split(torch.from_numpy(PIXELS).permute(0, 3, 1, 2), torch.from_numpy(LABELS))
    assert (len(split), split.size) == (6, (4, 5))
    assert torch.equal(split.raw(slice(1, 3)), split.images[1:3])
    some = split.subset(torch.tensor([5, 0]), torch.tensor([7, 8]))
    assert torch.equal(some.images, split.images[[5, 0]])
    assert some.labels.tolist() == [7, 8]
    order = split.order(torch.Generator().manual_seed(0))
    assert sorted(order.tolist()) == list(range(6))


# What users bring

IMAGES = torch.from_numpy(PIXELS).permute(0, 3, 1, 2).contiguous()


def test_each_split_of_an_npz_is_resized(tmp_path):
    test = np.repeat(np.repeat(PIXELS[:3], 2, 1), 2, 2)
    path = npz(tmp_path, train_images=PIXELS, train_labels=LABELS, test_images=test, test_labels=LABELS[:3])
    data = load_data(path, 8)
    assert (data.train.size, data.test.size) == ((8, 8), (8, 8))
    with pytest.raises(InputError, match=r"5 x 4 .* 10 x 8; give --size"):
        load_data(path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_floats_are_taken_for_what_they_are(dtype):
    floats = (IMAGES.double() / 255).to(dtype)
    split = Split(floats.clone().requires_grad_(), LABELS)
    assert not split.images.requires_grad
    assert torch.equal(split.batch(slice(2, 4))[0], floats[2:4].float())
    assert torch.equal(split.raw(slice(None)), IMAGES)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.float(),
        IMAGES.float() / 255 - 0.1,
        IMAGES / torch.nan,
        IMAGES.int(),
        IMAGES[0],
        IMAGES.numpy(),
        torch.zeros(6, 8, 8, 3),
    ],
    ids=["0 to 255", "below 0", "nan", "int32", "one image", "array", "channels last"],
)
def test_other_images_are_refused(images):
    with pytest.raises(InputError, match="uint8 or floats in"):
        Split(images, LABELS)


@pytest.mark.parametrize(
    "labels",
    [LABELS.astype(dtype) for dtype in (np.int32, np.uint8, np.int64, object)]
    + [
        torch.from_numpy(LABELS).int(),
        tuple(LABELS),
        LABELS.tolist(),
        LABELS[:, None],
        [torch.tensor(n) for n in LABELS],
    ],
    ids=["int32", "uint8", "int64", "object", "tensor", "tuple", "list", "(N, 1)", "list of tensors"],
)
def test_labels_become_int64(labels):
    split = Split(IMAGES, labels)
    assert (split.labels.dtype, split.labels.tolist()) == (torch.int64, LABELS.tolist())


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (LABELS - 1, "-1"),
        (LABELS[:5], "6 class numbers"),
        (np.eye(6), "one-hot"),
        (LABELS / 2, "whole numbers"),
        (["cat"] * 6, "class numbers"),
        ([0, 1, 2, 0, 1, None], "class numbers"),
    ],
)
def test_other_labels_are_refused(labels, named):
    with pytest.raises(InputError, match=named):
        Split(IMAGES, labels)


def test_labels_beyond_the_classes_are_refused():
    split = Split(IMAGES, LABELS)
    with pytest.raises(InputError, match="go up to 2, but there are 2 classes"):
        Dataset("pets", split, split, ["cat", "dog"])


def test_an_npz_may_have_labels_in_a_column_and_names_as_bytes(tmp_path):
    names = np.array([b"cat", b"dog", b"eel"])
    data = load_data(npz(tmp_path, train_images=PIXELS, train_labels=LABELS[:, None], class_names=names))
    assert (data.train.labels.tolist(), data.class_names) == (LABELS.tolist(), ["cat", "dog", "eel"])


# Mean and standard deviation


def noise(count, size=3):
    generator = torch.Generator().manual_seed(0)
    return Split(torch.randint(256, (count, 3, size, size), generator=generator).byte(), torch.zeros(count).long())


def test_channel_statistics_are_numpys(monkeypatch):
    split = noise(50)
    values = split.images.numpy() / 255
    for chunk in (1, 200, 10**6):
        monkeypatch.setattr("pellucid.data.statistics.CHUNK", chunk)
        mean, std = channel_statistics(split)
        np.testing.assert_allclose(mean, values.mean((0, 2, 3)), rtol=1e-12)
        np.testing.assert_allclose(std, values.std((0, 2, 3)), rtol=1e-12)


def test_channel_statistics_of_many_images_are_those_of_some_spread_evenly():
    split = noise(10)
    assert channel_statistics(split, at_most=4) == channel_statistics(
        Split(split.images[[0, 2, 5, 7]], split.labels[:4])
    )
    assert channel_statistics(split, at_most=10) == channel_statistics(split)


def test_constant_images_can_be_divided_by_their_deviation():
    mean, std = channel_statistics(Split(torch.full((3, 3, 2, 2), 51).byte(), torch.zeros(3).long()))
    assert mean == pytest.approx([0.2] * 3)
    assert min(std) == 1e-4


def test_no_images_have_no_statistics():
    with pytest.raises(InputError, match="no images to take the mean"):
        channel_statistics(noise(0))


def test_an_unknown_torchvision_data_set_is_refused():
    with pytest.raises(InputError, match="did you mean 'CIFAR10'"):
        load_data("torchvision:CIFAR11")
