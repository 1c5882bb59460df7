"""Files of torch.save: what torch reads is read; archives of other kinds are refused in one line."""

import collections
import struct
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pickle_helpers import FLOATS, Ref, dill_function, dumps, refusal, tensor, write_legacy, write_zip, writers

from pellucid import InputError
from pellucid.zoo import torch_file
from pellucid.zoo.torch_file import read_torch_file

# Honest files, against torch's own reader


DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.int16,
]


@st.composite
def states(draw):
    """A mapping of tensors, some of them views of others."""
    found = collections.OrderedDict()
    for number in range(draw(st.integers(1, 4))):
        shape = draw(st.lists(st.integers(0, 3), max_size=4))
        value = (torch.arange(1, 1 + torch.Size(shape).numel()) % 5).reshape(shape).to(draw(st.sampled_from(DTYPES)))
        found[f"layer{number}.weight"] = value
        if value.ndim and draw(st.booleans()):
            found[f"layer{number}.view"] = draw(st.sampled_from([value.mT if value.ndim > 1 else value, value[1:]]))
    if draw(st.booleans()):
        found["parameter"] = torch.nn.Parameter(torch.ones(2))
    return found


@given(states(), st.booleans(), st.sampled_from(["model", "state_dict", "net", None]))
def test_what_torch_reads_is_read(tmp_path_factory, state, new, key):
    path = tmp_path_factory.mktemp("honest") / "net.pt"
    content = {key: state, "epoch": 3, "best": [0.5, None], "shape": (1, 2)} if key else state
    torch.save(content, path, _use_new_zipfile_serialization=new)
    expected = torch.load(path, weights_only=True)
    tensors, refused = read_torch_file(path)
    assert refused == []
    assert list(tensors) == list(state)
    for name, value in (expected[key] if key else expected).items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value.data)


@pytest.mark.parametrize("new", [True, False])
def test_an_optimizer_and_numbers_beside_the_weights_do_no_harm(tmp_path, new):
    momentum = {"state": {0: {"momentum_buffer": torch.rand(2, 3)}}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}
    weights = torch.nn.Linear(3, 2).state_dict()
    content = {"optimizer": momentum, "schedule": None, "epoch": 3, "adv_prec1": torch.tensor(0.5), "model": weights}
    torch.save(content, tmp_path / "net.pt", _use_new_zipfile_serialization=new)
    tensors, refused = read_torch_file(tmp_path / "net.pt")
    assert torch.equal(tensors["weight"], weights["weight"])
    assert (list(tensors), refused) == (["weight", "bias"], [])


def test_storages_of_a_gpu_are_read_as_ours(tmp_path):
    code = dumps({"w": tensor()}).replace(b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage")
    assert read_torch_file(write_zip(tmp_path / "net.pt", code))[0]["w"].tolist() == [1, 2, 3, 4]


# Archives


def test_members_that_share_their_bytes_are_refused(tmp_path):
    path = write_zip(tmp_path / "net.pt", dumps({"w": tensor()}), {"0": FLOATS, "1": bytes(2**16)})
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x05\x06"))
    more = bytes(data[entry : data.rindex(b"PK\x05\x06")]).replace(b"data/1", b"data/2")
    end = data.rindex(b"PK\x05\x06")
    count, length = struct.unpack_from("<HI", data, end + 10)
    struct.pack_into("<HHI", data, end + 8, count + 1, count + 1, length + len(more))
    path.write_bytes(bytes(data[:end]) + more + bytes(data[end:]))
    assert len(zipfile.ZipFile(path).namelist()) == 4
    assert "its members overlap" in refusal(path)


def test_two_members_of_one_name_are_refused(tmp_path):
    path = write_zip(tmp_path / "net.pt", dumps({"w": tensor()}))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", FLOATS)
    assert "its members overlap" in refusal(path)


def test_a_member_that_claims_to_be_larger_is_refused(tmp_path):
    path = write_zip(tmp_path / "net.pt", dumps({"w": tensor()}))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x05\x06"))
    struct.pack_into("<I", data, entry + 24, 2**31 - 1)
    path.write_bytes(data)
    assert "two sizes" in refusal(path)


def test_a_pickle_of_many_megabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "MAX_PICKLE", 1000)
    code = dumps({"w": tensor(), "x": "x" * 2000})
    assert "has a pickle of more than" in refusal(write_zip(tmp_path / "net.pt", code))
    refusal(write_legacy(tmp_path / "net.pt", code))


