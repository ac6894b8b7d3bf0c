"""GraphML and GEXF, by a plain XML parser that refuses document types and entities."""

from __future__ import annotations

import json
import re
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from netsnn.io.record import KINDS, Record, fail
from netsnn.io.tables import float_texts, numbers

__all__ = ["dump_gexf", "dump_graphml", "load_gexf", "load_graphml"]

ENCODINGS = re.compile(r"utf-?8|utf-?16(-?[bl]e)?|(us-)?ascii|iso-8859-1?[0-9]|latin-?1|(windows-|cp)(125[0-8])", re.IGNORECASE)


# ---- writing ------------------------------------------------------------------------------------------


def dump_graphml(record: Record) -> bytes:
    labels, names, head = _prepare(record)
    bipartite = record.kind == "layer"
    keys = [("kind", "graph", "netsnn", "string"), ("name", "node", "name", "string")]
    keys += [("side", "node", "bipartite", "long"), ("type", "node", "type", "boolean")] if bipartite else []
    keys += [("group", "node", "group", "long")] if record.kind == "network" else []
    if record.weights is not None:
        keys.append(("weight", "edge", "weight", "double" if record.weights.dtype.kind == "f" else "long"))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    lines += [f'<key id="{key}" for="{what}" attr.name="{name}" attr.type="{kind}"/>' for key, what, name, kind in keys]
    lines += ['<graph edgedefault="undirected">', f'<data key="kind">{escape(head)}</data>']
    for label, name, group in zip(labels, names, record.group.tolist()):
        data = f'<data key="name">{_text(name)}</data>' if name is not None else ""
        if bipartite:
            data += f'<data key="side">{group}</data><data key="type">{"true" if group else "false"}</data>'
        elif record.kind == "network":
            data += f'<data key="group">{group}</data>'
        lines.append(f"<node id={label}>{data}</node>" if data else f"<node id={label}/>")
    if record.weights is None:
        lines += [f"<edge source={labels[u]} target={labels[v]}/>" for u, v in zip(record.u.tolist(), record.v.tolist())]
    else:
        lines += [f'<edge source={labels[u]} target={labels[v]}><data key="weight">{w}</data></edge>'
                  for u, v, w in zip(record.u.tolist(), record.v.tolist(), float_texts(record.weights))]
    return "\n".join([*lines, "</graph>", "</graphml>", ""]).encode()


def dump_gexf(record: Record) -> bytes:
    labels, names, head = _prepare(record)
    attribute = {"layer": "bipartite", "network": "group"}.get(record.kind)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">',
             f"<meta><description>{escape(head)}</description></meta>", '<graph defaultedgetype="undirected" mode="static">']
    if attribute:
        lines.append(f'<attributes class="node" mode="static"><attribute id="0" title="{attribute}" type="integer"/></attributes>')
    lines.append("<nodes>")
    for label, name, group in zip(labels, names, record.group.tolist()):
        shown = _attribute(name) if name is not None else label
        values = f'<attvalues><attvalue for="0" value="{group}"/></attvalues>' if attribute else ""
        lines.append(f"<node id={label} label={shown}>{values}</node>")
    lines += ["</nodes>", "<edges>"]
    weights = [""] * len(record.u) if record.weights is None else [f' weight="{w}"' for w in float_texts(record.weights)]
    lines += [f'<edge id="{i}" source={labels[u]} target={labels[v]}{w}/>'
              for i, (u, v, w) in enumerate(zip(record.u.tolist(), record.v.tolist(), weights))]
    return "\n".join([*lines, "</edges>", "</graph>", "</gexf>", ""]).encode()


def _prepare(record: Record) -> tuple[list[str], list[str | None], str]:
    """Quoted ids of the nodes, their names, and the line that tells our own reader what the file holds."""
    head = {"kind": record.kind, "sizes": record.sizes, "named": [names is not None for names in record.names]}
    if record.layer_names:
        head["layers"] = record.layer_names
    return [_attribute(label) for label in record.labels()], record.all_names(), json.dumps({"netsnn": head})


