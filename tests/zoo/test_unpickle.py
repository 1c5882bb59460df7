"""Files of torch.save, honest and hostile: weights come out, nothing runs, memory is taken for what is there."""

import collections
import io
import os
import pickle
import struct
import sys
import time
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid import InputError
from pellucid.zoo import torch_file
from pellucid.zoo.torch_file import LEGACY_MAGIC, LEGACY_PROTOCOL, read_torch_file
from pellucid.zoo.unpickle import Interpreter

SYSTEM = pickle.dumps(os.system, 0)[1:].split(b"\n")[0].decode() + ".system"  # posix.system, as pickles write it


class Ref:
    """A storage as a pickle refers to it."""

    def __init__(self, key="0", count=4, kind=torch.FloatStorage, tag="storage"):
        self.description = (tag, kind, key, "cpu", count)

    def __repr__(self):  # names of tests are made of it, and must be the same in every worker
        return f"Ref{self.description[2:]}"


class Call:
    """What a pickle asks for: `function(*arguments)`, then `state`."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments, state)

    def __reduce__(self):
        return self.parts


def dumps(content, protocol=2):
    """A pickle of content in which `Ref`s are storages, as torch writes it."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.description if isinstance(value, Ref) else None

    stream = io.BytesIO()
    Pickler(stream, protocol).dump(content)
    return stream.getvalue()


def tensor(offset=0, size=(4,), stride=(1,), storage=None):
    arguments = (storage or Ref(), offset, size, stride, False, collections.OrderedDict())
    return Call(torch._utils._rebuild_tensor_v2, *arguments)


FLOATS = struct.pack("<4f", 1, 2, 3, 4)


def write_zip(path, code, storages=None, compression=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", code)
        for key, data in (storages if storages is not None else {"0": FLOATS}).items():
            archive.writestr(f"archive/data/{key}", data)
        for name, data in extra:
            archive.writestr(name, data)
    return path


def write_legacy(path, code, keys=("0",), counts=(4,), data=FLOATS):
    system = {"protocol_version": LEGACY_PROTOCOL, "little_endian": True, "type_sizes": {}}
    parts = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(LEGACY_PROTOCOL, 2), pickle.dumps(system, 2), code]
    parts += [pickle.dumps(list(keys), 2), *(struct.pack("<q", count) + data for count in counts)]
    path.write_bytes(b"".join(parts))
    return path


writers = pytest.mark.parametrize("write", [write_zip, write_legacy])


def refusal(path):
    """What is said of a file: one line that names it. Quickly, too."""
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        read_torch_file(path)
    assert time.process_time() - began < 5
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    assert len(message) < 700
    return message


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


# Programs


def dill_function():
    """A mapping with a pickled function beside the weights, in the instructions that dill 0.2.9 wrote."""
    code = b"cdill._dill\n_create_function\n(cdill._dill\n_load_type\nX\x08\x00\x00\x00CodeType\x85R(K\x00K\x01tR"
    code += b"c__builtin__\n__main__\nX\x03\x00\x00\x00f_xNN}tR"
    plain = dumps({"w": tensor()})
    return plain[:-1] + b"X\x08\x00\x00\x00schedule" + code + b"s."


@writers
def test_pickled_functions_are_refused_and_the_weights_read(tmp_path, write):
    tensors, refused = read_torch_file(write(tmp_path / "net.pt", dill_function()))
    assert tensors["w"].tolist() == [1, 2, 3, 4]
    assert refused == ["dill._dill._create_function", "dill._dill._load_type", "__builtin__.__main__"]


def payloads(command):
    """The ways in which a pickle can call something."""
    text = command.encode()
    yield "reduce", dumps({"w": tensor(), "x": Call(os.system, command)})
    yield "reduce in protocol 4", dumps({"w": tensor(), "x": Call(os.system, command)}, 4)
    yield "state", dumps({"w": tensor(), "x": Call(os.system, command, state={"__dict__": 1})})
    yield "eval", dumps({"w": tensor(), "x": Call(eval, f"__import__('os').system({command!r})")})
    yield "inst", dumps({"w": tensor()})[:-1] + b"S'x'\n(S'" + text + b"'\niposix\nsystem\ns."
    yield "obj", dumps({"w": tensor()})[:-1] + b"S'x'\n(cposix\nsystem\nS'" + text + b"'\nos."
    yield "newobj", dumps({"w": tensor()})[:-1] + b"S'x'\ncsubprocess\nPopen\n(S'" + text + b"'\nI-1\nNI1\nt\x81s."
    yield "key", dumps({"w": tensor(), Call(os.system, command): 1})
    yield "hooks", dumps({"w": Call(torch._utils._rebuild_parameter, tensor(), Call(os.system, command), None)})
    yield "setstate of a tensor", dumps({"w": tensor()})[:-1] + b"X\x01\x00\x00\x00wh\x00cos\nsystem\nbs."
    yield "dotted name", dumps({"w": tensor()})[:-1] + b"X\x01\x00\x00\x00x\x8c\x02os\x8c\x06system\x93S'x'\n\x85Rs."


@writers
@pytest.mark.parametrize("kind", [kind for kind, _ in payloads("")])
def test_commands_do_not_run(tmp_path, write, kind):
    code = dict(payloads(f"touch {tmp_path}/ran"))[kind]
    try:
        tensors, refused = read_torch_file(write(tmp_path / "net.pt", code))
        assert tensors["w"].tolist() == [1, 2, 3, 4]
        assert refused
    except InputError:
        assert kind == "setstate of a tensor"  # it names what it never wrote
    assert not (tmp_path / "ran").exists()


