"""Reading a pickle without running it.

A pickle is a program: it names functions, and loading it imports and calls them. Here the same program is interpreted
in a language that has only data. `pickletools` decodes the instructions; numbers, texts, lists, mappings and tuples are
built as usual; and the few names that tensors are written with become records. Every other name is an `Opaque` that
absorbs whatever is done to it. Nothing is imported, no code of the file is called, and the names are listed.

`torch.load(weights_only=True)` is not enough for files from outside: it refuses the functions that published
checkpoints carry, and it takes the memory that a tensor claims, whether the file holds it or not.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

MAX_PICKLE = 4 * 2**20  # bytes; the names and shapes of a thousand tensors take a twentieth of it
MAX_DIMENSIONS = 8
MAX_NUMBER = 2**63  # arithmetic with longer ones can be made to take forever


class Opaque:
    """Stands for everything that is not data."""


@dataclass(frozen=True)
class Storage:
    """Numbers that lie elsewhere in the file, under a key."""

    key: str
    dtype: torch.dtype
    count: int


@dataclass(frozen=True)
class TensorRecord:
    """A tensor as a view of a storage; it is within the storage's bounds, and no larger than it."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Any:
    if not isinstance(storage, Storage):
        return Opaque()
    if len(size) != len(stride) or len(size) > MAX_DIMENSIONS:
        raise ValueError(f"a tensor has {len(size)} sizes and {len(stride)} strides")
    if not all(type(number) is int and 0 <= number < MAX_NUMBER for number in (offset, *size, *stride)):
        raise ValueError("a tensor has a size, a stride or an offset that is negative or no whole number")
    last = sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    reach = offset + last + 1 if all(size) else 0
    if reach > storage.count or math.prod(size) > storage.count:
        raise ValueError(f"a tensor of {tuple(size)} does not lie within its storage of {storage.count} numbers")
    return TensorRecord(storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: Any, *rest: Any) -> Any:
    return tensor


def _mapping(pairs: Any = (), *rest: Any) -> Any:
    return {key: value for key, value in pairs if isinstance(key, str)}


# The names that mean something, exactly as the file must write them; they stand for functions of this module.
BUILDERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): _mapping,
}
KINDS = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip
STORAGES = {(module, f"{kind}Storage"): dtype for module in ("torch", "torch.cuda") for kind, dtype in KINDS.items()}

LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
MARK = object()


@dataclass
class Interpreter:
    """Runs the instructions of pickles on data alone.

    Attributes:
        refused: the names that the pickles wanted and that were not allowed, in the order of their first use.
        storages: the storages that were named, by key.
    """

    refused: dict[str, None] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)

    def run(self, data: bytes) -> tuple[Any, int]:
        """What the pickle at the start of `data` describes, and how many bytes it has.

        Raises `ValueError`, `LookupError`, `TypeError` or `AttributeError` for instructions that make no sense.

        >>> import pickle
        >>> Interpreter().run(pickle.dumps({"epoch": 3}))[0]
        {'epoch': 3}
        >>> interpreter = Interpreter()
        >>> value, length = interpreter.run(b"cos\\nsystem\\n(S'echo never'\\ntR.")
        >>> list(interpreter.refused)
        ['os.system']
        """
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        stream = io.BytesIO(data)
        for opcode, argument, _ in pickletools.genops(stream):
            self._step(opcode.name, argument)
        return self.stack.pop(), stream.tell()

    def _step(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self.memo
        match name:
            case _ if name in LITERALS:
                stack.append(argument)
            case _ if name in CONSTANTS:
                stack.append(CONSTANTS[name])
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(memo[argument])
            case "MARK":
                stack.append(MARK)
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "EMPTY_LIST":
                stack.append([])
            case "LIST":
                stack.append(self._since_mark())
            case "EMPTY_DICT":
                stack.append({})
            case "DICT":
                items = self._since_mark()
                stack.append({})
                self._set(items)
            case "APPEND":
                self._extend([stack.pop()])
            case "APPENDS":
                self._extend(self._since_mark())
            case "SETITEM":
                value = stack.pop()
                self._set([stack.pop(), value])
            case "SETITEMS":
                self._set(self._since_mark())
            case "POP":
                stack.pop()
            case "POP_MARK":
                self._since_mark()
            case "DUP":
                stack.append(stack[-1])
            case "BUILD":  # sets an object's state; what matters of tensors and mappings is there already
                stack.pop()
            case "GLOBAL":
                module, _, attribute = argument.partition(" ")
                stack.append(self._name(module, attribute))
            case "STACK_GLOBAL":
                attribute = stack.pop()
                stack.append(self._name(stack.pop(), attribute))
            case "REDUCE":
                arguments = stack.pop()
                stack.append(self._call(stack.pop(), arguments))
            case "NEWOBJ" | "NEWOBJ_EX":
                del stack[-2 if name == "NEWOBJ" else -3 :]
                stack.append(Opaque())
            case "INST":
                self._since_mark()
                self._name(*argument.split(" ", 1))
                stack.append(Opaque())
            case "OBJ":
                self._since_mark()
                stack.append(Opaque())
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise ValueError(f"its pickle has the instruction {name}, which no tensor needs")

    def _since_mark(self) -> list[Any]:
        position = len(self.stack) - 1
        while self.stack[position] is not MARK:
            position -= 1
            if position < 0:
                raise ValueError("its pickle closes what it never opened")
        items = self.stack[position + 1 :]
        del self.stack[position:]
        return items

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        # Only texts are keys of weights. Others are left out: hashing a tuple can be made to take forever.
        if isinstance(self.stack[-1], dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            self.stack[-1].update({key: value for key, value in pairs if isinstance(key, str)})

    def _name(self, module: Any, attribute: Any) -> Any:
        if not (isinstance(module, str) and isinstance(attribute, str)):
            raise ValueError("its pickle names something that is not a text")
        if (module, attribute) in BUILDERS:
            return BUILDERS[module, attribute]
        if (module, attribute) in STORAGES:
            return STORAGES[module, attribute]
        self.refused[f"{module}.{attribute}"] = None
        return Opaque()

    def _call(self, function: Any, arguments: Any) -> Any:
        known = any(function is builder for builder in BUILDERS.values())
        return function(*arguments) if known else Opaque()

    def _storage(self, description: Any) -> Any:
        """The storage of `("storage", type, key, device, count)`; old files add a view, which must be None."""
        match description:
            case ("storage", torch.dtype() as dtype, str(key), _, int(count), *view) if view in ([], [None]):
                storage = Storage(key, dtype, count)
            case _:
                return Opaque()
        if not 0 <= count < MAX_NUMBER:
            raise ValueError("a storage has a negative size or one beyond all memory")
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {key[:20]!r} is described in two ways")
        return storage
