"""Files of torch.save made by hand, honest and hostile, and the one line that refuses them."""

import collections
import io
import pickle
import struct
import time
import zipfile

import pytest
import torch

from pellucid import InputError
from pellucid.zoo.torch_file import LEGACY_MAGIC, LEGACY_PROTOCOL, read_torch_file


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


def dill_function():
    """A mapping with a pickled function beside the weights, in the instructions that dill 0.2.9 wrote."""
    code = b"cdill._dill\n_create_function\n(cdill._dill\n_load_type\nX\x08\x00\x00\x00CodeType\x85R(K\x00K\x01tR"
    code += b"c__builtin__\n__main__\nX\x03\x00\x00\x00f_xNN}tR"
    plain = dumps({"w": tensor()})
    return plain[:-1] + b"X\x08\x00\x00\x00schedule" + code + b"s."