def test_the_payloads_are_live(tmp_path):
    """Or the test above would test nothing."""
    code = b"c" + SYSTEM.replace(".", "\n").encode() + b"\n(S'touch " + str(tmp_path).encode() + b"/ran'\ntR."
    pickle.loads(code)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        ("hostile", "OrderedDict"),
        ("collections", "OrderedDict.__init__"),
        ("torch", "_utils._rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch._utils ", "_rebuild_tensor_v2"),
    ],
)
def test_a_name_like_an_allowed_one_is_refused_and_not_imported(tmp_path, monkeypatch, name):
    (tmp_path / "hostile.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass OrderedDict(dict): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module, attribute = (part.encode() for part in name)
    code = b"\x80\x04}X\x01\x00\x00\x00w" + _text(module) + _text(attribute) + b"\x93)Rs."
    message = refusal(write_zip(tmp_path / "net.pt", code))
    assert f"refused, not run: {'.'.join(name)}" in message
    assert "hostile" not in sys.modules
    assert not (tmp_path / "ran").exists()


def _text(data):
    return b"\x8c" + bytes([len(data)]) + data


def test_a_module_that_shadows_collections_is_not_imported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "collections", None)  # importing it now would fail
    code = b"\x80\x02ccollections\nOrderedDict\n)RX\x01\x00\x00\x00aK\x01s."
    assert Interpreter().run(code)[0] == {"a": 1}


def test_a_whole_network_is_not_built_but_named(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "net.pt")
    message = refusal(tmp_path / "net.pt")
    assert "save its state_dict" in message
    assert "torch.nn.modules.linear.Linear" in message


def test_names_are_printed_safely(tmp_path):
    code = b"\x80\x04}X\x01\x00\x00\x00w" + _text(b"\x1b[2Jmodule\n") + _text(b"n" * 200) + b"\x93s."
    message = refusal(write_zip(tmp_path / "net.pt", code))
    assert "?[2Jmodule?" in message


# Tensors that are not what they claim


NEGATIVE, BEYOND = "negative or no whole number", "does not lie within its storage"


@writers
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"size": (2**29,)}, BEYOND),
        ({"size": (2**20, 2**9), "stride": (0, 0)}, BEYOND),
        ({"size": (-4,)}, NEGATIVE),
        ({"size": (4,), "stride": (-1,)}, NEGATIVE),
        ({"offset": -1}, NEGATIVE),
        ({"offset": 1}, BEYOND),
        ({"size": (2, 2), "stride": (3, 1)}, BEYOND),
        ({"size": (2,), "stride": (2**62,)}, BEYOND),
        ({"size": (1,), "stride": (2**70,)}, NEGATIVE),
        ({"size": (2, 2), "stride": (1,)}, "2 sizes and 1 strides"),
        ({"size": (1,) * 70, "stride": (1,) * 70}, "70 sizes"),
        ({"size": (2.0,)}, NEGATIVE),
        ({"size": ("4",)}, NEGATIVE),
        ({"size": 4}, "is damaged"),
        ({"size": (True, 4), "stride": (4, 1)}, NEGATIVE),
        ({"storage": Ref(count=-4)}, "a storage has a negative size"),
        ({"storage": Ref(count=2**70)}, "a storage has a negative size or one beyond all memory"),
        ({"storage": Ref(count=2**29), "size": (2**29,)}, "not "),
        ({"storage": Ref(key="1")}, "is damaged"),
    ],
    ids=str,
)
def test_hostile_tensors_are_refused(tmp_path, write, arguments, said):
    assert said in refusal(write(tmp_path / "net.pt", dumps({"w": tensor(**arguments)})))


def test_what_is_no_tensor_is_left_out(tmp_path):
    odd = {"a": tensor(storage=Ref(tag="module")), "b": tensor(storage=Ref(kind=io.BytesIO)), "c": 1, 5: tensor()}
    tensors, refused = read_torch_file(write_zip(tmp_path / "net.pt", dumps({**odd, "w": tensor()})))
    assert list(tensors) == ["w"]
    assert refused == ["_io.BytesIO"]


# Bombs


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


def wrap(body):
    """A pickle of one mapping, with `body` between the key "w" and the end."""
    return b"\x80\x04}X\x01\x00\x00\x00w" + body + b"s."


@pytest.mark.parametrize(
    "code",
    [
        wrap(b")" + b"\x85" * 200_000),  # a tuple in a tuple in ...
        wrap(b"]" * 100_000 + b"a" * 99_999),  # a list in a list in ...
        b"\x80\x04}" + b")" + b"2\x86" * 60 + b"K\x01s.",  # a key whose hash takes 2^60 steps
        wrap(b"Nr\xff\xff\xff\x7f"),  # a memo of 2^31 entries
        wrap(b"Np99999999999\n"),
        wrap(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"),  # bytes that are not there
        wrap(b"\x96" + struct.pack("<Q", 2**40)),  # a bytearray
        wrap(b"\x8b" + struct.pack("<i", -5)),
        wrap(b"\x82\x01"),  # an extension registry
        wrap(b"h\x07"),
        b"t.",
        b".",
        b"",
        b"(" * 1000,
        b"}" + b"K\x01s.",
        wrap(b"I" + b"9" * 5000 + b"\n"),
    ],
    ids=range(16),
)
def test_bombs_of_a_pickle_are_refused_quickly(tmp_path, code):
    refusal(write_zip(tmp_path / "net.pt", code))


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
