import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import Dataset, InputError, Split, load_data
from pellucid.data.encoded import FileSplit


def png(number, side=4):
    """An image of one color that tells its number."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (number % 256, number // 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def tar(path, *members, **options):
    """A tar of (name, bytes) pairs."""
    with tarfile.open(path, "w", **options) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def sample(number, label, suffix="png"):
    return [(f"{number:04}.{suffix}", png(number)), (f"{number:04}.cls", b"%d" % label)]


def shards(root, counts, split="train"):
    """Shards with so many images each, numbered throughout; image n is of class n % 3."""
    root.mkdir(exist_ok=True)
    first = 0
    for shard, count in enumerate(counts):
        numbers = range(first, first + count)
        tar(root / f"{split}-{shard:03}.tar", *[member for n in numbers for member in sample(n, n % 3)])
        first += count
    return root


def numbers(images):
    return (images[:, 0, 0, 0] + 256 * images[:, 1, 0, 0].long()).tolist()


def test_shards_are_read_in_order(tmp_path):
    shards(tmp_path, [3, 4, 2])
    shards(tmp_path, [2, 1], "val")
    data = load_data(tmp_path, memory=0)
    assert isinstance(data.train, FileSplit)
    assert (data.size, data.class_names, len(data.train), len(data.test)) == ((4, 4), ["0", "1", "2"], 9, 3)
    assert numbers(data.train.raw(slice(None))) == list(range(9))
    assert numbers(data.train.raw(torch.tensor([8, 2, 4]))) == [8, 2, 4]
    assert data.train.labels.tolist() == [0, 1, 2] * 3
    assert data.train.labels.dtype == torch.int64
    images, labels = data.test.batch(slice(1, 3))
    assert (numbers((images * 255).round()), labels.tolist()) == ([1, 2], [1, 2])


def test_a_small_set_is_decoded_into_memory(tmp_path):
    data = load_data(shards(tmp_path, [2, 3]), size=8)
    assert isinstance(data.train, Split)
    assert data.train.images.shape == (5, 3, 8, 8)
    assert len(data.test) == 0


def test_what_webdataset_writes_is_what_webdataset_reads(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    rng = np.random.default_rng(0)
    for shard in range(2):
        with webdataset.TarWriter(str(tmp_path / f"train-{shard}.tar")) as writer:
            for number in range(4):
                pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                key = f"some.folder/{'x' * 120}/{shard}{number}"  # too long for a plain header
                writer.write({"__key__": key, "png": Image.fromarray(pixels), "cls": number, "json": {"a": 1}})
    paths = [str(path) for path in sorted(tmp_path.glob("*.tar"))]
    theirs = list(webdataset.WebDataset(paths, shardshuffle=False).decode("rgb8").to_tuple("png", "cls"))
    mine = load_data(tmp_path, memory=0).train
    assert len(mine) == len(theirs) == 8
    for image, label, (their_image, their_label) in zip(mine.raw(slice(None)), mine.labels, theirs, strict=True):
        assert torch.equal(image, torch.tensor(their_image).permute(2, 0, 1))
        assert int(label) == their_label


def test_keys_end_at_the_first_dot_and_members_may_come_in_any_order(tmp_path):
    tar(
        tmp_path / "train-0.tar",
        ("a/1.cls", b" 1\n"),
        ("b/1.cls", b"0"),
        ("notes.txt", b"?"),
        ("b/1.PNG", png(5)),
        ("b/1.depth.png", png(6)),
        ("a/1.png", png(7)),
    )
    data = load_data(tmp_path, memory=0)
    assert numbers(data.train.raw(slice(None))) == [5, 7]
    assert data.train.labels.tolist() == [0, 1]


def test_a_key_may_have_dots_where_image_and_class_agree(tmp_path):
    tar(tmp_path / "train-0.tar", *[m for n in (2, 3) for m in
        ((f"photo {n}.0.png", png(n)), (f"photo {n}.0.cls", b"%d" % n), (f"photo {n}.0.json", b"{}"))])  # fmt: skip
    data = load_data(tmp_path, memory=0)
    assert (numbers(data.train.raw(slice(None))), data.train.labels.tolist()) == ([2, 3], [2, 3])


def test_shards_of_a_test_split_alone_are_measured(tmp_path):
    data = load_data(shards(tmp_path, [3], "val"))
    assert (len(data.train), data.test.labels.tolist()) == (0, [0, 1, 2])


@pytest.mark.parametrize("name", ["train-0.tar", "train-0.tar.gz", "train-0.tgz"])
def test_compressed_shards_are_refused_by_name(tmp_path, name):
    with tarfile.open(tmp_path / name, "w:gz"):
        pass
    with pytest.raises(InputError, match=f"^[^:]*{name} is compressed with gzip"):
        load_data(tmp_path)


def test_class_names_come_from_a_file(tmp_path):
    shards(tmp_path, [3])
    (tmp_path / "classes.json").write_text(json.dumps(["cat", "dog", "eel", "fox"]))
    assert load_data(tmp_path).class_names == ["cat", "dog", "eel", "fox"]


# The order of an epoch


def test_an_order_has_every_image_once_and_follows_the_generator(tmp_path):
    train = load_data(shards(tmp_path, [3, 4, 2]), memory=0).train
    orders = [train.order(torch.Generator().manual_seed(seed)).tolist() for seed in (0, 0, 1)]
    assert sorted(orders[0]) == list(range(9))
    assert orders[0] == orders[1] != orders[2]


def test_shards_come_one_after_the_other_and_images_near_their_place(tmp_path, monkeypatch):
    train = load_data(shards(tmp_path, [10] * 12), memory=0).train
    monkeypatch.setattr("pellucid.data.shards.SHUFFLE", 0)
    plain = train.order(torch.Generator().manual_seed(3))
    shard = (plain // 10)[::10]
    assert torch.equal(plain, (shard[:, None] * 10 + torch.arange(10)).flatten())
    assert shard.tolist() != list(range(12))
    monkeypatch.setattr("pellucid.data.shards.SHUFFLE", 15)
    order = train.order(torch.Generator().manual_seed(3))
    moved = torch.argsort(order)[plain] - torch.arange(120)
    assert 5 < moved.abs().max() <= 15
    assert sorted(order.tolist()) == list(range(120))


def test_images_are_told_apart_by_their_shards_and_places(tmp_path):
    shards(tmp_path, [3, 2])
    files = load_data(tmp_path, memory=0).train.files
    stamps = [files.stamp(number) for number in range(5)]
    assert len(set(stamps)) == 5
    second = sorted(tmp_path.glob("train-*.tar"))[1]
    os.utime(second, ns=(0, second.stat().st_mtime_ns + 10**6))
    assert [files.stamp(number) == stamps[number] for number in range(5)] == [True, True, True, False, False]


def test_a_subset_keeps_to_its_shards(tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.data.shards.SHUFFLE", 0)
    train = load_data(shards(tmp_path, [4, 4, 4]), memory=0).train
    kept = [1, 3, 5, 9, 11]
    some = train.subset(torch.tensor(kept), torch.zeros(5, dtype=torch.int64))
    whole = train.order(torch.Generator().manual_seed(1)).tolist()
    assert numbers(some.raw(some.order(torch.Generator().manual_seed(1)))) == [n for n in whole if n in kept]


# What is wrong with a set


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("1.png", png(1))], "1 lacks a class number in a .cls"),
        ([*sample(1, 0), ("2.cls", b"0")], "1 of its samples are not whole, 2 lacks an image"),
        ([("1.png", png(1)), ("1.cls", b"cat")], r"1\.cls must hold a class number, not b'cat'"),
        ([("1.png", png(1)), ("1.cls", b"-1")], "must hold a class number"),
        ([("1.png", png(1)), ("1.cls", b"")], "must hold a class number"),
        ([("1.png", png(1)), ("1.cls", b"1" * 33)], "33 bytes; at most 32 are read"),
        ([("1.png", png(1)), ("1.cls", b"100000")], "labels go from 100000 to 100000"),
        ([*sample(1, 0), ("0001.jpg", png(2))], r"0001\.jpg is not the only one for 0001"),
        ([*sample(1, 0), *sample(1, 0)], r"0001\.png is not the only one"),
        ([("notes.txt", b"?")], r"the train-\*\.tar in .* hold no images"),
        ([], r"hold no images"),
    ],
)  # fmt: skip
def test_a_wrong_shard_is_refused_in_one_line(tmp_path, members, message):
    tar(tmp_path / "train-0.tar", *members)
    with pytest.raises(InputError, match=message) as error:
        load_data(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ('["cat", "dog"]', "labels go up to 2, but classes.json has 2 classes"),
        ('["cat", "cat", "dog"]', "different names"),
        ('{"cat": 0}', "must be a list of class names"),
        ("[1, 2, 3]", "must be a list of class names"),
        ("[", "not usable JSON"),
    ],
)
def test_wrong_class_names_are_refused(tmp_path, names, message):
    shards(tmp_path, [3])
    (tmp_path / "classes.json").write_text(names)
    with pytest.raises(InputError, match=message):
        load_data(tmp_path)


def test_an_unreadable_image_is_named_with_its_shard(tmp_path):
    tar(tmp_path / "train-0.tar", *sample(1, 0), ("2.png", png(2)[:40]), ("2.cls", b"1"))
    with pytest.raises(InputError, match=r"train-0\.tar: 2\.png is (damaged|not an image)"):
        load_data(tmp_path, size=4)
    with pytest.warns(UserWarning, match=r"1 of 2 images cannot be read .*train-0\.tar: 2\.png"):
        assert len(load_data(tmp_path, size=4, skip_unreadable=True).train) == 1


# Shards of anybody's making


def test_a_truncated_shard_is_refused_wherever_it_was_cut(tmp_path):
    whole = tar(tmp_path / "train-0.tar", *sample(1, 0), *sample(2, 1)).read_bytes()
    used = len(whole.rstrip(b"\0"))
    assert used > 5 * 512
    for end in [*range(0, used, 512), *range(100, used, 512)]:
        (tmp_path / "train-0.tar").write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"train-0\.tar is not a whole tar file of images: [^\n]+$"):
            load_data(tmp_path)


def test_a_damaged_header_in_the_middle_does_not_end_a_shard_silently(tmp_path):
    path = tar(tmp_path / "train-0.tar", *sample(1, 0), *sample(2, 1))
    bad = bytearray(path.read_bytes())
    bad[2048 + 148] ^= 1  # the checksum of the third header
    path.write_bytes(bad)
    with pytest.raises(InputError, match="its end is missing"):
        load_data(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_random_damage_gives_data_or_a_refusal(tmp_path, kind):
    long = "x" * 110
    members = [*sample(1, 0), (f"{long}/2.png", png(2)), (f"{long}/2.cls", b"1")]
    good = tar(tmp_path / "train-0.tar", *members, format=kind).read_bytes().rstrip(b"\0") + b"\0" * 2048
    rng, refused = np.random.default_rng(0), []
    heads = [position for position in range(0, len(good), 512) if good[position + 257 : position + 262] == b"ustar"]
    for _ in range(100):
        bad = bytearray(good)
        head = int(rng.choice(heads))
        for position in head + rng.integers(0, 512, 3):
            bad[position] = rng.integers(0, 256)
        header = bad[head : head + 512]
        header[148:156] = b" " * 8
        bad[head + 148 : head + 156] = b"%06o\0 " % sum(header)  # so that the damage is read
        (tmp_path / "train-0.tar").write_bytes(bad)
        try:
            assert isinstance(load_data(tmp_path, size=4), Dataset)
        except InputError as error:
            refused.append(str(error))
    assert 0 < len(refused) < 100
    assert not any("\n" in message for message in refused)


def test_a_name_that_could_steer_a_terminal_is_refused(tmp_path):
    tar(tmp_path / "train-0.tar", *sample(1, 0), ("a\x1b[2J\n.png", png(2)))
    with pytest.raises(InputError, match=r"a member is called 'a\\x1b\[2J\\n\.png'"):
        load_data(tmp_path)


def header(name, size, kind=b"0"):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse_header():
    """A header that says that more of it follows."""
    block = bytearray(header("1.png", 0, tarfile.GNUTYPE_SPARSE))
    block[482], block[148:156] = 1, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def sparse_attributes():
    """Attributes that announce a map, and no map."""
    lines = [f"GNU.sparse.{key}={value}\n".encode() for key, value in [("major", 1), ("minor", 0), ("realsize", 9)]]
    records = b"".join(b"%d %s" % (len(line) + 3, line) for line in lines)
    return header("x", len(records), tarfile.XHDTYPE) + records.ljust(512, b"\0") + header("1.png", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header("1.png", -512), "1.png does not lie within it"),
        (header("1.png", 10**12), "1.png does not lie within it"),
        (header("x", -512, tarfile.GNUTYPE_LONGNAME), "a header of -512 bytes"),
        (header("x", 10**12, tarfile.GNUTYPE_LONGNAME), "a header of 1000000000000 bytes"),
        (header("x", 10**12, tarfile.XHDTYPE), "a header of 1000000000000 bytes"),
        (header("1.png", 10**12, tarfile.GNUTYPE_SPARSE), "1.png does not lie within it"),
    ],
    ids=["negative", "huge", "negative name", "huge name", "huge attributes", "sparse"],
)
def test_sizes_are_bounded_before_memory_is_taken(tmp_path, content, message):
    (tmp_path / "train-0.tar").write_bytes(content + b"\0" * 2048)
    with pytest.raises(InputError, match=message):
        load_data(tmp_path)


@pytest.mark.parametrize(
    "content",
    [sparse_header(), sparse_attributes(), (header("x", 1, tarfile.GNUTYPE_LONGNAME) + b"y" * 512) * 1000],
    ids=["index", "value", "recursion"],
)
def test_headers_that_upset_tarfile_are_refused(tmp_path, content):
    (tmp_path / "train-0.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"train-0\.tar is not a whole tar file of images: [^\n]+$"):
        load_data(tmp_path)


def test_an_image_of_too_many_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.data.shards.MAX_IMAGE", 50)
    tar(tmp_path / "train-0.tar", *sample(1, 0))
    with pytest.raises(InputError, match=r"0001\.png has \d+ bytes; at most 50 are read"):
        load_data(tmp_path)


def test_nothing_but_images_and_class_numbers_is_decoded(tmp_path):
    executed = tmp_path / "executed"
    payload = b"cbuiltins\nopen\n(V" + str(executed).encode() + b"\nVw\ntR."
    others = [(f"0001.{suffix}", payload) for suffix in ("pyd", "pickle", "pkl", "pth", "pt")]
    tar(tmp_path / "train-0.tar", *sample(1, 0), *others)
    assert len(load_data(tmp_path).train) == 1
    with pytest.raises(InputError, match="must hold a class number"):
        load_data(tar(tmp_path / "train-0.tar", ("1.png", png(1)), ("1.cls", payload[:30])).parent)
    assert not executed.exists()


def test_links_and_folders_in_a_shard_are_passed_over(tmp_path):
    with tarfile.open(tmp_path / "train-0.tar", "w") as archive:
        for name, kind in [("a", tarfile.DIRTYPE), ("1.png", tarfile.SYMTYPE), ("1.cls", tarfile.LNKTYPE)]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    with pytest.raises(InputError, match="hold no images"):
        load_data(tmp_path)


def test_a_folder_that_is_named_like_a_shard_is_refused(tmp_path):
    (tmp_path / "train-0.tar").mkdir()
    with pytest.raises(InputError, match=r"train-0\.tar cannot be read: Is a directory"):
        load_data(tmp_path)


def test_shards_are_read_from_several_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.data.shards.processors", lambda: 4)
    assert len(load_data(shards(tmp_path, [2] * 9), memory=0).train) == 18
    assert Path(load_data(tmp_path, memory=0).train.files.paths[8]).name == "train-008.tar"
