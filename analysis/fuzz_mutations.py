"""How `analysis.fuzz` spoils a file: any file byte by byte, text also by lines and numbers, and the formats by their own parts.

All of it is drawn from a `random.Random`: the same state gives the same bytes.
"""

from __future__ import annotations

import bz2
import copy
import functools
import io
import json
import os
import pickle
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

__all__ = ["ESCAPED", "bomb", "spoil"]

ESCAPED = "/tmp/netsnn-fuzz-escaped"
"""What malicious inputs would create."""
NUMBERS = [text.encode() for text in (
    "0", "-0", "1", "-1", "2", "3", "00", "+3", "7", "1e3", "1e308", "1e309", "-1e400", "1e-400", "nan", "inf", "-inf", "NaN", "9" * 20, "9" * 5000, "2147483647", "2147483648",
    "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1000000000000000000", "99999", "0x10", "1_000", "1.5",
    ".5", "5.", "1e", "--1", "٣", "²", "½", "", "null", "true", "1j", " ", "10000001")]
TEXTS = [text.encode("utf-8", "surrogatepass") for text in (
    "\0", "\ud800", "\udfff", "é", "💥", "\u2028", "\u2029", "\x85", "\x0c", "\x1b[2J", "\u202e", '"', "'", "\\", "<&>", "%s%n", "../../x", ESCAPED, "{}", "[]", " ", "\t", ",", ",,", ";", "#",
    "# nodes=3", "%", "*", "*Vertices 3", "*Edges", "u,v", "source", "-", "a b", "a" * 300, "\ufeff", "\r", "\n", "\r\n", "__reduce__", "name", "=", "inf", "nodes=1000000000000000000")]
BYTES = [b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06", b"\x80\x04", b"\x93NUMPY"]
WORDS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 14, 15, 16, 100, 127, 128, 200, 255, 256, 1000, 32767, 32768, 65535, 65536, 10**6, 10**7 + 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 10**18, 2**63 - 1, 2**63,
         2**64 - 1]
ODD: list[Any] = [None, True, False, 0, 1, -1, 2, 3, 10, 10**7 + 1, 2**31, 2**63 - 1, 2**63, -2**63 - 1, 10**18, 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320, float("inf"), float("-inf"), float("nan"), "", "a",
                  "nan", "inf", "none", "-1", "1", "\ud800", "\0", "\x1b[2J", "a\nb", "\u2028", "x" * 3000, "../../x", ESCAPED, "ra", "layer", "dense", "digits", [], {}, [[]], [1], [1, 2], [0.5, None],
                  {"a": 1}, {"": None}, {"a": {"b": {"c": []}}}]


class _Canary:
    def __reduce__(self) -> tuple:
        return os.system, (f"touch {ESCAPED}",)


class _OtherCanary:
    def __reduce__(self) -> tuple:
        return open, (ESCAPED, "w")


CANARIES = [pickle.dumps(canary, protocol) for canary in (_Canary(), _OtherCanary()) for protocol in (0, 2, 4)]


def spoil(rng: random.Random, form: str, data: bytes, others: list[bytes]) -> bytes:
    """The file, spoiled once; `form` is its extension, `others` are good files of its kind, to splice with."""
    structured = STRUCTURES.get(form)
    if structured is not None and rng.random() < 0.7:
        try:
            return structured(rng, data, others)
        except Exception:  # it was spoiled before, and has no such structure any more
            pass
    return rng.choice(TEXT_WAYS if form in TEXT else BYTE_WAYS)(rng, data, others)


# ---- any bytes --------------------------------------------------------------------------------


def _span(rng: random.Random, data: bytes, most: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + 1 + int(rng.expovariate(4 / most)))