def _text(text: str) -> str:
    bad = next((c for c in text if (c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff"), None)
    if bad is not None:
        raise ValueError(f"XML cannot carry the character U+{ord(bad):04X} in the name {text!r}; npz can")
    return escape(text, {"\r": "&#13;"})


def _attribute(text: str) -> str:
    _text(text)
    return quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


# ---- reading ------------------------------------------------------------------------------------------


class _Tree:
    """What both formats share: elements one by one, with the place in the file, and nothing that XML could smuggle in."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.path: list[str] = []
        self.text: list[str] = []
        self.nodes: dict[str, int] = {}
        self.node_data: list[dict[str, str]] = []
        self.edges: list[tuple[str, str]] = []
        self.edge_weights: list[str | None] = []
        self.default_weight = "1"
        self.edge_lines: list[int] = []
        self.head: str | None = None
        self.directed = False
        self.graphs = 0

    def parse(self, data: bytes, root: str) -> None:
        parser = self.parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = lambda *_: self.fail("a document type declaration is not allowed")
        parser.EntityDeclHandler = lambda *_: self.fail("an entity declaration is not allowed")
        self.root = root
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            fail(self.source, f"not well-formed XML: {expat.errors.messages[error.code]}", error.lineno)

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        """Python would take any of its codecs, some of which are no encodings of text."""
        if encoding is not None and not ENCODINGS.fullmatch(encoding):
            self.fail(f"cannot read the encoding {encoding!r} (UTF-8, UTF-16, ASCII, ISO-8859 and Windows code pages are read)")

    def fail(self, reason: str) -> NoReturn:
        fail(self.source, reason, self.parser.CurrentLineNumber)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if not self.path and tag != self.root:
            self.fail(f"the outermost element must be <{self.root}>, got <{tag[:40]}>")
        if len(self.path) > 100:
            self.fail("elements are nested too deeply")
        self.path.append(tag)
        self.text.clear()
        if tag == "graph":
            self.graphs += 1
            if self.graphs > 1:
                self.fail("more than one graph in the file")
            self.directed = attributes.get("edgedefault", attributes.get("defaultedgetype")) == "directed"
        elif tag == "node":
            name = self.need(attributes, "id")
            if name in self.nodes:
                self.fail(f"node {name!r} is given twice")
            self.nodes[name] = len(self.nodes)
            self.node_data.append({"label": attributes["label"]} if "label" in attributes else {})
        elif tag == "edge":
            self.edges.append((self.need(attributes, "source"), self.need(attributes, "target")))
            self.edge_weights.append(attributes.get("weight"))
            self.edge_lines.append(self.parser.CurrentLineNumber)
            kind = attributes.get("directed", attributes.get("type"))
            self.directed |= kind in ("true", "directed")
        self.started(tag, attributes)

    def _end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        self.ended(tag, "".join(self.text))
        self.path.pop()
        self.text.clear()

    def need(self, attributes: dict[str, str], name: str) -> str:
        if name not in attributes:
            self.fail(f"<{self.path[-1]}> has no {name!r}")
        return attributes[name]

    def started(self, tag: str, attributes: dict[str, str]) -> None: ...

    def ended(self, tag: str, text: str) -> None: ...

    def record(self, kind: str | None) -> Record:
        """The record of what was parsed."""
        if not self.graphs:
            fail(self.source, "no <graph> in the file")
        ends = []
        for which in (0, 1):
            places = [self.nodes.get(edge[which], -1) for edge in self.edges]
            if -1 in places:
                where = places.index(-1)
                fail(self.source, f"an edge names node {self.edges[where][which]!r}, which is not in the file", self.edge_lines[where])
            ends.append(np.array(places, dtype=np.int64))
        weights = None
        if any(w is not None for w in self.edge_weights) or (self.edges and self.default_weight != "1"):
            weights = numbers(self.source, [w if w is not None else self.default_weight for w in self.edge_weights], self.edge_lines)
        head = self._head()
        attribute = {"layer": "bipartite", "network": "group"}
        said = head.get("kind") or next((k for k, a in attribute.items() if self.node_data and all(a in d for d in self.node_data)), "graph")
        if kind not in (None, said):
            hint = " (nodes need the attribute 'bipartite', 0 or 1)" if kind == "layer" else ""
            fail(self.source, f"the file holds a {said}, not a {kind}{hint}")
        group = [0] * len(self.nodes)
        if said in attribute:
            group = [self._group(data, attribute[said], 1 if said == "layer" else 10_000) for data in self.node_data]
        names: list[str | None] = [data.get("name") for data in self.node_data]
        ids = list(self.nodes)
        if "named" in head:
            names = [name if name is not None else data.get("label", node) for name, data, node in zip(names, self.node_data, ids)]
        elif not any(name is not None for name in names):
            names = [data.get("label") or node for data, node in zip(self.node_data, ids)]
            if any(names == [f"{prefix}{i}" for i in range(len(names))] for prefix in ("", "n")) or len(set(names)) < len(names):
                names = list(ids) if len(set(names)) < len(names) else [None] * len(names)
        record = Record.of_groups(said, group, names, *ends, weights=weights, lines=np.array(self.edge_lines, dtype=np.int64),
                                  directed=self.directed)
        if "sizes" in head:
            if head["sizes"][:len(record.sizes)] != record.sizes and sum(head["sizes"]) != record.n:
                fail(self.source, f"the file says groups of {head['sizes']} nodes and holds {record.sizes}")
            record.sizes = head["sizes"]
            record.names = [part if yes else None for part, yes in zip(record.names + [None] * len(record.sizes), head["named"])]
        record.layer_names = head.get("layers")
        return record

    def _head(self) -> dict:
        try:
            head = json.loads(self.head or "")["netsnn"]
        except (ValueError, TypeError, LookupError, RecursionError):
            return {}
        good = isinstance(head, dict) and head.get("kind") in KINDS and all(
            isinstance(head.get(key), list) and all(isinstance(x, int) and x >= 0 for x in head[key]) for key in ("sizes", "named"))
        layers = head.get("layers") if good else None
        good = good and len(head["named"]) == len(head["sizes"]) >= {"graph": 1}.get(head["kind"], 2) and (
            layers is None or (isinstance(layers, list) and all(isinstance(x, str) for x in layers)))
        if not good or sum(head["sizes"]) != len(self.nodes):
            fail(self.source, "the netsnn description in the file does not suit its nodes")
        return head

    def _group(self, data: dict[str, str], attribute: str, most: int) -> int:
        try:
            value = float(data.get(attribute, "nan"))
        except ValueError:
            value = float("nan")
        if not (value == value and 0 <= value <= most and value == int(value)):
            fail(self.source, f"every node needs the attribute {attribute!r}, a whole number from 0 to {most}; one has {data.get(attribute)!r}")
        return int(value)


class _GraphML(_Tree):
    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.keys: dict[str, str] = {}
        self.key = ""
        self.sides: dict[str, str] = {}
        self.defaults: dict[str, str] = {}

    def started(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "key":
            self.key = self.need(attributes, "id")
            name = self.keys[self.key] = attributes.get("attr.name", self.key)
            if attributes.get("for") in ("node", "all") and name == "type" and attributes.get("attr.type") == "boolean":
                self.sides = {"false": "0", "true": "1", "0": "0", "1": "1"}  # igraph's way to say which side a vertex is on
            self.what = attributes.get("for", "all")
        elif tag == "data":
            self.key = self.need(attributes, "key")
        elif tag in ("hyperedge", "port"):
            self.fail(f"<{tag}> cannot be read as a link")

    def ended(self, tag: str, text: str) -> None:
        if tag == "default" and self.path[-2:-1] == ["key"]:
            name = self.keys[self.key]
            if self.what in ("edge", "all") and name == "weight":
                self.default_weight = text.strip()
            if self.what in ("node", "all"):
                self.defaults[name] = text
        if tag == "node":
            data = self.node_data[-1] = self.defaults | self.node_data[-1]
            if "bipartite" not in data and data.get("type", "").strip().lower() in self.sides:
                data["bipartite"] = self.sides[data["type"].strip().lower()]
        if tag != "data":
            return
        owner, name = self.path[-2] if len(self.path) > 1 else "", self.keys.get(self.key, self.key)
        if owner == "node":
            self.node_data[-1][name] = text
        elif owner == "edge" and name == "weight":
            self.edge_weights[-1] = text
        elif owner == "graph" and name == "netsnn":
            self.head = text


class _Gexf(_Tree):
    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.titles: dict[tuple[str, str], str] = {}
        self.what = ""

    def started(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "attributes":
            self.what = attributes.get("class", "node")
        elif tag == "attribute":
            self.titles[self.what, self.need(attributes, "id")] = attributes.get("title", "")
        elif tag == "attvalue" and len(self.path) > 2:
            owner, which = self.path[-3], attributes.get("for", attributes.get("id", ""))
            title, value = self.titles.get((owner, which), which), attributes.get("value", "")
            if owner == "node":
                self.node_data[-1][title] = value
            elif owner == "edge" and title == "weight" and self.edge_weights[-1] is None:
                self.edge_weights[-1] = value

    def ended(self, tag: str, text: str) -> None:
        if tag == "description":
            self.head = text


def load_graphml(source: str, kind: str | None, data: bytes) -> Record:
    tree = _GraphML(source)
    tree.parse(data, "graphml")
    return tree.record(kind)


def load_gexf(source: str, kind: str | None, data: bytes) -> Record:
    tree = _Gexf(source)
    tree.parse(data, "gexf")
    return tree.record(kind)
