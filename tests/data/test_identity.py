import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import Dataset, Split, load_data
from pellucid.data.identity import content_digest, data_digest, image_digests, shared, split_digest


def noise(count=6, seed=0):
    pixels = torch.randint(0, 256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(seed)).byte()
    return Split(pixels, torch.arange(count) % 2)


@pytest.fixture
def photos(tmp_path):
    """The same images as `noise`, as files that are decoded when they are read."""
    for split, seed in (("train", 0), ("test", 1)):
        for number, pixels in enumerate(noise(6, seed).images):
            path = tmp_path / split / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(pixels.permute(1, 2, 0))).save(path)
    return tmp_path


def lazy(folder, size=8):
    return load_data(folder, size, memory=0)


def test_splits_in_memory_differ_by_pixels_order_labels_shape_and_type():
    split = noise()
    others = [
        split,
        Split(split.images.flip(0), split.labels),
        Split(split.images, 1 - split.labels),
        Split(split.images.reshape(6, 3, 4, 16), split.labels),
        Split(split.images.float() / 255, split.labels),
        Split(split.images[:5], split.labels[:5]),
    ]
    assert len({split_digest(other) for other in others}) == len(others)
    assert split_digest(split, 5) == split_digest(others[-1])
    assert len({content_digest(other) for other in others}) == len(others) - 1  # labels do not count


def test_files_are_told_apart_by_place_size_and_time_of_change_without_reading_them(photos, tmp_path_factory):
    last = photos / "train/b/5.png"
    before, five = split_digest(lazy(photos).train), split_digest(lazy(photos).train, 5)
    assert split_digest(lazy(photos, 9).train) != before
    moved = tmp_path_factory.mktemp("elsewhere") / "photos"
    shutil.copytree(photos, moved)  # keeps the times
    assert split_digest(lazy(moved).train) == before
    times = last.stat()
    os.utime(last, ns=(times.st_atime_ns, times.st_mtime_ns + 10**6))
    assert split_digest(lazy(photos).train) != before
    os.utime(last, ns=(times.st_atime_ns, times.st_mtime_ns))
    last.rename(photos / "train/b/6.png")
    assert split_digest(lazy(photos).train) != before
    assert split_digest(lazy(photos).train, 5) == five


def test_digests_of_content_do_not_know_names(photos):
    before = data_digest(lazy(photos))
    (photos / "train/b/5.png").rename(photos / "train/b/6.png")
    data = lazy(photos)
    assert data_digest(data) == before == data_digest(replace(data, name="other"))
    assert data_digest(replace(data, class_names=["a", "c"])) != before
    assert data_digest(replace(data, train=data.train.subset(torch.arange(6), 1 - data.train.labels))) != before
    (photos / "test/a/0.png").write_bytes((photos / "test/b/1.png").read_bytes())
    assert data_digest(lazy(photos)) != before


def test_shared_images_are_found_by_their_content(photos):
    train, test = noise(), noise(seed=1)
    test.images[4] = train.images[3]
    assert shared(Dataset("pets", train, test, ["a", "b"])).tolist() == [4]
    (photos / "test/b/same.png").write_bytes((photos / "train/a/0.png").read_bytes())
    assert shared(lazy(photos)).tolist() == [6]
    assert len(set(image_digests(lazy(photos).train))) == 6
