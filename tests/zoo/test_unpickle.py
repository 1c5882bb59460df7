"""Hostile pickles: nothing runs, and memory is taken for what is there."""

import io
import os
import pickle
import struct
import sys

import pytest
import torch
from pickle_helpers import Call, Ref, dill_function, dumps, refusal, tensor, write_zip, writers

from pellucid import InputError
from pellucid.zoo.torch_file import read_torch_file
from pellucid.zoo.unpickle import Interpreter

SYSTEM = pickle.dumps(os.system, 0)[1:].split(b"\n")[0].decode() + ".system"  # posix.system, as pickles write it

# Programs


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