# Other files


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        (b"\n  <html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"PK\x03\x04" + bytes(100), "is damaged"),
        (b"\x80\x02K\x01.", "not a file of torch.save"),
        (b"weights", "not a file of torch.save"),
        (b"\x80", "damaged"),
        (b"PK", "not a file of torch.save"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path, data, said):
    (tmp_path / "net.pt").write_bytes(data)
    assert said in refusal(tmp_path / "net.pt")


def zip_of(*members, compression=zipfile.ZIP_STORED):
    def write(path):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name in members:
                archive.writestr(name, b"N.")
        return path

    return write


HONEST = dumps({"w": tensor()})
ENORMOUS = dumps({"w": tensor(size=(2**24,), storage=Ref(count=2**24))})
TWICE = {"a": tensor(), "b": tensor(size=(2,), storage=Ref(count=2, kind=torch.DoubleStorage))}
DAMAGED = {
    "a short member": (lambda path: write_zip(path, HONEST, {"0": bytes(12)}), "12 bytes, not 16"),
    "a long member": (lambda path: write_zip(path, HONEST, {"0": bytes(20)}), "20 bytes, not 16"),
    "an end within a storage": (
        lambda path: write_legacy(path, dumps({"w": tensor(size=(1,))}), data=FLOATS[:-1]),
        "truncated",
    ),
    **{
        f"a storage of {n}": (lambda path, n=n: write_legacy(path, HONEST, counts=(n,)), "numbers, not 4")
        for n in (-4, -(2**63), 2**62, 3, 5)
    },
    "a storage of two descriptions": (lambda path: write_zip(path, dumps(TWICE)), "described in two ways"),
    "a path out of the archive": (
        lambda path: write_zip(path, dumps({"w": tensor(storage=Ref(key="../../secret"))})),
        "has 0 bytes",
    ),
    "a compressed archive": (
        lambda path: write_zip(path, ENORMOUS, {"0": bytes(2**26)}, zipfile.ZIP_DEFLATED),
        "compressed or encrypted",
    ),
    "TorchScript": (lambda path: write_zip(path, HONEST, extra=[("archive/constants.pkl", b"N.")]), "TorchScript"),
    "compressed TorchScript": (zip_of("net/constants.pkl", compression=zipfile.ZIP_DEFLATED), "TorchScript"),
    "a zip of something else": (zip_of("images.npy"), "not of torch.save"),
    "big-endian": (lambda path: write_zip(path, HONEST, extra=[("archive/byteorder", b"big")]), "big-endian"),
}


@pytest.mark.parametrize("row", DAMAGED)
def test_damaged_and_other_archives_are_refused(tmp_path, row):
    (tmp_path / "secret").write_bytes(FLOATS)
    write, said = DAMAGED[row]
    assert said in refusal(write(tmp_path / "net.pt"))


def test_the_tar_container_is_refused(tmp_path):
    import tarfile

    (tmp_path / "storages").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with tarfile.open(tmp_path / "net.pt", "w") as archive:
        archive.add(tmp_path / "storages", "storages")
    assert "is a tar file" in refusal(tmp_path / "net.pt")
    (tmp_path / "net.pth.gz").write_bytes(b"\x1f\x8b\x08" + bytes(600))  # a download that stopped
    assert "is not a file of torch.save" in refusal(tmp_path / "net.pth.gz")


@pytest.mark.parametrize("name", ["missing.pt", "."])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(InputError, match="does not exist, or is not a file"):
        read_torch_file(tmp_path / name)


@writers
def test_a_truncated_file_is_refused(tmp_path, write):
    path = write(tmp_path / "net.pt", dumps({"w": tensor()}))
    data = path.read_bytes()
    for length in range(1, len(data), 7):
        path.write_bytes(data[:length])
        refusal(path)


@given(st.data(), st.sampled_from([write_zip, write_legacy]))
def test_any_change_of_a_byte_gives_weights_or_one_line(tmp_path_factory, data, write):
    path = write(tmp_path_factory.mktemp("fuzz") / "net.pt", dill_function())
    changed = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    try:
        tensors, _ = read_torch_file(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert all(value.numel() <= 8 for value in tensors.values())
