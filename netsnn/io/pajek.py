"""Pajek. A comment above the vertices says what the links are, for our own reader; others skip it."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from netsnn.io.record import Record, check_claim, fail
from netsnn.io.tables import decode, float_texts, numbers, whole_numbers

__all__ = ["dump", "load"]

LABEL = re.compile(r'(\S+)(?:\s+(?:"((?:[^"\\]|\\.)*)"|([^"\s]\S*))(?=\s|$)|$)')


def dump(record: Record) -> bytes:
    if record.kind == "network":
        raise ValueError("a Pajek file holds one layer or graph; a network can be written as npz, edges, graphml, gexf or mat")
    labels = [str(i + 1) for i in range(record.n)]
    if any(record.names):  # other readers know no quotes within quotes: they see the name without, ours reads it from the comment
        shown = [re.sub(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029]', "_", label) for label in record.labels()]
        labels = shown if len(set(shown)) == len(shown) and all(label.strip() for label in shown) else labels
    head = {"kind": record.kind, "sizes": record.sizes, "links": len(record.u), "named": [names is not None for names in record.names],
            "names": record.all_names() if any(record.names) and labels != record.all_names() else None}
    # networkx knows no two-mode header (*Vertices n n1): the sizes stand in the comment
    lines = [f"% netsnn {json.dumps({key: value for key, value in head.items() if value is not None})}", f"*Vertices {record.n}"]
    for i, label in enumerate(labels, 1):
        lines.append(f'{i} "{label}"')
    lines.append("*Edges")
    if record.weights is None:
        lines += [f"{u} {v}" for u, v in zip((record.u + 1).tolist(), (record.v + 1).tolist())]
    else:
        lines += [f"{u} {v} {w}" for u, v, w in zip((record.u + 1).tolist(), (record.v + 1).tolist(), float_texts(record.weights))]
    return ("\n".join(lines) + "\n").encode()


def load(source: str, kind: str | None, data: bytes) -> Record:
    said: dict = {}
    labels: dict[int, str] = {}
    section = ""
    n: int | None = None
    left: int | None = None
    u, v, w, lines, arcs = [], [], [], [], False
    for number, line in enumerate(decode(source, data), 1):
        text = line.strip()
        if text.startswith("%"):
            found = re.fullmatch(r"%\s*netsnn (\{.*\})", text)
            if found and n is None:
                try:
                    said = json.loads(found[1])
                except (ValueError, RecursionError):
                    fail(source, "the netsnn comment is damaged", number)
        elif text.startswith("*"):
            words = text[1:].split()
            section = words[0].lower() if words else ""
            if section == "vertices":
                if n is not None or len(words) not in (2, 3):
                    fail(source, "expected one line *Vertices n, or *Vertices n n1", number)
                counts = whole_numbers(source, words[1:], [number] * 2, 0, 2**62, "the number of vertices").tolist()
                n, left = counts[0], counts[1] if len(counts) == 2 else None
                check_claim(source, n, len(data), number)
                if left is not None and left > n:
                    fail(source, f"the first mode has {left} of {n} vertices", number)
            elif section not in ("edges", "arcs", "edgeslist", "arcslist", "network"):
                fail(source, f"cannot read the section *{words[0] if words else ''}", number)
            elif n is None and section != "network":
                fail(source, "links before *Vertices", number)
            arcs |= section.startswith("arcs")
        elif text and section == "vertices":
            found = LABEL.match(text)
            if found is None:
                fail(source, "a vertex's quoted label does not end", number)
            place = int(whole_numbers(source, [found[1]], [number], 1, n or 0, "vertex")[0])
            if place in labels:
                fail(source, f"vertex {place} is given twice", number)
            quoted, bare = found[2], found[3]
            labels[place] = bare or str(place) if quoted is None else re.sub(r'\\(["\\])', r"\1", quoted)
        elif text and section.endswith("list"):
            words = text.split()
            for other in words[1:]:
                u.append(words[0])
                v.append(other)
                w.append("1")
                lines.append(number)
        elif text and section in ("edges", "arcs"):
            words = text.split()
            if len(words) < 2:
                fail(source, "a link needs two vertices", number)
            u.append(words[0])
            v.append(words[1])
            w.append(words[2] if len(words) > 2 else "")
            lines.append(number)
        elif text and section != "network":
            fail(source, "the file must begin with *Vertices", number)
    if n is None:
        fail(source, "no *Vertices in the file")
    u, v = (whole_numbers(source, texts, lines, 1, n, "vertex") - 1 for texts in (u, v))
    weights = None
    if any(text for text in w):
        weights = numbers(source, [text or "1" for text in w], lines)
        if not said and (weights == 1).all():
            weights = None
    names = [labels.get(i + 1) for i in range(n)]
    form: Any
    sizes: Any
    named: Any
    parts: list[list[str] | None]
    if said:
        form, sizes, named = said.get("kind"), said.get("sizes"), said.get("named")
        fits = isinstance(sizes, list) and all(isinstance(x, int) and x >= 0 for x in sizes) and sum(sizes) == n \
            and form in ("layer", "graph") and len(sizes) == (2 if form == "layer" else 1) and isinstance(named, list) and len(named) == len(sizes)
        if not fits:
            fail(source, "the netsnn comment does not suit the vertices")
        if said.get("links") != len(u):
            fail(source, f"the file says {said.get('links')} links and holds {len(u)}")
        given = said.get("names", names)
        if not isinstance(given, list) or len(given) != n:
            fail(source, f"the netsnn comment does not name {n} vertices")
        first = np.concatenate([[0], np.cumsum(sizes)])
        parts = [given[first[i]:first[i + 1]] if yes else None for i, yes in enumerate(named)]
        if any(part is not None and not all(isinstance(x, str) for x in part) for part in parts):
            fail(source, "the netsnn comment names a vertex by something that is no text")
    else:
        plain = all(name in (None, str(i + 1)) for i, name in enumerate(names))
        form = "layer" if left is not None else kind or "graph"
        if form == "layer" and left is None:
            fail(source, "a layer needs the two-mode header *Vertices n n1")
        sizes = [n] if form != "layer" or left is None else [left, n - left]
        every = [name if name is not None else str(i + 1) for i, name in enumerate(names)]
        parts = [None] * len(sizes) if plain else [every] if form == "graph" else [every[:left], every[left:]]
    if kind not in (None, form):
        fail(source, f"the file holds a {form}, not a {kind}")
    return Record(form, sizes, u, v, weights, parts, lines=np.array(lines, dtype=np.int64), directed=arcs)
