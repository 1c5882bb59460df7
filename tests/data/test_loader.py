import itertools
import multiprocessing
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pellucid import InputError, Split, load_data
from pellucid.data.folder import FolderFiles
from pellucid.data.loader import loader


def split(count):
    """Image n has the gray n and the label n % 3."""
    pixels = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    return Split(pixels, torch.arange(count) % 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve files of noise in two classes."""
    root, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    for number in range(12):
        place = root / "ab"[number // 7]
        place.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(place / f"{number:02}.png")
    return root


def indices(batches):
    return [batch.index.tolist() for batch in batches]


def flat(lists):
    return list(itertools.chain(*lists))


# The order


def test_an_epoch_is_a_permutation_in_full_batches():
    batches = loader(split(10), 3, seed=0)
    seen = indices(batches.epoch(0))
    assert batches.steps == len(seen) == 3
    assert [len(batch) for batch in seen] == [3, 3, 3]
    order = flat(seen)
    assert len(set(order)) == 9
    assert order != sorted(order)


def test_a_batch_has_the_images_and_labels_of_its_index():
    for batch in loader(split(10), 3, seed=0).epoch(0):
        assert batch.images[:, 2, 1, 3].tolist() == batch.index.tolist()
        assert batch.labels.tolist() == (batch.index % 3).tolist()
        assert (batch.images.dtype, batch.labels.dtype) == (torch.uint8, torch.int64)


def test_the_order_follows_from_seed_and_epoch_alone():
    one, other = loader(split(20), 5, seed=1), loader(split(20), 5, seed=1)
    later = indices(other.epoch(4))
    for epoch in range(4):
        indices(one.epoch(epoch))
    assert indices(one.epoch(4)) == later
    orders = {str(indices(loader(split(20), 5, seed=s).epoch(e))) for s in (0, 1, -1, 2**63) for e in range(4)}
    assert len(orders) == 16


def test_a_set_smaller_than_a_batch_is_one_batch():
    batches = loader(split(5), 8, seed=0)
    assert batches.steps == 1
    assert [sorted(batch) for batch in indices(batches.epoch(0))] == [[0, 1, 2, 3, 4]]


@given(count=st.integers(4, 30), rows=st.integers(1, 5), processes=st.integers(1, 4), epoch=st.integers(0, 3))
def test_several_processes_together_see_what_one_would(count, rows, processes, epoch):
    data, size = split(count), rows * processes
    alone = indices(loader(data, size, seed=7).epoch(epoch))
    parts = [indices(loader(data, size, 7, part=(rank, processes)).epoch(epoch)) for rank in range(processes)]
    assert [flat(rows_of_batch) for rows_of_batch in zip(*parts, strict=True)] == alone
    if size <= count:
        assert {len(part) for batches in parts for part in batches} == {rows}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"batch_size": 4, "part": (0, 3)}, "a batch of 4 images cannot be divided among 3 processes evenly"),
        ({"batch_size": 4, "part": (2, 2)}, "a part is"),
        ({"batch_size": 4, "part": (-1, 2)}, "a part is"),
        ({"batch_size": 16, "part": (0, 16)}, "10 images are too few to train on with 16 processes"),
        ({"batch_size": 4, "workers": -1}, "workers must be at least 0"),
    ],
)
def test_wrong_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        loader(split(10), seed=0, **options)


def test_a_set_without_images_is_refused():
    with pytest.raises(InputError, match="0 images are too few"):
        loader(split(0), 4, seed=0)


# Files, against the same images in memory


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_from_files_are_those_from_memory(folder, workers):
    whole = loader(load_data(folder).train, 4, seed=3)
    lazy = loader(load_data(folder, memory=0).train, 4, seed=3, workers=workers)
    assert lazy.steps == whole.steps == 3
    for epoch in (0, 1):
        for mine, theirs in zip(lazy.epoch(epoch), whole.epoch(epoch), strict=True):
            assert torch.equal(mine.images, theirs.images)
            assert torch.equal(mine.labels, theirs.labels)
            assert torch.equal(mine.index, theirs.index)


def test_a_part_decodes_its_own_images_once_an_epoch(folder, monkeypatch):
    opened, plain = [], FolderFiles.open
    monkeypatch.setattr(FolderFiles, "open", lambda self, n: opened.append(n) or plain(self, n))
    train = load_data(folder, 6, memory=0).train
    batches = loader(train, 4, seed=3, part=(1, 2), workers=0)
    assert opened == []
    seen = flat(indices(batches.epoch(0)))
    assert opened == seen
    assert len(set(seen)) == 6


@pytest.mark.parametrize("memory", [0, 2**30])
def test_the_global_random_state_is_not_touched(folder, memory):
    train = load_data(folder, memory=memory).train
    state, numpys = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    list(loader(train, 4, seed=0, workers=2).epoch(0))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == numpys


def test_an_epoch_that_is_left_early_leaves_no_process_behind(folder):
    batches = loader(load_data(folder, memory=0).train, 2, seed=0, workers=2).epoch(0)
    next(batches)
    assert len(multiprocessing.active_children()) >= 2
    batches.close()
    deadline = time.monotonic() + 120
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not multiprocessing.active_children()


# Waiting


class Slow(FolderFiles):
    """Files that take their time."""

    def open(self, number):
        time.sleep(0.05)
        return super().open(number)


def test_the_time_that_the_consumer_waits_is_measured(folder):
    train = load_data(folder, memory=0).train
    slow = replace(train, files=Slow(train.files.root, train.files.paths))
    batches = loader(slow, 4, seed=0, workers=0)
    began = time.perf_counter()
    for _ in batches.epoch(0):
        time.sleep(0.1)
    assert 0.6 <= batches.waited <= time.perf_counter() - began - 0.3
    assert loader(slow, 4, seed=0).waited == 0


class Noted(FolderFiles):
    """Files whose reading leaves a trace that other processes see."""

    def open(self, number):
        (self.root / f".{number}").touch()
        return super().open(number)


def test_files_are_decoded_while_the_consumer_computes(folder):
    train = load_data(folder, memory=0).train
    noted = replace(train, files=Noted(train.files.root, train.files.paths))
    batches = loader(noted, 4, seed=0, workers=2).epoch(0)
    next(batches)
    deadline = time.monotonic() + 120
    while len(list(folder.glob(".*"))) < 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(list(folder.glob(".*"))) == 12
    assert len(list(batches)) == 2


# Files that cannot be read


@pytest.fixture
def damaged(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(12):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / "a" / f"{number:02}.png")
    for number in (3, 8):
        (tmp_path / "a" / f"{number:02}.png").write_bytes(b"text")
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_image_in_the_middle_of_an_epoch_is_named(damaged, workers):
    train = load_data(damaged, memory=0).train
    with pytest.raises(InputError, match=r"^\S+a/0[38]\.png is not an image[^\n]+$"):
        list(loader(train, 2, seed=0, workers=workers).epoch(0))


def test_an_image_of_another_size_is_named_by_a_worker(damaged):
    for number in (3, 5, 8):
        Image.new("RGB", (5 if number == 5 else 4, 4)).save(damaged / "a" / f"{number:02}.png")
    train = load_data(damaged, memory=0).train
    with pytest.raises(InputError, match=r"^\S+05\.png is of another size than the images before it; give --size$"):
        list(loader(train, 4, seed=0, workers=1).epoch(0))
