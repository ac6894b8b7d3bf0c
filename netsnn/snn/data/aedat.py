"""AEDAT files of event cameras: version 2 (addresses and times) and version 3.1 (packets of events).

References
----------
iniVation, AEDAT file formats, docs.inivation.com.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from netsnn.io.record import fail
from netsnn.snn.data.events import Events
from netsnn.snn.data.files import MOST, content

__all__ = ["read2", "read3"]

PACKET = struct.Struct("<HHIIIIII")
"""Type, source, bytes an event, place of its time, times the clock ran over, room for events, events, valid events."""
POLARITY = 1
END = b"#!END-HEADER\r\n"
MOST_HEADER = 2**20


def read2(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(times in microseconds, addresses) of an AEDAT 2 file: lines that begin with #, then two big-endian numbers of 32 bits an event."""
    source, data = str(path), content(path)
    at, line = 0, b""
    while data[at:at + 1] == b"#":
        end = data.find(b"\n", at, at + MOST_HEADER) + 1
        if not end:
            fail(source, "the header does not end")
        line, at = data[at:end], end
        if line.startswith(b"#!AER-DAT") and not line.startswith(b"#!AER-DAT2"):
            fail(source, f"an AEDAT file of version {line[9:].strip()[:10].decode('ascii', errors='replace')}, expected version 2")
    if (len(data) - at) % 8:
        fail(source, f"ends in the middle of event number {(len(data) - at) // 8 + 1} ({len(data) - at} bytes after the header, eight an event)")
    if len(data) == at:
        fail(source, "holds no events")
    address, t = np.frombuffer(data, dtype=">u4", offset=at).reshape(-1, 2).T.astype(np.int64, order="C")
    return t, address


def read3(path: Path, start: int, stop: int, sensor: tuple[int, int]) -> Events:
    """The events of an AEDAT 3.1 file with start <= t < stop.

    An event is two little-endian numbers of 32 bits: x in bits 31 .. 17, y in bits 16 .. 2, polarity in bit 1, whether it is valid in bit 0;
    and the time in microseconds, to which the packet adds 2^31 for each time that the clock ran over. Events marked as not valid are read
    too, as all readers of DVS Gesture do.
    """
    source = str(path)
    try:
        state = path.stat()
        index = _index(path, state.st_size, state.st_mtime_ns)
        data = np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        fail(source, error.strerror or str(error))
    chosen = np.flatnonzero((index.last >= start) & (index.first < stop))
    events = np.concatenate([_events(data, index.at[i], index.count[i]) for i in chosen] or [np.empty((0, 2), dtype=np.uint32)])
    t = events[:, 1] + np.repeat(index.later[chosen], index.count[chosen])
    inside = (t >= start) & (t < stop)
    address, t = events[inside, 0], t[inside]
    if not len(t):
        fail(source, f"holds no event between {start} and {stop} microseconds")
    x, y = (address >> 17).astype(np.int16), (address >> 2 & 0x7FFF).astype(np.int16)
    outside = (x >= sensor[1]) | (y >= sensor[0])
    if outside.any():
        where = int(np.argmax(outside))
        fail(source, f"the event at {t[where]} microseconds lies at ({x[where]}, {y[where]}), outside {sensor[1]} x {sensor[0]}")
    return Events(t, x, y, (address >> 1 & 1).astype(np.int16))


@dataclass(frozen=True)
class _Packets:
    """Where the packets of events of a file begin, how many events they hold, and which span of time they cover."""

    at: np.ndarray
    count: np.ndarray
    later: np.ndarray
    """What to add to the times."""
    first: np.ndarray
    last: np.ndarray


@lru_cache(maxsize=256)
def _index(path: Path, size: int, changed: int) -> _Packets:
    """The packets of a file; kept, for a recording in it is read again and again. `changed` is there to notice another file."""
    source = str(path)
    if size > MOST:
        fail(source, f"{size} bytes are more than such a file holds (at most {MOST} are read)")
    if not size:
        fail(source, "the file is empty")
    data = np.memmap(path, dtype=np.uint8, mode="r")
    head = data[:MOST_HEADER].tobytes()
    if not head.startswith(b"#!AER-DAT3.1"):
        fail(source, "not an AEDAT file of version 3.1")
    at = head.find(END)
    if at < 0:
        fail(source, "the header does not end")
    at += len(END)
    rows = array("q")
    while at < size:
        if size - at < PACKET.size:
            fail(source, f"ends in the middle of a packet's header, at byte {at}")
        kind, _, width, place, over, room, count, _ = PACKET.unpack_from(data.data, at)
        if room != count or count * width > size - at - PACKET.size:
            fail(source, f"the packet at byte {at} claims {count} events of {width} bytes, room for {room}; {size - at - PACKET.size} bytes are left")
        if kind == POLARITY and count:
            if width != 8 or place != 4 or over >= 2**20:
                fail(source, f"the packet at byte {at} holds events of {width} bytes with their time at byte {place}, expected 8 and 4")
            times = _events(data, at + PACKET.size, count)[:, 1]
            rows.extend((at + PACKET.size, count, over << 31, (over << 31) + int(times.min()), (over << 31) + int(times.max())))
        at += PACKET.size + count * width
    return _Packets(*np.array(rows, dtype=np.int64).reshape(-1, 5).T)


def _events(data: np.ndarray, at: int, count: int) -> np.ndarray:
    return data[at:at + 8 * count].view("<u4").reshape(-1, 2)