def _flip(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes([rng.choice((0, 1, 127, 128, 255, 10, 32, rng.randrange(256)))]) + data[at + 1:]


def _cut(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + data[stop:]


def _truncate(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    return data[:rng.choice((rng.randrange(len(data) + 1), max(0, len(data) - 1 - rng.randrange(9)), rng.randrange(9)))]


def _repeat(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    start, stop = _span(rng, data)
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[start:stop] * rng.choice((1, 1, 2, 20)) + data[at:]


def _insert(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((rng.randbytes(1 + rng.randrange(16)), rng.choice(BYTES), rng.choice(TEXTS), bytes(rng.randrange(40)))) + data[at:]


def _splice(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    return data[:rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1):]


def _graft(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    start, stop = _span(rng, other)
    at = rng.randrange(len(data) + 1)
    return data[:at] + other[start:stop] + data[at + rng.choice((0, stop - start)):]


def _word(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    size = rng.choice((1, 2, 4, 4, 4, 8))
    at = rng.randrange(max(len(data) - size, 0) + 1)
    at -= at % size if rng.random() < 0.7 else 0
    order = rng.choice(("little", "little", "big"))
    old = int.from_bytes(data[at:at + size], order)
    new = rng.choice((rng.choice(WORDS), old + 1, old - 1, old * 2, old + rng.choice(WORDS)))
    return data[:at] + (new % 2**(8 * size)).to_bytes(size, order) + data[at + size:]


def _zeros(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + bytes(stop - start) + data[stop:]


def _empty(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    return rng.choice((b"", b"\0", b"\n", rng.choice(CANARIES), rng.randbytes(200)))


BYTE_WAYS: list[Callable] = [_flip, _flip, _set, _cut, _truncate, _repeat, _insert, _splice, _graft, _word, _word, _word, _zeros, _empty]


# ---- text -------------------------------------------------------------------------------------


def _number(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    found = list(re.finditer(rb"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", data))
    if not found:
        return _insert(rng, data, others)
    where = rng.choice(found)
    near = str(int(re.match(rb"[-+]?\d+", where[0])[0][:15]) + rng.choice((-2, -1, 1, 2, 5))).encode()
    return data[:where.start()] + rng.choice((near, rng.choice(NUMBERS))) + data[where.end():]


def _lines(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    way = rng.randrange(6)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif way == 2:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif way == 3:
        lines.insert(at, rng.choice(rng.choice(others).split(b"\n")))
    elif way == 4:
        lines[at] = rng.choice(rng.choice(others).split(b"\n"))
    else:
        lines = lines[:at] + rng.choice(others).split(b"\n")[at:]
    return b"\n".join(lines)


def _token(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    words = re.split(rb"([\s,;=\"'<>\[\]{}:]+)", data)
    at, other = rng.randrange(len(words)), re.split(rb"([\s,;=\"'<>\[\]{}:]+)", rng.choice(others))
    words[at] = rng.choice((rng.choice(TEXTS), rng.choice(NUMBERS), rng.choice(words), rng.choice(other), b"", words[at] * 2, words[at] + rng.choice(TEXTS)))
    return b"".join(words)


def _ends(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    return rng.choice((data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r"), b"\xef\xbb\xbf" + data, b"\xff\xfe" + data, data.rstrip(b"\n"), data + b"\n\n\n", data.replace(b" ", b"\t"), data.replace(b" ", b","),
                       data.replace(b"\n", b" "), data.decode("latin-1").encode("utf-16"), data.upper(), data.lower(), data.replace(b"\n", b"\n\n"), data * 2))


def _long(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((b"a", b"1", b" ", b"0,", b'"', b"[", b"{", b"(", b"\\", b"a.", b"-", b"1 ", b"<a>", b"\xc3\xa9")) * rng.choice((90, 1100, 1100, 20_000)) + data[at:]


TEXT_WAYS = [_number, _number, _number, _number, _lines, _lines, _lines, _lines, _token, _token, _token, _token, _ends, _insert, _flip, _set, _cut, _truncate, _repeat, _splice, _graft, _empty, _long]


# ---- values: JSON, TOML, checkpoints ----------------------------------------------------------


def spoil_value(rng: random.Random, value: Any, odd: list[Any]) -> Any:
    """A value of dicts and lists, changed in one place."""
    places, stack = [], [value]
    while stack:
        here = stack.pop()
        for key in list(here) if isinstance(here, dict) else range(len(here)):
            places.append((here, key))
            if isinstance(here[key], (dict, list)):
                stack.append(here[key])
    if not places:
        return rng.choice(odd)
    here, key = rng.choice(places)
    way = rng.randrange(8)
    if way == 0:
        del here[key]
    elif way == 1:
        there, other = rng.choice(places)
        here[key] = copy.deepcopy(there[other])
    elif way == 2 and isinstance(here, dict):
        here[str(rng.choice(("a", "", key * 2 if isinstance(key, str) else "1", "x", "\ud800", "split", "error", "snapshot")))] = rng.choice((here[key], rng.choice(odd)))
    elif way == 2:
        here.insert(key, rng.choice((here[key], rng.choice(odd))))
    elif way == 3:
        here[key] = [here[key]]
    elif way == 4 and type(here[key]) in (int, float):
        here[key] += rng.choice((-1, 1, 1000, 0.5))
    else:
        here[key] = rng.choice(odd)
    return value


def _json(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    lines = [data]
    try:
        value, at = json.loads(data), 0
    except ValueError:
        lines = data.split(b"\n")
        at = rng.randrange(len(lines))
        value = json.loads(lines[at])
    text = json.dumps(spoil_value(rng, value, ODD))
    if rng.random() < 0.05:
        deep = rng.choice((50, 990, 3000, 100_000))
        text = text.replace("null", "[" * deep + "]" * deep) if "null" in text else rng.choice(('{"a":', "[")) * deep + text
    lines[at] = text.encode()
    return b"\n".join(lines)


def _toml(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = rng.choice([i for i, line in enumerate(lines) if b"=" in line])
    key, _, value = lines[at].partition(b" = ")
    deep = rng.choice((60, 400, 2000))
    new = rng.choice((b"none", b'"none"', b'"a"', b"true", b"-1", b"1", b"0", b"0.5", b"inf", b"-inf", b"nan", b"1e400", b"9" * 25, b"9" * 5000, b"1979-05-27", b"07:32:00", b"1979-05-27T07:32:00Z", b"[]", b"{}", b'[""]',
                      b"[1, 2]", b"[1, [2, 'a']]", b"{a = 1}", b"'../../x'", b'"' + ESCAPED.encode() + b'"', rb'"\u0000"', rb'"\u2028"', rb'"\u001b[2J"', b'"""a\nb"""', b"0x7fffffffffffffff", b"0b1", b"1_0",
                      b"[" * deep + b"]" * deep, b"{a=" * deep + b"1" + b"}" * deep, rng.choice(NUMBERS), value + value, b'"' + value.strip(b'"') + b'"', b"[" + value + b"]", rng.choice(lines).partition(b" = ")[2]))
    way = rng.randrange(8)
    other = rng.choice(rng.choice(others).split(b"\n"))
    if way == 0:
        key = rng.choice((key + b"s", b"x", key + b".a", b'""', other.partition(b" = ")[0], b"a." * deep + b"b"))
        new = value
    elif way == 1:
        lines.insert(at, rng.choice((b"[neuron]", b"[options]", b"[method.a]", b"[network.a]", b"[[network]]", b"[network]", b"[a.b.c]", b"[" + b"a." * deep + b"b]", lines[at], other)))
        return b"\n".join(lines)
    elif way == 2:
        new = rng.choice((value[:-1], value + b" #", value.replace(b'"', b"'"), b""))
    lines[at] = key + b" = " + new
    return b"\n".join(lines)


# ---- XML --------------------------------------------------------------------------------------

DOCTYPES = [b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>', b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
            b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">', b'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>', b"<!DOCTYPE x>"]
PIECES = [b"&a;", b"&d;", b"&#0;", b"&#55296;", b"&#x10ffff;", b"&#27;", b"&lt;", b"<![CDATA[ ]]>", b"<!-- -->", b"<?x y?>", b"<graph>", b"</graph>", b"<node/>", b'<node id="0"/>', b'<edge source="0" target="1"/>', b"<data>", b"</data>",
          b'<data key="weight">1</data>', b'<key id="w" for="edge" attr.name="weight"><default>nan</default></key>', b'<attvalue for="0" value="1"/>', b"<default>2</default>", b"<x:graph>", b"</", b"<", b'<port name="a"/>']


def _xml(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    parts = re.split(rb"(<[^>]*>)", data)
    at, other = rng.randrange(len(parts)), re.split(rb"(<[^>]*>)", rng.choice(others))
    way = rng.randrange(10)
    if way == 0:
        del parts[at]
    elif way == 1:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice((parts[at], rng.choice(other))))
    elif way == 2:
        there = rng.randrange(len(parts))
        parts[at], parts[there] = parts[there], parts[at]
    elif way == 3:
        parts.insert(at, rng.choice(PIECES))
    elif way == 4:
        deep = rng.choice((50, 98, 105, 20_000))
        parts.insert(at, b"<a>" * deep + b"</a>" * rng.choice((deep, 0)))
    elif way == 5:
        parts.insert(rng.choice((0, 1, 2, at)), rng.choice(DOCTYPES))
        parts.insert(rng.randrange(len(parts)), rng.choice(PIECES))
    elif way == 6:
        encoding = rng.choice((b"UTF-16", b"ISO-8859-1", b"utf-7", b"US-ASCII", b"x", b"", b"UTF-32", b"cp037", b"idna", b"zlib", b"hex", b"unicode_escape"))
        return b'<?xml version="1.0" encoding="' + encoding + b'"?>' + re.sub(rb"^<\?xml[^>]*>", b"", data)
    elif way == 7:
        parts[at] = re.sub(rb'"[^"]*"', lambda _: b'"' + rng.choice((rng.choice(TEXTS), rng.choice(NUMBERS))).replace(b'"', b"&quot;").replace(b"<", b"&lt;") + b'"', parts[at], count=rng.choice((0, 1)))
    elif way == 8:
        elements = [i for i, part in enumerate(parts) if part[:1] == b"<"]
        at = rng.choice(elements)
        parts[at] = re.sub(rb'\s[\w.:]+="[^"]*"', b"", parts[at], count=1) if rng.random() < 0.5 else parts[at].replace(b'="', b'="' + rng.choice(NUMBERS), 1)
    else:
        return _number(rng, data, others)
    return b"".join(parts)


# ---- NumPy and zip ----------------------------------------------------------------------------

TYPES = ("'|O'", "'<f8'", "'>f8'", "'<i4'", "'>i8'", "'<u2'", "'|u1'", "'|i1'", "'<u8'", "'<U5'", "'<U0'", "'>U2'", "'|S3'", "'|b1'", "'<c16'", "'<m8[s]'", "'<M8[D]'", "'|V8'", "'|V0'", "[('a', '<i4')]", "[('a', '|O')]", "'<f2'",
         "'<f16'", "'<U1000000000'", "('<i4', (2,))", "'i'", "object", "{}", "'<i4,<i4'", "None", "'|O8'", "'<U536870911'", "[]", "[('', '<i4')]", "'x'", "''")
SHAPES = ("()", "(0,)", "(-1,)", "(1000000000000000000,)", "(1,)", "(2,)", "(3,)", "(2, 2)", "(2, 0)", "(True,)", "(1.0,)", "(None,)", "(4294967296, 4294967296)", "(9223372036854775807, 2)", "(0, 9223372036854775807)", "(-2, -2)",
          "3", "[3]", "(" * 150 + ")" * 150, "-" * 3000 + "1", "(10**9,)", "(2147483648,)", "(1e3,)", "(1, 1, 1)", "('a',)")


def _npy(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    if data[:6] != b"\x93NUMPY":
        raise ValueError
    start = 10 if data[6] == 1 else 12
    stop = start + int.from_bytes(data[8:start], "little")
    version, header, body = data[6:8], data[start:stop].decode("latin-1").strip(), data[stop:]
    way = rng.randrange(9)
    if way in (0, 1):
        header = re.sub(r"'shape': \(.*?\)", lambda _: f"'shape': {rng.choice(SHAPES)}", header)
    elif way == 2:
        header = re.sub(r"'descr': '[^']*'", lambda _: f"'descr': {rng.choice(TYPES)}", header)
    elif way == 3:
        header = header.replace(*rng.choice((("False", "True"), ("False", "1"), ("'shape'", "'x'"), ("'descr'", "descr"), ("{", "{" * 100), ("'shape'", "'é'"), (", }", ", 'x': 1}"), ("}", "}\0"), ("{", "__import__('os')or{"))))
    elif way == 4:
        version = rng.choice((b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\xff\xff", b"\1\1"))
    elif way == 5:
        header, body = re.sub(r"'descr': '[^']*'", rng.choice(("'descr': '|O'", "'descr': [('a', '|O')]")), header), rng.choice(CANARIES)
    elif way == 6:
        body = rng.choice((body[:-1], body + b"\0", b"", body * 2, rng.randbytes(len(body)), b"\xff" * len(body), body[::-1]))
    elif way == 7:
        body = _word(rng, body, others)
    else:
        header = rng.choice((rng.choice(TEXTS).decode("latin-1"), header * 2, header + " " * 20_000, "(" * 200, "lambda: 0", "{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", "1" * 6000))
    text = header.encode("latin-1", "replace") + b"\n"
    text = text[:-1] + b" " * (-(start + len(text)) % 64) + b"\n"
    length = len(text) if rng.random() < 0.95 else rng.choice(WORDS)
    wide = 2 if version[:1] == b"\1" else 4
    return b"\x93NUMPY" + version + (length % 2**(8 * wide)).to_bytes(wide, "little") + text + body


@functools.cache
def bomb() -> tuple[bytes, int, int]:
    """(deflated bytes, crc, size) of an array of 2^27 zeros."""
    head = b"\x93NUMPY\1\0\x76\0" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (134217728,), }".ljust(117) + b"\n"
    packer, crc, parts = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.crc32(head), [head]
    parts = [packer.compress(head)]
    for _ in range(128):
        parts.append(packer.compress(bytes(2**20)))
        crc = zlib.crc32(bytes(2**20), crc)
    return b"".join([*parts, packer.flush()]), crc, len(head) + 2**27


def unzipped(data: bytes) -> list[tuple[bytes, bytes]]:
    """(name, content) of the members of an archive of ours; one that holds a bomb is left alone."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if len(data) > 10**5 or sum(info.file_size for info in archive.infolist()) > 10**6:
            raise ValueError
        return [(info.filename.encode(), archive.read(info)) for info in archive.infolist()]


_known = functools.lru_cache(100)(unzipped)  # of good files, which come again and again


def zipped(rng: random.Random, members: list[tuple[bytes, bytes]], lies: float) -> bytes:
    """An archive; with the probability `lies` a member's headers say something wrong."""
    body, central = [], []
    at = 0
    packs = rng.random() < 0.5
    for name, content in members:
        method = 8 if packs else 0
        packed = zlib.compress(content, 1, -15) if packs else content
        fields = {"flags": 0x800, "method": method, "crc": zlib.crc32(content), "packed": len(packed), "size": len(content), "at": at, "extra": b""}
        told = dict(fields)
        if rng.random() < lies:
            way = rng.choice(("flags", "method", "crc", "packed", "size", "size", "at", "extra", "bomb"))
            if way == "bomb":
                packed, crc, size = bomb()
                told = fields = fields | {"method": 8, "crc": crc, "packed": len(packed), "size": rng.choice((size, size, 300, len(content)))}
            elif way == "method":
                told["method"] = fields["method"] = rng.choice((0, 1, 6, 8, 9, 12, 14, 93, 99, 65535))
                packed = bz2.compress(content) if told["method"] == 12 else packed
                told["packed"] = fields["packed"] = len(packed)
            else:
                told[way] = {"flags": rng.choice((1, 0x20, 0x40, 8, 0x2000, 0xffff)), "extra": rng.choice((b"\1\0\x10\0" + struct.pack("<QQ", 10**18, 10**18), b"\1\0\xff\xff", b"up\5\0abcde", b"x"))}.get(way, rng.choice(WORDS))
        extra = told["extra"]
        sizes = [min(told[key], 2**32 - 1) for key in ("packed", "size")] if extra[:1] != b"\1" else [2**32 - 1] * 2
        local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, fields["flags"], fields["method"], 0, 33, fields["crc"] % 2**32, fields["packed"], fields["size"], len(name), 0) + name
        central.append(struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, told["flags"] % 2**16, told["method"] % 2**16, 0, 33, told["crc"] % 2**32, *sizes, len(name), len(extra), 0, 0, 0, 0, told["at"] % 2**32) + name + extra)
        body += [local, packed]
        at += len(local) + len(packed)
    end = b"".join(central)
    counts = rng.choice((len(central), 0, 65535)) if rng.random() < lies / 4 else len(central)
    return b"".join(body) + end + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, counts, counts, len(end), at, 0)


def _zip(rng: random.Random, data: bytes, others: list[bytes], inside: Callable) -> bytes:
    members = list(_known(data)) if data in others else unzipped(data)
    at = rng.randrange(len(members))
    name, content = members[at]
    way = rng.randrange(12)
    if way < 6:
        members[at] = name, inside(rng, content, [content, *(part for _, part in _known(rng.choice(others)))])
    elif way == 6:
        del members[at]
    elif way == 7:
        names = [b"../../x", b"../x.npy", ESCAPED.encode(), b"", b"/", b"a/", b"a\0b", "é.npy".encode(), name + b".npy", b"\\..\\x", b"C:\\x", name.removesuffix(b".npy"), b"weights.npy", b"names0.npy", b"layer_names.npy", b"dead.npy"]
        members[at] = rng.choice([*names, rng.choice(members)[0]]), content
    elif way == 8:
        there = rng.randrange(len(members))
        members[at], members[there] = (name, members[there][1]), (members[there][0], content)
    elif way == 9:
        members.insert(rng.randrange(len(members) + 1), rng.choice(_known(rng.choice(others))))
    elif way == 10:
        members[at] = name, rng.choice(_known(rng.choice(others)))[1]
    return zipped(rng, members, 0.6 if way == 11 else 0.02)


def _npz(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    return _zip(rng, data, others, lambda rng, content, them: _npy(rng, content, them) if rng.random() < 0.6 else rng.choice((_word, _word, *BYTE_WAYS))(rng, content, them))


# ---- gzip -------------------------------------------------------------------------------------


def _gz(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    if len(data) > 10**5:
        raise ValueError  # a bomb
    content = rng.choice((_word, *BYTE_WAYS))(rng, zlib.decompress(data, 31), [zlib.decompress(other, 31) for other in others])
    if rng.random() < 0.02:
        packed, crc, size = bomb()
        return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + packed + struct.pack("<II", crc, size % 2**32)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = packer.compress(content) + packer.flush()
    return rng.choice((packed, packed, packed, packed, packed * 2, packed + b"\0" * 9, packed + b"x", packed[:-4] + b"\0\0\0\0", packed[:-1]))


# ---- MATLAB -----------------------------------------------------------------------------------


def _mat(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """The elements of a file, one of them changed inside; lengths and packing are right again but for those meant to be wrong."""
    elements = _elements(data)
    at = rng.randrange(len(elements))
    way = rng.randrange(10)
    if way < 6:
        content = elements[at][1]
        aligned = 4 * rng.randrange(max(len(content) // 4, 1))
        old = int.from_bytes(content[aligned:aligned + 4], "little")
        new = rng.choice((rng.choice(WORDS), rng.choice((1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18)), old + 1, old - 1, old ^ 1 << rng.randrange(32), old << 16 | 1))
        elements[at] = elements[at][0], content[:aligned] + struct.pack("<I", new % 2**32) + content[aligned + 4:]
    elif way == 6:
        elements[at] = elements[at][0], rng.choice(BYTE_WAYS)(rng, elements[at][1], [content for _, content in _elements(rng.choice(others))])
    elif way == 7:
        elements.insert(rng.randrange(len(elements) + 1), rng.choice(_elements(rng.choice(others))))
    elif way == 8:
        del elements[at]
    else:
        deep = b""
        for _ in range(rng.choice((5, 29, 40, 2000))):
            deep = struct.pack("<II", 14, 40 + len(deep)) + struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 1) + struct.pack("<II", 1, 0) + deep
        elements.insert(at, (14, deep[8:]))
    parts = [data[:128] if rng.random() < 0.95 else data[:124] + rng.choice((b"\0\1MI", b"\0\2IM", b"\0\1XX", b"\0\0\0\0")) + data[128:]]
    for _, content in elements:
        whole = struct.pack("<II", 14, len(content) if rng.random() < 0.98 else rng.choice(WORDS) % 2**32) + content
        if rng.random() < 0.5:
            packed = zlib.compress(whole, 1)
            whole = struct.pack("<II", 15, len(packed)) + packed
        parts.append(whole)
    return b"".join(parts)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 128
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        content = data[at + 8:at + 8 + length]
        found.append((14, zlib.decompress(content)[8:] if kind == 15 else content))
        at += 8 + length
    if not found:
        raise ValueError
    return found


# ---- pickles and checkpoints ------------------------------------------------------------------

CODES = [b"(", b"}", b"]", b")", b"N", b"K\5", b"M\5\0", b"J\xff\xff\xff\xff", b"U\1a", b"T\xff\xff\xff\x7f", b"q\1", b"h\1", b"j\1\0\0\0", b"r\xff\xff\xff\x7f", b"a", b"e", b"s", b"u", b"t", b"\x85", b"\x86", b"\x87", b"R", b"b", b"0", b"2",
         b"cos\nsystem\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cbuiltins\neval\n", b"\x8a\xff", b"X\xff\xff\xff\x7f", b"\x95" + b"\xff" * 8, b".", b"Q", b"ctorch._utils\n_rebuild_tensor_v2\n",
         b"ctorch\nFloatStorage\n", b"ccollections\nOrderedDict\n", b"X\1\0\0\0a", b"\x8a\1\5", b"G?\xf0\0\0\0\0\0\0", b"\x88", b"\x89", b"]" * 3000, b"(" * 3000, b"2" * 5000]


def _pickle(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    way = rng.randrange(4)
    if way == 0:
        return data[:at] + rng.choice(CODES) + data[at:]
    if way == 1:
        found = [match.start() for match in re.finditer(rb"[KMJ](?=..)", data, re.DOTALL)] or [at]
        at = rng.choice(found)
        return data[:at] + rng.choice((b"J" + struct.pack("<i", rng.choice((-1, 0, 1, 2**31 - 1))), b"K" + bytes([rng.randrange(256)]), b"\x8a\x08" + struct.pack("<q", 2**62), b"M\xff\xff", b"N", b"U\1a")) \
            + data[at + {75: 2, 77: 3}.get(data[at], 5):]
    if way == 2:
        names = [match.span() for match in re.finditer(rb"c[\w.]+\n\w+\n", data)] or [(at, at)]
        start, stop = rng.choice(names)
        return data[:start] + rng.choice(CODES) + data[stop:]
    return rng.choice(BYTE_WAYS)(rng, data, others)


@functools.lru_cache(8)
def _content(data: bytes) -> Any:
    import torch

    return torch.load(io.BytesIO(data), weights_only=True)


@functools.cache
def _odd_tensors() -> list[Any]:
    import torch

    one = torch.ones(1)
    return [one.expand(10**12), one.expand(10**6, 10**6), torch.tensor(3), torch.tensor(float("nan")), torch.zeros(0), torch.ones(2, 3), torch.ones(2, 3, dtype=torch.bool), torch.full((5, 4), float("nan")), torch.ones(5, 4, dtype=torch.float16),
            torch.eye(3).to_sparse(), torch.ones(4, dtype=torch.complex64), torch.tensor([2**62]), torch.arange(20).reshape(5, 4), torch.ones(5, 4)[::2], torch.ones(5, 4, dtype=torch.int64), -torch.ones(5, 4), torch.ones(5, 4, dtype=torch.bool),
            torch.ones(1, 1, 1, 1, 1), torch.zeros(5), torch.zeros(2), torch.nn.Parameter(torch.ones(5, 4)), torch.empty(5, 4, device="meta")]


def _checkpoint(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    import torch

    if data not in others or rng.random() < 0.3:
        def inside(rng: random.Random, content: bytes, them: list[bytes]) -> bytes:
            return (_pickle if content[:1] == b"\x80" else rng.choice((_word, *BYTE_WAYS)))(rng, content, them)

        members = unzipped(data)
        if rng.random() < 0.7:  # most members are plain numbers, and few
            at = next(i for i, (name, _) in enumerate(members) if name.endswith(b"data.pkl"))
            members[at] = members[at][0], _pickle(rng, members[at][1], [members[at][1]])
            return zipped(rng, members, 0.0)
        return _zip(rng, data, others, inside)
    content = _copied(_content(data))
    for _ in range(rng.choice((1, 1, 2, 3))):
        part = rng.choice(list(content)) if isinstance(content, dict) and rng.random() < 0.6 else None  # else the many tensors leave little for the rest
        inner = content[part] if part in content else None
        if isinstance(inner, (dict, list)):
            content[part] = spoil_value(rng, inner, ODD + _odd_tensors())
        else:
            content = spoil_value(rng, content, ODD + _odd_tensors())
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, (list, tuple)) else value


STRUCTURES: dict[str, Callable] = {
    ".json": _json, ".jsonl": _json, ".toml": _toml, ".graphml": _xml, ".gexf": _xml, ".npy": _npy, ".npz": _npz, ".gz": _gz, ".mat": _mat, ".pickle": _pickle, "": _word, ".bin": _word, ".aedat": _word, ".pt": _checkpoint}
TEXT = {".edges", ".txt", ".csv", ".tsv", ".net", ".mtx", ".json", ".jsonl", ".toml", ".graphml", ".gexf"}
