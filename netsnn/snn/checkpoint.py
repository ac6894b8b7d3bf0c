"""Checkpoints: the archives that `torch.save` makes, read without pickle.

`torch.load(weights_only=True)` calls nothing of a file's choosing, but believes its claims: a tensor may reach beyond the numbers that the file holds,
into whatever lies there in memory, and storages of any size are made. Here a tensor is a view of a member of the archive, and lies within it.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from netsnn.snn.data import unpickle

__all__ = ["load"]

STORAGES = {(b"torch", name): dtype for name, dtype in (
    (b"FloatStorage", torch.float32), (b"DoubleStorage", torch.float64), (b"HalfStorage", torch.float16), (b"BFloat16Storage", torch.bfloat16), (b"BoolStorage", torch.bool),
    (b"ByteStorage", torch.uint8), (b"CharStorage", torch.int8), (b"ShortStorage", torch.int16), (b"IntStorage", torch.int32), (b"LongStorage", torch.int64))}
TENSOR, ORDERED = (b"torch._utils", b"_rebuild_tensor_v2"), (b"collections", b"OrderedDict")


def load(data: bytes) -> dict:
    """The dict in the bytes of a checkpoint: of dicts, lists, tuples, texts, numbers, True, False, None and tensors; a ValueError if it holds anything else."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename.partition("/")[2]: info for info in archive.infolist()}

        def read(name: str) -> bytes:
            if name not in members or members[name].compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"no member {name!r}, or one that is packed")
            return archive.read(members[name])

        if read("byteorder") != sys.byteorder.encode():
            raise ValueError("made on a machine of the other byte order")
        return _Machine(read("data.pkl"), lambda key: read(f"data/{key}")).run()


class _Machine(unpickle.Machine):
    most = 20_000_000
    """Values, of which each epoch's row of the log has some thirty."""

    def __init__(self, data: bytes, read: Callable[[str], bytes]) -> None:
        super().__init__("", data)
        self.read = read
        self.storages: dict[tuple, torch.Tensor] = {}

    def action(self, code: int) -> Callable | None:
        return ACTIONS.get(code)

    def fail(self, reason: str) -> NoReturn:
        raise ValueError(reason)

    def recall(self, key: int) -> None:
        super().recall(key)
        value = self.stack[-1]
        if isinstance(value, (list, dict)) or (isinstance(value, tuple) and any(isinstance(part, (list, dict, tuple)) for part in value)):
            self.fail("a value that is used twice: of such, a short file could make a huge one")

    def put(self, items: list) -> None:
        target = self.stack[-1] if len(self.stack) > (self.marks[-1] if self.marks else 0) else None
        if not isinstance(target, dict) or len(items) % 2 or not all(type(key) in (str, int) for key in items[::2]):
            self.fail("a dict whose keys are neither texts nor numbers")
        target.update(zip(items[::2], items[1::2]))

    def global_name(self) -> None:
        found = self.line(), self.line()
        if found not in (TENSOR, ORDERED) and found not in STORAGES:
            self.fail("a name that checkpoints do not need")
        self.stack.append(found)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if function == ORDERED and arguments == ():
            self.stack.append(OrderedDict())
        elif function == TENSOR and type(arguments) is tuple and len(arguments) == 6:
            self.stack.append(self.tensor(*arguments[:4]))
        else:
            self.fail("a call that checkpoints do not need")

    def build(self) -> None:
        state, target = self.pop(), self.top(OrderedDict)
        if type(state) is not dict or list(state) != ["_metadata"]:
            self.fail("attributes that checkpoints do not need")
        target._metadata = state["_metadata"]  # the versions of the modules

    def storage(self) -> None:
        """The numbers of a member of the archive."""
        saved = self.pop()
        if not (type(saved) is tuple and len(saved) == 5 and saved[0] == "storage" and type(saved[1]) is tuple and saved[1] in STORAGES and type(saved[2]) is str and type(saved[4]) is int):
            self.fail("no reference to numbers")
        _, kind, key, _, count = saved
        if (kind, key) not in self.storages:
            content, dtype = bytearray(self.read(key)), STORAGES[kind]
            if len(content) != count * dtype.itemsize or dtype is torch.bool and content.translate(None, b"\0\1"):
                self.fail(f"{len(content)} bytes for {count} numbers")
            self.storages[kind, key] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        if len(self.storages[kind, key]) != count:
            self.fail("two lengths of one storage")
        self.stack.append(self.storages[kind, key])

    def tensor(self, storage: Any, offset: Any, size: Any, stride: Any) -> torch.Tensor:
        numbers = [offset, *size, *stride] if type(size) is type(stride) is tuple and len(size) == len(stride) <= 64 else [None]
        if not torch.is_tensor(storage) or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
            self.fail("no tensor")
        count, last = 1, offset
        for n, step in zip(size, stride):
            count, last = count * n, last + (n - 1) * step
        if count > len(storage) or count and last >= len(storage):
            self.fail("a tensor larger than its numbers")
        return torch.as_strided(storage, size, stride, offset if count else 0)


ACTIONS = {code: unpickle.ACTIONS[code] for code in b"(}])N\x88\x89KMJqrhjaesut\x85\x86\x87cRb"} | {
    ord("X"): lambda m: m.stack.append(bytes(m.take(m.number("I"))).decode("utf-8", "surrogatepass")),
    ord("G"): lambda m: m.stack.append(struct.unpack(">d", m.take(8))[0]),
    0x8A: lambda m: m.stack.append(int.from_bytes(m.take(m.number("B")), "little", signed=True)),
    ord("Q"): lambda m: m.storage(),
}
