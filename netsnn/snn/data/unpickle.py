"""The pickles of CIFAR, read without Python's pickle: data are taken out of them, and nothing is ever called.

A pickle is a program for a small stack machine. This one knows the instructions that Python 2 wrote for a dict of strings, numbers, lists
and arrays of bytes (protocol 2), and refuses any other before it would act on it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from netsnn.io.record import fail

__all__ = ["ACTIONS", "Machine", "unpickle"]

GLOBALS = {(module, name) for module, name in ((b"numpy.core.multiarray", b"_reconstruct"), (b"numpy", b"ndarray"), (b"numpy", b"dtype"))}


def unpickle(source: str, data: bytes) -> dict:
    """The dict in a pickle of protocol 2: keys and strings as bytes, arrays of uint8 as views of `data`.

    A FileError if it holds anything else than dicts, lists, tuples, strings, whole numbers, True, False, None and arrays of uint8.
    """
    return Machine(source, data).run()


class _Array:
    """An array that the pickle has announced and not yet filled."""

    value: np.ndarray | None = None


class _Type:
    """The type of an array's elements: unsigned bytes, or the file is refused."""


class Machine:
    """The stack machine; what it knows is in `ACTIONS`."""

    most = 400_000
    """Instructions that are obeyed: CIFAR-100's training set, the longest file, has some 200,000."""

    def __init__(self, source: str, data: bytes) -> None:
        self.source, self.data, self.at = source, memoryview(data), 0
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.values = 0

    def run(self) -> dict:
        if bytes(self.data[:2]) != b"\x80\x02":
            self.fail("not a pickle of protocol 2, as the published files are")
        self.at = 2
        while (code := self.take(1)[0]) != ord("."):
            self.values += 1
            if self.values > self.most:
                self.fail(f"more than the {self.most} instructions that are read")
            action = self.action(code)
            if action is None:
                self.fail(f"instruction {bytes([code])!r} at byte {self.at - 1} is none that the published files need; it is not obeyed")
            action(self)
        result = self.pop()
        if type(result) is not dict or self.stack or self.marks or self.at != len(self.data):
            self.fail("holds something other than one dict")
        for key, value in result.items():
            if isinstance(value, _Array):
                if value.value is None:
                    self.fail("an array without content")
                result[key] = value.value
        return result

    def action(self, code: int) -> Callable | None:
        return ACTIONS.get(code)

    def fail(self, reason: str) -> NoReturn:
        fail(self.source, f"not a CIFAR file: {reason}")

    def take(self, n: int) -> memoryview:
        if n > len(self.data) - self.at:
            self.fail(f"it ends at byte {len(self.data)}, in the middle of a value")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form: str) -> int:
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        piece = bytes(self.data[self.at:self.at + 100])
        end = piece.find(b"\n")
        if end < 0:
            self.fail(f"a name at byte {self.at} does not end")
        self.at += end + 1
        return piece[:end]

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            self.fail(f"a value is missing before byte {self.at}")
        return self.stack.pop()

    def pop_to_mark(self) -> list:
        if not self.marks:
            self.fail(f"a mark is missing before byte {self.at}")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self, kind: type) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0) or type(self.stack[-1]) is not kind:
            self.fail(f"a {kind.__name__.strip('_').lower()} is missing before byte {self.at}")
        return self.stack[-1]

    def string(self, n: int) -> None:
        self.stack.append(self.take(n) if n > 2**16 else bytes(self.take(n)))  # long ones are content of arrays: no copy

    def extend(self, items: list) -> None:
        self.top(list).extend(items)

    def put(self, items: list) -> None:
        target = self.top(dict)
        if len(items) % 2 or not all(type(key) is bytes for key in items[::2]):
            self.fail(f"a dict before byte {self.at} has keys that are not strings")
        target.update(zip(items[::2], items[1::2]))

    def remember(self, key: int) -> None:
        if not self.stack:
            self.fail(f"a value is missing before byte {self.at}")
        self.memo[key] = self.stack[-1]

    def recall(self, key: int) -> None:
        if key not in self.memo:
            self.fail(f"value {key} is used before byte {self.at}, and is not there")
        self.stack.append(self.memo[key])

    def global_name(self) -> None:
        found = self.line(), self.line()
        if found not in GLOBALS:
            name = b".".join(found).decode("ascii", errors="backslashreplace")
            self.fail(f"it asks for {name!r}, which the published files do not need; it is not called")
        self.stack.append(found)

    def make_tuple(self, n: int) -> None:
        self.stack.append(tuple([self.pop() for _ in range(n)][::-1]))

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if function == (b"numpy.core.multiarray", b"_reconstruct") and _is(arguments, ((b"numpy", b"ndarray"), (0,), b"b")):
            self.stack.append(_Array())
        elif function == (b"numpy", b"dtype") and _is(arguments, (b"u1", 0, 1)):
            self.stack.append(_Type())
        else:
            self.fail(f"a call before byte {self.at} makes something other than an array of bytes; it is not made")

    def build(self) -> None:
        state = self.pop()
        if self.stack and type(self.stack[-1]) is _Type:
            if not _is(state, (3, b"|", None, None, None, -1, -1, 0)):
                self.fail(f"an array before byte {self.at} has elements that are not plain bytes")
            return
        array = self.top(_Array)
        if type(state) is not tuple or len(state) != 5 or type(state[1]) is not tuple or not 1 <= len(state[1]) <= 2 \
                or not all(type(n) is int and n >= 0 for n in state[1]) or type(state[2]) is not _Type \
                or type(state[3]) is not bool or type(state[4]) not in (bytes, memoryview) or len(state[4]) != math.prod(state[1]):
            self.fail(f"an array before byte {self.at} does not have the size of its content")
        array.value = np.frombuffer(state[4], dtype=np.uint8).reshape(state[1], order="F" if state[3] else "C")


def _is(value: Any, expected: Any) -> bool:
    """Whether a value is this one, types and all; values that the file nests deeply are not walked through."""
    if type(value) is not type(expected):
        return False
    if type(value) is tuple:
        return len(value) == len(expected) and all(_is(a, b) for a, b in zip(value, expected))
    return value == expected


ACTIONS: dict[int, Callable] = {
    ord("("): lambda m: m.marks.append(len(m.stack)),
    ord("}"): lambda m: m.stack.append({}),
    ord("]"): lambda m: m.stack.append([]),
    ord(")"): lambda m: m.stack.append(()),
    ord("N"): lambda m: m.stack.append(None),
    0x88: lambda m: m.stack.append(True),
    0x89: lambda m: m.stack.append(False),
    ord("K"): lambda m: m.stack.append(m.number("B")),
    ord("M"): lambda m: m.stack.append(m.number("H")),
    ord("J"): lambda m: m.stack.append(m.number("i")),
    ord("U"): lambda m: m.string(m.number("B")),
    ord("T"): lambda m: m.string(m.number("I")),
    ord("q"): lambda m: m.remember(m.number("B")),
    ord("r"): lambda m: m.remember(m.number("I")),
    ord("h"): lambda m: m.recall(m.number("B")),
    ord("j"): lambda m: m.recall(m.number("I")),
    ord("a"): lambda m: m.extend([m.pop()]),
    ord("e"): lambda m: m.extend(m.pop_to_mark()),
    ord("s"): lambda m: m.put([m.pop(), m.pop()][::-1]),
    ord("u"): lambda m: m.put(m.pop_to_mark()),
    ord("t"): lambda m: m.stack.append(tuple(m.pop_to_mark())),
    0x85: lambda m: m.make_tuple(1),
    0x86: lambda m: m.make_tuple(2),
    0x87: lambda m: m.make_tuple(3),
    ord("c"): lambda m: m.global_name(),
    ord("R"): lambda m: m.reduce(),
    ord("b"): lambda m: m.build(),
}
