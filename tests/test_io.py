import io as std_io
import os
import pickle
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import igraph as ig
import networkx as nx
import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns
from netsnn.io import FORMATS, edges, matrix_market

EXTENSIONS = {"npz": "npz", "edges": "edges", "graphml": "graphml", "gexf": "gexf", "pajek": "net", "mtx": "mtx", "mat": "mat"}
CARRY_NETWORKS = ("npz", "edges", "graphml", "gexf", "mat")
letters = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn"),
                                exclude_characters='"\\'), min_size=1, max_size=6)
plain_names = st.one_of(letters, st.tuples(letters, letters).map(" ".join))
numbers = st.floats(allow_nan=False, width=64)


def named(draw, n):
    return draw(st.one_of(st.none(), st.lists(plain_names, min_size=n, max_size=n, unique=True))) if n else None


@st.composite
def layers(draw):
    mask = draw(arrays(bool, st.tuples(st.integers(0, 6), st.integers(0, 6))))
    bare = ns.Layer.from_dense(mask)
    return ns.Layer(*bare.shape, bare.indptr, bare.indices, named(draw, bare.n_in), named(draw, bare.n_out))


@st.composite
def graphs(draw):
    n = draw(st.integers(0, 7))
    upper = np.triu(draw(arrays(bool, (n, n))), 1)
    bare = ns.Graph.from_dense(upper | upper.T)
    return ns.Graph(n, bare.indptr, bare.indices, named(draw, n))


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(0, 5), min_size=2, max_size=4))
    names = [named(draw, n) for n in sizes]
    parts = []
    for i, shape in enumerate(zip(sizes, sizes[1:])):
        bare = ns.Layer.from_dense(draw(arrays(bool, shape)))
        parts.append(ns.Layer(*shape, bare.indptr, bare.indices, names[i], names[i + 1]))
    labels = draw(st.one_of(st.none(), st.lists(letters, min_size=len(parts), max_size=len(parts), unique=True)))
    return ns.Network(parts, labels)


def random_weights(value, draw):
    if isinstance(value, ns.Network):
        return [draw(arrays(np.float64, layer.n_links, elements=numbers)) for layer in value]
    return draw(arrays(np.float64, value.n_links, elements=numbers))


@pytest.mark.parametrize("form", list(EXTENSIONS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_every_format_returns_what_was_written(tmp_path, form, data):
    kinds = [layers(), graphs(), *([networks()] if form in CARRY_NETWORKS else [])]
    value = data.draw(st.one_of(*kinds))
    weights = data.draw(st.one_of(st.none(), st.just(value).map(lambda v: random_weights(v, data.draw))))
    path = tmp_path / f"x.{EXTENSIONS[form]}"
    ns.write(value, path, weights=weights)
    again, values = ns.read(path, weights=True)
    assert again == value and type(again) is type(value)
    if isinstance(value, ns.Network):
        assert again.names == value.names
        flat = [np.concatenate([np.empty(0), *(w or [])]) for w in (weights, values)]
    else:
        flat = [np.empty(0) if w is None else w for w in (weights, values)]
    np.testing.assert_array_equal(flat[0].view(np.int64), flat[1].astype(np.float64).view(np.int64))  # every bit, the sign of 0 too
    if len(flat[0]):
        assert values is not None
    elif weights is None:
        assert values is None


@pytest.mark.parametrize("form", ["npz", "mat"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_typed_formats_keep_the_type_of_weights(tmp_path, form, dtype):
    layer = ns.Layer.from_edges([0, 1], [1, 0], (2, 2))
    ns.write(layer, tmp_path / f"x.{form}", weights=np.array([1, 0], dtype=dtype))
    assert ns.read(tmp_path / f"x.{form}", weights=True)[1].dtype == dtype


LAYER = ns.Layer.from_edges([0, 0, 2], [1, 3, 0], (4, 4), input_names=["a b", "c<&>", "d", "é"], output_names=["w", "x", "y", "z'"])
GRAPH = ns.Graph.from_edges([0, 1, 4], [2, 3, 5], 7, names=["a b", "c<&>", "d", "é", "e", "f", "g"])
WEIGHTS = np.array([0.1, 0.0, -2.5e-300])


def test_networkx_reads_our_files(tmp_path):
    for reader, extension in ((nx.read_graphml, "graphml"), (nx.read_gexf, "gexf")):
        ns.write(LAYER, tmp_path / f"x.{extension}", weights=WEIGHTS)
        graph = reader(tmp_path / f"x.{extension}")
        layer, weights = ns.Layer.from_networkx(graph, weight="weight")
        assert (layer.links[0] == LAYER.links[0]).all() and (layer.links[1] == LAYER.links[1]).all() and layer.shape == LAYER.shape
        np.testing.assert_array_equal(weights, WEIGHTS)
        assert {"a b", "c<&>", "é", "z'"} <= set(graph) | {d.get("label") for _, d in graph.nodes(data=True)}
    ns.write(GRAPH, tmp_path / "x.net", weights=WEIGHTS)
    graph = nx.Graph(nx.read_pajek(tmp_path / "x.net"))
    assert nx.utils.graphs_equal(nx.Graph(graph.edges), nx.Graph(GRAPH.to_networkx().edges)) and set(graph) == set(GRAPH.names)
    ns.write(LAYER, tmp_path / "x.edges", weights=WEIGHTS)
    graph = nx.read_weighted_edgelist(tmp_path / "x.edges", nodetype=int)
    assert {frozenset(e) for e in graph.edges} == {frozenset((i, j + 4)) for i, j in zip(*(x.tolist() for x in LAYER.links))}


def test_igraph_reads_our_files(tmp_path):
    ns.write(LAYER, tmp_path / "x.graphml", weights=WEIGHTS)
    layer, weights = ns.Layer.from_igraph(ig.Graph.Read_GraphML(str(tmp_path / "x.graphml")), weight="weight")
    assert layer == LAYER
    np.testing.assert_array_equal(weights, WEIGHTS)
    ns.write(GRAPH, tmp_path / "x.net", weights=WEIGHTS)
    graph = ig.Graph.Read_Pajek(str(tmp_path / "x.net"))
    assert sorted(graph.get_edgelist()) == sorted(zip(*(x.tolist() for x in GRAPH.links))) and graph.vcount() == 7
    bare = ns.Graph.from_edges(*GRAPH.links, 7)
    ns.write(bare, tmp_path / "x.edges")
    lines = [line for line in (tmp_path / "x.edges").read_text().splitlines() if not line.startswith("#")]
    (tmp_path / "plain.edges").write_text("\n".join(lines))
    assert sorted(ig.Graph.Read_Edgelist(str(tmp_path / "plain.edges"), directed=False).get_edgelist()) == sorted(graph.get_edgelist())


def test_scipy_reads_our_files(tmp_path):
    for value in (LAYER, GRAPH):
        ns.write(value, tmp_path / "x.mtx", weights=WEIGHTS)
        matrix = scipy.io.mmread(tmp_path / "x.mtx")
        np.testing.assert_array_equal(matrix.toarray(), value.to_dense(WEIGHTS))
        ns.write(value, tmp_path / "x.mat")
        np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "x.mat")["net"].toarray(), value.to_dense())
    ns.write(LAYER, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as content:
        assert content["sizes"].tolist() == [4, 4]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layer=layers(), graph=graphs())
def test_files_of_other_programs_are_read(tmp_path, layer, graph):
    bare = ns.Layer(*layer.shape, layer.indptr, layer.indices)
    sp.save_npz(tmp_path / "x.npz", sp.csr_matrix(bare.to_scipy()))
    assert ns.read(tmp_path / "x.npz") == bare
    nx.write_graphml(layer.to_networkx(), tmp_path / "x.graphml")
    if layer.n_in + layer.n_out:
        assert ns.read(tmp_path / "x.graphml", kind="layer").n_links == layer.n_links
    nx.write_gexf(graph.to_networkx(), tmp_path / "x.gexf")
    assert ns.read(tmp_path / "x.gexf").n_links == graph.n_links
    plain = ns.Graph(graph.n, graph.indptr, graph.indices)
    graph.to_igraph().write_graphml(str(tmp_path / "i.graphml"))
    assert ns.read(tmp_path / "i.graphml") == graph
    plain.to_igraph().write_pajek(str(tmp_path / "i.net"))
    assert ns.read(tmp_path / "i.net") == plain
    if bare.n_in and bare.n_out:
        scipy.io.mmwrite(tmp_path / "x.mtx", sp.coo_matrix(bare.to_scipy()), symmetry="general")
        assert ns.read(tmp_path / "x.mtx") == bare
        scipy.io.savemat(tmp_path / "x.mat", {"anything": bare.to_dense().astype(float)})
        assert ns.read(tmp_path / "x.mat", kind="layer") == bare


@pytest.mark.parametrize(("name", "text", "kind", "expected"), [
    ("x.edges", "0 1\n1 2\n", None, ns.Graph.from_edges([0, 1], [1, 2], 3)),
    ("x.csv", "source,target,weight\nann,bob,2\nbob,\"c, d\",0.5\n", None, ns.Graph.from_edges([0, 1], [1, 2], 3, names=["ann", "bob", "c, d"])),
    ("x.tsv", "u\tv\na b\tc\n", None, ns.Graph.from_edges([0], [1], 2, names=["a b", "c"])),
    ("x.txt", "% a comment\n0 0\n1 0\n", "layer", ns.Layer.from_edges([0, 1], [0, 0], (2, 1))),
    ("x.edges", "p x\nq x\n", "layer", ns.Layer.from_edges([0, 1], [0, 0], (2, 1), input_names=["p", "q"], output_names=["x"])),
    ("x.edges", "# davis nodes=5 edges=2 bipartite n_left=2 n_right=3 components=1\n0 2\n1 4\n", None, ns.Layer.from_edges([0, 1], [0, 2], (2, 3))),
    ("x.net", "*Vertices 3 2\n1 \"a\"\n2 \"b\"\n3 \"c\"\n*Arcs\n1 3 1\n2 3 1\n", None,
     ns.Layer.from_edges([0, 1], [0, 0], (2, 1), input_names=["a", "b"], output_names=["c"])),
    ("x.net", "*Network t\n*vertices 3\n*edgeslist\n1 2 3\n", None, ns.Graph.from_edges([0, 0], [1, 2], 3)),
    ("x.edges", "u v\nv w\n", None, ns.Graph.from_edges([0, 1], [1, 2], 3, names=["u", "v", "w"])),
    ("x.csv", "from,to\n0,1\n1,2\n", None, ns.Graph.from_edges([0, 1], [1, 2], 3)),
    ("x.net", "*Vertices 2\n1 O'Brien 0.5 0.5\n2 \"a \\\"b\\\"\" ic Red\n*Edges\n1 2\n", None,
     ns.Graph.from_edges([0], [1], 2, names=["O'Brien", 'a "b"'])),
    ("x.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 2 2\n1 2\n2 1\n", "graph", ns.Graph.from_edges([0], [1], 2)),
    ("x.mtx", "%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n2 1\n2 2\n", "layer",
     ns.Layer.from_edges([0, 1, 1], [1, 0, 1], (2, 2))),
    ("x.mtx", "%%MatrixMarket matrix array real general\n2 2\n0\n1\n0\n2\n", None, ns.Layer.from_edges([1, 1], [0, 1], (2, 2))),
])
def test_text_of_other_programs_is_read(tmp_path, name, text, kind, expected):
    (tmp_path / name).write_text(text)
    assert ns.read(tmp_path / name, kind=kind) == expected


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(*[st.sampled_from(["0", "1", "7", "+3", "-1", "1.5", "a", "1_0", "nan", "", "99999999999999999999", "\u0663"])] * 3)),
       columns=st.integers(2, 3), gap=st.sampled_from([" ", "\t", ",", " , "]), end=st.sampled_from(["\n", "\r\n", "\n\n", "\n# c\n", "\r"]),
       head=st.sampled_from(["", "# c\n", "u v\n", "\n", "# nodes=9\n"]), kind=st.sampled_from([None, "layer"]))
def test_the_fast_way_through_a_table_decides_as_the_slow_one(monkeypatch, rows, columns, gap, end, head, kind):
    text = (head + end.join(gap.join(row[:columns]) for row in rows)).encode()
    market = f"%%MatrixMarket matrix coordinate {'pattern' if columns == 2 else 'real'} general\n9 9 {len(rows)}\n".encode() + text

    def outcome(load, data):
        try:
            record = load("x", kind, data)
        except (ns.FileError, ValueError) as error:
            return str(error)
        return record.kind, record.sizes, record.u.tolist(), record.v.tolist(), repr(record.weights), record.names, list(record.lines)

    fast = outcome(edges.load, text), outcome(matrix_market.load, market)
    with monkeypatch.context() as patch:
        patch.setattr(edges, "fast_columns", lambda *_, **__: None)
        patch.setattr(matrix_market, "fast_columns", lambda *_, **__: None)
        assert fast == (outcome(edges.load, text), outcome(matrix_market.load, market))


def test_a_list_of_a_hundred_thousand_links_is_read_in_little_time_and_memory(tmp_path):
    layer = ns.wiring.erdos_renyi(1000, 5000, density=0.02, seed=0)
    weights = np.random.default_rng(0).random(layer.n_links)
    for name in ("x.edges", "x.mtx"):
        ns.write(layer, tmp_path / name, weights=weights)
        start = time.process_time()
        again, values = ns.read(tmp_path / name, weights=True)
        assert time.process_time() - start < 1 and again == layer and (values == weights).all()
        tracemalloc.start()
        ns.read(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 30e6  # as Python objects the lines alone would take more
        tracemalloc.stop()


BAD_TEXT = [
    ("x.edges", "0 1\n1 2\n2 1\n", r":3: link 2 - 1 is given twice"),
    ("x.edges", "# netsnn graph nodes=3 edges=2\n0 1\n1 5\n", r":3: node 5 lies outside 0 \.\. 2"),
    ("x.edges", "# netsnn graph nodes=3 edges=9\n0 1\n", r":1: the header says 9 links, the file holds 1"),
    ("x.edges", "# netsnn layer nodes=3 edges=1 bipartite n_left=9 n_right=1\n0 1\n", r":1: n_left 9 lies outside 0 \.\. 3"),
    ("x.edges", "# netsnn layer nodes=4 edges=1 bipartite n_left=2 n_right=2\n0 1\n", r":2: link 0 - 1 does not go from an input to an output"),
    ("x.edges", "0 1 0.5\n1 2 nan\n", r":2: the weight is NaN"),
    ("x.edges", "0 1 0.5\n1 2 heavy\n", r":2: a weight must be a number, got 'heavy'"),
    ("x.edges", "0 1\n1 2 3\n", r":2: expected 2 columns as on line 1, got 3"),
    ("x.edges", "0 1\n2 0\n0 1\n", r":3: link 0 - 1 is given twice \(first on line 1; "),
    ("x.edges", "0 1\n1 0\n", r":2: link 1 - 0 is given twice \(first on line 1, in the other direction; simplify=True or --simplify keeps the first\)"),
    ("x.edges", "# netsnn layer nodes=3 edges=1 bipartite n_left=2 n_right=9\n0 2\n", r":1: 2 inputs and 9 outputs do not add up to 3"),
    ("x.edges", "# netsnn network nodes=1 edges=0 sizes=" + "0," * 20000 + "1\n", r": a network of 20001 groups"),
    ("x.edges", "0 1\n1 1.5\n2 3\n4\n", r":4: expected 2 columns as on line 1, got 1"),
    ("x.csv", "source,target\na,b\nb,\n", r":3: a node's id or name is missing"),
    ("x.csv", "source,target\n0,1\n1,-2\n", r":3: node -2 lies outside"),
    ("x.edges", "0 0\n", r":1: node 0 is linked to itself \(simplify=True or --simplify drops such links\)"),
    ("x.edges", "0 999999999\n", r":1: a file of 12 bytes cannot hold 1000000000 nodes"),
    ("x.edges", "# netsnn graph nodes=1000000000000 edges=0\n", r":1: a file of .* cannot hold 1000000000000 nodes"),
    ("x.edges", "# only a comment\n", r": no links and no header"),
    ("x.edges", "-1 2\n", r":1: node -1 lies outside"),
    ("x.net", "*Vertices 1000000000\n*Edges\n", r":1: a file of .* cannot hold 1000000000 nodes"),
    ("x.net", "*Vertices 2\n1 \"a\n", r":2: a vertex's quoted label does not end"),
    ("x.net", "*Vertices 2\n*Edges\n1 3\n", r":3: vertex 3 lies outside 1 \.\. 2"),
    ("x.net", '% netsnn {"kind": [], "sizes": [], "named": []}\n*Vertices 0\n', r": the netsnn comment does not suit"),
    ("x.net", "*Vertices 2\n*Arcs\n1 2\n2 1\n", r":4: link .* is given twice .*in the other direction; simplify=True"),
    ("x.mtx", "%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 inf\n", r":3: a weight must be a whole number, got 'inf'"),
    ("x.mtx", "%%MatrixMarket matrix coordinate pattern symmetric\n2 2 1\n1 1\n", r":3: node 0 is linked to itself"),
    ("x.net", "hello\n", r":1: the file must begin with \*Vertices"),
    ("x.net", "*Vertices 2\n*Edges\n1 2 1\n2 1 1\n", r":4: link '2' - '1' is given twice|:4: link 1 - 0 is given twice"),
    ("x.mtx", "%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 1\n", r":3: the size line says 2 entries, the file holds 1"),
    ("x.mtx", "%%MatrixMarket matrix coordinate real general\n1000000000 1000000000 1\n1 1 1\n", r":2: a file of .* cannot hold 2000000000 nodes"),
    ("x.mtx", "%%MatrixMarket matrix coordinate real general\n3 3 1\n4 1 1\n", r":3: row 4 lies outside 1 \.\. 3"),
    ("x.mtx", "%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 1\n1 1 2\n", r":4: link 0 - 3 is given twice"),
    ("x.mtx", "%%MatrixMarket matrix coordinate real general\n3 3 1\n1 1 nan\n", r":3: the weight is NaN"),
    ("x.mtx", "%%MatrixMarket matrix coordinate complex general\n", r":1: cannot read a coordinate complex general matrix"),
    ("x.mtx", "nothing\n", r":1: the first line must be '%%MatrixMarket"),
    ("x.graphml", "<graphml><graph edgedefault='undirected'><node id='a'/><edge source='a' target='b'/></graph></graphml>",
     r":1: an edge names node 'b', which is not in the file"),
    ("x.graphml", "<graphml><graph>\n<node id='a'/>\n<node id='a'/></graph></graphml>", r":3: node 'a' is given twice"),
    ("x.graphml", "<graphml><graph>\n<node>\n", r":2: <node> has no 'id'"),
    ("x.graphml", "<graphml><graph>\n<node id='a'>\n", r":3: not well-formed XML: no element found"),
    ("x.graphml", "<gexf/>", r":1: the outermost element must be <graphml>, got <gexf>"),
    ("x.graphml", "<!DOCTYPE x [<!ENTITY a 'b'>]><graphml/>", r":1: a document type declaration is not allowed"),
    ("x.gexf", "<gexf/>", r": no <graph> in the file"),
    ("x.gexf", "<gexf><graph><nodes><node id='0'/><node id='1'/></nodes><edges>\n<edge source='0' target='1' weight='NaN'/></edges></graph></gexf>",
     r":2: the weight is NaN"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD_TEXT)
def test_a_bad_text_file_gives_one_line_with_file_line_and_reason(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ns.FileError, match=f"^{path}(?:{message})") as caught:
        ns.read(path)
    assert "\n" not in str(caught.value)


def test_any_titles_above_ids_are_no_nodes(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Neuron A,Neuron B,strength\n0,1,0.5\n1,2,2\n")
    graph, weights = ns.read(path, weights=True)
    assert graph == ns.Graph.from_edges([0, 1], [1, 2], n=3) and weights.tolist() == [0.5, 2]
    path.write_text("Neuron A,Neuron B\n")
    assert ns.read(path).names == ("Neuron A", "Neuron B")
    path.write_text("pre,post\nAVAL,AVAR\nAVAR,PVC\n")
    assert ns.read(path).names == ("AVAL", "AVAR", "PVC")
    path.write_text("hub core 0.5\n1 2 0.7\n3 4 1\n")  # no titles: a number has its place among the weights
    assert ns.read(path).n_links == 3
    path.write_text("anna bob\n1 2\n")
    assert ns.read(path).n_links == 2
    path.write_text("anna,1\n2,1\n")
    assert ns.read(path).names == ("anna", "2", "1")


def test_a_title_of_a_hundred_thousand_digits_takes_no_time(tmp_path):
    (tmp_path / "x.csv").write_text(f"a,b,{'9' * 100_000}x\n0,1,1\n")
    begin = time.process_time()
    assert ns.read(tmp_path / "x.csv").n_links == 1
    assert time.process_time() - begin < 2  # in proportion to the square it would be minutes


@pytest.mark.parametrize(("name", "text"), [
    ("x.edges", "0 1 2.5\n1 0 7\n1 1 9\n1 2 4\n0 1 8\n"),
    ("x.net", "*Vertices 3\n*Arcs\n1 2 2.5\n2 1 7\n2 2 9\n2 3 4\n1 2 8\n"),
    ("x.mtx", "%%MatrixMarket matrix coordinate real symmetric\n3 3 4\n2 1 2.5\n2 1 7\n2 2 9\n3 2 4\n"),
])
def test_simplify_keeps_the_first_of_links_given_twice_and_drops_self_loops(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ns.FileError, match="simplify=True or --simplify"):
        ns.read(tmp_path / name, kind="graph")
    graph, weights = ns.read(tmp_path / name, kind="graph", weights=True, simplify=True)
    assert graph == ns.Graph.from_edges([0, 1], [1, 2], n=3)
    assert weights.tolist() == [2.5, 4]


def test_simplify_is_true_or_false(tmp_path):
    with pytest.raises(ValueError, match="simplify must be true or false, got 'no'"):
        ns.read(tmp_path / "x.edges", simplify="no")


def test_simplify_takes_repeated_links_of_layers_and_networks(tmp_path):
    path = tmp_path / "x.edges"
    path.write_text("0 1 2.5\n1 0 7\n0 1 8\n")
    layer, weights = ns.read(path, kind="layer", weights=True, simplify=True)
    assert layer == ns.Layer.from_edges([0, 1], [1, 0], shape=(2, 2)) and weights.tolist() == [2.5, 7]
    path.write_text("# netsnn network nodes=4 edges=4 sizes=1,2,1\n0 1 1\n2 3 2\n3 2 3\n0 1 4\n")
    network, weights = ns.read(path, weights=True, simplify=True)
    assert [layer.n_links for layer in network] == [1, 1] and [list(w) for w in weights] == [[1], [2]]


def npy(array):
    file = std_io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array))
    return file.getvalue()


def archive(path, **members):
    """An npz whose members are given as arrays or as raw bytes."""
    whole = {"netsnn": np.array(1), "kind": np.array("layer"), "sizes": np.array([2, 2]), "u": np.array([0, 1]), "v": np.array([2, 3])} | members
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in whole.items():
            if content is not None:
                file.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))


def claim(shape, dtype="<i8"):
    """An npy file whose header claims `shape` and which holds nothing."""
    file = std_io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def head(text):
    """An npy file of this header."""
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


@pytest.mark.parametrize(("members", "message"), [
    ({"u": np.array([0, 9])}, "member u holds node 9, outside 0 .. 3"),
    ({"u": np.array([0, 0]), "v": np.array([2, 2])}, "link number 2: link 0 - 2 is given twice"),
    ({"v": np.array([2, 3, 3])}, r"member 'v' has shape \(3,\), expected \(2,\)"),
    ({"u": np.array([0.0, 1.0])}, "member 'u' has type float64"),
    ({"u": None}, "member 'u' is missing"),
    ({"weights": np.array([1.0, np.nan])}, "link number 2: the weight is NaN"),
    ({"sizes": np.array([2, 2, 2])}, r"sizes \[2, 2, 2\] do not suit a layer"),
    ({"sizes": np.array([2, 10**12])}, "cannot hold 1000000000002 nodes"),
    ({"kind": np.array("tr\nee")}, "the file holds a tr ee, not a layer"),
    ({"kind": np.array("tree")}, "the file holds a tree, not a layer, graph or network"),
    ({"u": claim((125_000_000,))}, "member 'u' claims 1000000000 bytes"),
    ({"u": np.zeros(30_000_000, dtype=np.int64).tobytes()}, "member 'u' has no valid npy header"),
    ({"u": npy(np.zeros(30_000_000, dtype=np.int64))}, "member 'u' claims 240000000 bytes"),
    ({"netsnn": np.array(99)}, "written by another version of netsnn"),
    ({"u": b"junk"}, "member 'u' has no valid npy header"),
    ({"u": head("{'descr': '<i8', 'fortran_order': False, 'shape': (2L,), }")}, "member 'u' claims 16 bytes"),  # as Python 2 wrote it
    ({"u": head(r"{'descr': '\o', 'fortran_order': False, 'shape': (2,), }")}, "member 'u' has no valid npy header"),
    ({"u": head("{'descr': '|a8', 'fortran_order': False, 'shape': (2,), }")}, r"member 'u' has type \|S8, expected one of kind i/u"),
    ({"u": head("{'descr': '<i8', 'fortran_order': False, 'shape': (1e3,), }" + " " * 9000)}, "member 'u' has no valid npy header"),  # over which NumPy sits for seconds
    ({"names0": head("{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }") + b"a\0\0\0\xff\xff\xff\x7f"}, "member 'names0' holds characters that do not exist"),
    ({"names0": head("{'descr': '>U1', 'fortran_order': False, 'shape': (2,), }") + b"\0\0\0a\0\x11\0\0"}, "member 'names0' holds characters that do not exist"),
])
def test_a_bad_npz_is_refused_by_its_headers(tmp_path, members, message):
    archive(tmp_path / "x.npz", **members)
    tracemalloc.start()
    with pytest.raises(ns.FileError, match=f"^{tmp_path / 'x.npz'}: .*{message}"):
        ns.read(tmp_path / "x.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def read_in_another_process(path):
    """What reading prints; a process of its own, for the files that once took Python down."""
    code = f"import netsnn as ns\ntry: print(ns.read({str(path)!r}))\nexcept ns.FileError as error: print(error)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, f"ended with {run.returncode}: {run.stderr[-300:]}"
    return run.stdout


def test_pointers_that_leave_their_array_do_not_reach_scipy(tmp_path):
    archive(tmp_path / "x.npz", netsnn=None, kind=None, sizes=None, u=None, v=None, format=np.array("csr"), shape=np.array([2, 2]),
            data=np.ones(2), indices=np.array([0, 1]), indptr=np.array([0, 2_000_000_000, 2], dtype=np.uint64))
    assert "member indptr does not rise" in read_in_another_process(tmp_path / "x.npz")
    for columns, rows in (((0, 10**9, 2), (0, 1)), ((0, 1, 2), (0, 10**9))):
        matrix = matlab_matrix(5, (2, 2), element(5, struct.pack("<2i", *rows)), element(5, struct.pack("<3i", *columns)),
                               element(9, struct.pack("<2d", 1, 1)))
        (tmp_path / "x.mat").write_bytes(matlab_head(tmp_path) + matrix)
        assert "matrix x is damaged" in read_in_another_process(tmp_path / "x.mat")
    (tmp_path / "x.mat").write_bytes(matlab_head(tmp_path) + matlab_matrix(6, (2, 1), element(219, bytes(16))))
    assert "a part of type 219" in read_in_another_process(tmp_path / "x.mat")


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matlab_matrix(kind, dims, *parts):
    return element(14, element(6, struct.pack("<II", kind, 2)) + element(5, struct.pack("<2i", *dims)) + element(1, b"x") + b"".join(parts))


def matlab_head(folder):
    ns.write(LAYER, folder / "head.mat")
    return (folder / "head.mat").read_bytes()[:128]


@pytest.mark.parametrize(("matrix", "message"), [
    (matlab_matrix(1, (500_000_000, 1)), r"dimensions \(500000000, 1\) in 48 bytes"),
    (matlab_matrix(2, (500_000_000, 1), element(5, struct.pack("<i", 8)), element(1, b"field\0\0\0")), r"dimensions \(500000000, 1\) in 80 bytes"),
    (matlab_matrix(4, (500_000_000, 1), element(16, b"")), r"dimensions \(500000000, 1\) in"),
    (matlab_matrix(6, (2, 1), struct.pack("<II", 9, 2_000_000_000) + bytes(16)), "a part of 2000000000 bytes with 16 left"),
    (matlab_matrix(1, (1, 1), matlab_matrix(1, (500_000_000, 1))), r"dimensions \(500000000, 1\)"),
    (matlab_matrix(6, (2, 1), element(219, bytes(16))), "a part of type 219 in a matrix of class 6"),
    (matlab_matrix(2, (0, 0), element(5, struct.pack("<i", 1)), element(1, bytes(50_000))), "names of 1 bytes for the fields of a structure"),
    (matlab_matrix(6, (2, 1), element(9, bytes(16)), element(9, bytes(16))), "2 parts in a matrix, expected 1"),
    (matlab_matrix(5, (500_000_000, 1), element(5, b""), element(5, bytes(8)), element(9, b"")), "cannot hold 500000001 nodes"),
])
@pytest.mark.parametrize("packed", [False, True])
def test_claims_inside_a_matlab_matrix_are_refused_without_memory(tmp_path, matrix, message, packed):
    if packed:
        content = zlib.compress(matrix)
        matrix = struct.pack("<II", 15, len(content)) + content
    (tmp_path / "x.mat").write_bytes(matlab_head(tmp_path) + matrix)
    tracemalloc.start()
    with pytest.raises(ns.FileError, match=f"^{tmp_path / 'x.mat'}: .*{message}"):
        ns.read(tmp_path / "x.mat")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_matlab_variables_that_are_no_matrix_do_not_stand_in_the_way(tmp_path):
    matrix = sp.csc_matrix(np.array([[0, 1.5, 0], [2, 0, 0]]))
    scipy.io.savemat(tmp_path / "x.mat", {"net": matrix, "note": "text", "info": {"a": [1, 2], "b": {"c": "d"}}, "empty": np.zeros((0, 3)),
                                          "cells": np.array([1, "a", np.eye(2)], dtype=object), "z": np.array([[1 + 2j]])})
    layer, weights = ns.read(tmp_path / "x.mat", weights=True)
    assert layer.shape == (2, 3) and weights.tolist() == [1.5, 2.0]


def test_files_of_the_other_byte_order_are_read(tmp_path):
    archive(tmp_path / "x.npz", netsnn=None, kind=None, sizes=None, u=None, v=None, format=np.array("csr"), shape=np.array([2, 2], dtype=">i8"),
            data=np.array([1.5, 2], dtype=">f8"), indices=np.array([1, 0], dtype=">i4"), indptr=np.array([0, 1, 2], dtype=">i4"))
    big = [struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8) for kind, content in
           [(6, struct.pack(">II", 6, 0)), (5, struct.pack(">2i", 2, 2)), (1, b"x"), (9, struct.pack(">4d", 0, 2, 1.5, 0))]]
    matrix = struct.pack(">II", 14, sum(map(len, big))) + b"".join(big)
    (tmp_path / "x.mat").write_bytes(b"MATLAB".ljust(116) + bytes(8) + b"\1\0MI" + matrix)
    for name in ("x.npz", "x.mat"):
        layer, weights = ns.read(tmp_path / name, kind="layer", weights=True)
        assert layer == ns.Layer.from_edges([0, 1], [1, 0], (2, 2)) and weights.tolist() == [1.5, 2]


@pytest.mark.parametrize("form", ["npz", "mat"])
def test_a_layer_that_packs_like_a_zip_bomb_is_read_again(tmp_path, form, monkeypatch):
    from netsnn.io import matlab_check, npz

    for module in (npz, matlab_check):
        monkeypatch.setattr(module, "most_unpacked", lambda size: 2**12 + 10 * size)
    layer = ns.Layer.from_dense(np.ones((100, 100), dtype=bool))
    ns.write(layer, tmp_path / f"x.{form}", weights=np.ones(layer.n_links))
    assert ns.read(tmp_path / f"x.{form}") == layer


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_inside_an_npz_is_never_loaded(tmp_path):
    trap = tmp_path / "executed"
    header = std_io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    archive(tmp_path / "x.npz", u=header.getvalue() + pickle.dumps([Payload(trap)]))
    with pytest.raises(ns.FileError, match="member 'u' holds pickled Python objects, which are never loaded"):
        ns.read(tmp_path / "x.npz")
    (tmp_path / "y.npz").write_bytes(pickle.dumps(Payload(trap)))
    with pytest.raises(ns.FileError, match="damaged or truncated npz"):
        ns.read(tmp_path / "y.npz")
    assert not trap.exists()


def test_a_broken_header_and_a_damaged_member_of_an_npz_are_named(tmp_path):
    header = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + b"{'descr': '<i8', (((".ljust(118)  # no end in sight for Python's tokenizer
    archive(tmp_path / "x.npz", netsnn=header + b"12345678")
    with pytest.raises(ns.FileError, match="member 'netsnn' has no valid npy header"):
        ns.read(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "y.npz", "w", zipfile.ZIP_LZMA) as file:
        file.writestr("netsnn.npy", bytes(range(256)) * 40)
    data = bytearray((tmp_path / "y.npz").read_bytes())
    data[60:90] = bytes(255 - byte for byte in data[60:90])
    (tmp_path / "y.npz").write_bytes(bytes(data))
    with pytest.raises(ns.FileError, match="npz"):
        ns.read(tmp_path / "y.npz")


def test_a_matlab_file_that_claims_a_gigabyte_is_refused_without_unpacking_it(tmp_path):
    ns.write(LAYER, tmp_path / "x.mat")
    head = (tmp_path / "x.mat").read_bytes()[:128]
    body = zlib.compress(struct.pack("<II", 14, 10**9) + bytes(10**6))
    (tmp_path / "x.mat").write_bytes(head + struct.pack("<II", 15, len(body)) + body)
    with pytest.raises(ns.FileError, match="claims 1000000000 bytes"):
        ns.read(tmp_path / "x.mat")
    body = zlib.compress(struct.pack("<II", 14, 5000) + bytes(100)) + bytes(4000)  # the stream ends long before the element
    (tmp_path / "x.mat").write_bytes(head + struct.pack("<II", 15, len(body)) + body)
    with pytest.raises(ns.FileError, match="claims 5000 bytes and holds 100"):
        ns.read(tmp_path / "x.mat")
    (tmp_path / "x.mat").write_bytes(head + struct.pack("<II", 14, 10**9) + bytes(100))
    with pytest.raises(ns.FileError, match="a damaged element at byte 128: type 14 of 1000000000 bytes, with 100 left"):
        ns.read(tmp_path / "x.mat")
    (tmp_path / "x.mat").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    with pytest.raises(ns.FileError, match="7.3"):
        ns.read(tmp_path / "x.mat")


@pytest.mark.parametrize("form", list(EXTENSIONS))
def test_empty_missing_truncated_and_binary_files_are_refused(tmp_path, form):
    path = tmp_path / f"x.{EXTENSIONS[form]}"
    with pytest.raises(ns.FileError, match=f"^{path}: No such file or directory"):
        ns.read(path)
    path.write_bytes(b"")
    with pytest.raises(ns.FileError, match=f"^{path}: the file is empty"):
        ns.read(path)
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(ns.FileError, match=f"^{path}"):
        ns.read(path)
    big = ns.wiring.erdos_renyi(50, 60, density=0.2, seed=0)
    ns.write(big, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ns.FileError, match=f"^{path}"):
        ns.read(path)
    with pytest.raises(ns.FileError, match="Is a directory"):
        (tmp_path / f"dir.{EXTENSIONS[form]}").mkdir()
        ns.read(tmp_path / f"dir.{EXTENSIONS[form]}")


@pytest.mark.parametrize("form", list(EXTENSIONS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_give_a_value_or_a_file_error_and_nothing_else(tmp_path, form, data):
    path = tmp_path / f"x.{EXTENSIONS[form]}"
    ns.write(data.draw(st.sampled_from([LAYER, GRAPH])), path, weights=WEIGHTS)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["byte", "cut", "insert", "repeat"]))
        if change == "byte":
            content[at] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del content[at:at + data.draw(st.integers(1, 40))]
        elif change == "insert":
            content[at:at] = data.draw(st.sampled_from([b"9" * 12, b"-", b"nan", b"\0", b"\xff", b'"', b"<a>", b"*", b"\n"]))
        else:
            content[at:at] = content[at:at + 30]
        if not content:
            break
    path.write_bytes(bytes(content))
    try:
        value = ns.read(path)
    except ns.FileError as error:
        assert "\n" not in str(error) and str(path) in str(error)
    else:
        assert isinstance(value, (ns.Layer, ns.Graph, ns.Network))


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "x.edges"
    ns.write(GRAPH, path)
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ns.FileError, match=f"^{path}: No space left on device"):
        ns.write(LAYER, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.edges"]
    with pytest.raises(ns.FileError, match="No such file or directory"):
        ns.write(LAYER, tmp_path / "nowhere" / "x.edges")


def test_written_files_have_ordinary_permissions_and_links_are_followed(tmp_path):
    ns.write(GRAPH, tmp_path / "x.npz")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "x.npz").stat().st_mode) == 0o666 & ~mask
    (tmp_path / "link.npz").symlink_to(tmp_path / "x.npz")
    ns.write(LAYER, tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink() and ns.read(tmp_path / "x.npz") == LAYER


def test_what_a_format_cannot_carry_is_refused_before_anything_is_written(tmp_path):
    network = ns.Network([ns.Layer.from_edges([0], [0], (1, 1))])
    for name, value, message in [
        ("x.mtx", network, "a network can be written as npz, edges, graphml, gexf or mat"),
        ("x.net", network, "a network can be written as"),
        ("x.edges", ns.Graph.from_edges([], [], 1, names=["two\nlines"]), "an edge list cannot carry the name"),
        ("x.graphml", ns.Graph.from_edges([], [], 1, names=["bell \x07"]), r"XML cannot carry the character U\+0007"),
    ]:
        with pytest.raises(ValueError, match=message):
            ns.write(value, tmp_path / name)
    assert not os.listdir(tmp_path)


def test_wrong_arguments_name_the_choices(tmp_path):
    with pytest.raises(ValueError, match="no format 'xls'; formats: npz, edges"):
        ns.read(tmp_path / "x", format="xls")
    with pytest.raises(ValueError, match="unknown extension '.xls'; give a format"):
        ns.read(tmp_path / "x.xls")
    with pytest.raises(ValueError, match="kind must be one of layer, graph, network, got 'tree'"):
        ns.read(tmp_path / "x.npz", kind="tree")
    ns.write(GRAPH, tmp_path / "x.npz")
    with pytest.raises(ns.FileError, match="the file holds a graph, not a layer"):
        ns.read(tmp_path / "x.npz", kind="layer")


@pytest.mark.parametrize("form", list(EXTENSIONS))
def test_a_mostly_idle_layer_is_read_again_or_not_written(tmp_path, form):
    if form in ("npz", "edges", "mtx", "mat"):  # the others list every node
        layer = ns.Layer.from_edges([0], [0], (3_000_000, 2))
        ns.write(layer, tmp_path / f"x.{EXTENSIONS[form]}")
        assert ns.read(tmp_path / f"x.{EXTENSIONS[form]}") == layer
        os.remove(tmp_path / f"x.{EXTENSIONS[form]}")
        with pytest.raises(ValueError, match="11000000 nodes with only 0 links"):
            ns.write(ns.Graph.from_edges([], [], 11_000_000), tmp_path / f"x.{EXTENSIONS[form]}")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ['q"x', "back\\slash", "new\nline", "", " outer ", "tab\there", "O'B", "#x", "%x", "\u2028", "\U0001F600", "*Edges", "1"])
@pytest.mark.parametrize("form", list(EXTENSIONS))
def test_an_odd_name_comes_back_exactly_or_is_refused(tmp_path, form, name):
    graph = ns.Graph.from_edges([0, 1], [1, 2], 3, names=[name, "b", "_"])
    path = tmp_path / f"x.{EXTENSIONS[form]}"
    try:
        ns.write(graph, path)
    except ValueError as error:
        assert form in ("edges", "mtx", "mat") and "cannot carry" in str(error) and not path.exists()
    else:
        assert ns.read(path) == graph
        if form == "pajek":
            assert nx.read_pajek(path).number_of_nodes() == ig.Graph.Read_Pajek(str(path)).vcount() == 3


def test_numbers_that_a_text_format_would_round_are_refused(tmp_path):
    layer = ns.Layer.from_edges([0], [0], (1, 1))
    weights = np.array([2**53 + 1])
    for form, extension in EXTENSIONS.items():
        path = tmp_path / f"x.{extension}"
        if form in ("npz", "mat"):
            ns.write(layer, path, weights=weights)
            assert ns.read(path, weights=True)[1].tolist() == [2**53 + 1]
        else:
            with pytest.raises(ValueError, match="the weight 9007199254740993 has more digits than float64 holds"):
                ns.write(layer, path, weights=weights)


def test_graphml_of_igraph_keeps_the_sides_and_defaults_are_heeded(tmp_path):
    layer = ns.Layer.from_edges([0, 1, 1], [1, 0, 2], (2, 3))
    layer.to_igraph().write_graphml(str(tmp_path / "x.graphml"))
    assert ns.read(tmp_path / "x.graphml") == layer
    (tmp_path / "x.graphml").write_text(
        '<graphml><key id="w" for="edge" attr.name="weight" attr.type="double"><default>2.5</default></key><graph edgedefault="undirected">'
        '<node id="a"/><node id="b"/><node id="c"/><edge source="a" target="b"/><edge source="b" target="c"><data key="w">4</data></edge>'
        "</graph></graphml>")
    graph, weights = ns.read(tmp_path / "x.graphml", weights=True)
    assert graph.names == ("a", "b", "c") and weights.tolist() == [2.5, 4]


def test_names_of_layers_come_back_as_text(tmp_path):
    layer = ns.Layer.from_edges([0], [0], (1, 1))
    for form in CARRY_NETWORKS:
        ns.write(ns.Network([layer, layer], names=[1, 2]), tmp_path / f"x.{form}")
        assert ns.read(tmp_path / f"x.{form}").names == ("1", "2")


def test_an_open_binary_file_and_a_long_name_are_fine_and_a_zero_byte_is_not(tmp_path):
    assert ns.read(std_io.BytesIO(b"0 1\n"), format="edges") == ns.Graph.from_edges([0], [1], 2)
    with pytest.raises(ValueError, match="must be opened in binary mode"):
        ns.read(std_io.StringIO("0 1\n"), format="edges")
    path = tmp_path / ("x" * 249 + ".edges")  # 255 bytes, the longest name there is
    ns.write(GRAPH, path)
    with open(path, "rb") as file:
        assert ns.read(file) == GRAPH
    for action in (ns.read, lambda path: ns.write(GRAPH, path)):
        with pytest.raises(ns.FileError, match="null (byte|character)"):
            action("a\0.edges")


def test_standard_input_and_output(monkeypatch, capfdbinary):
    ns.write(GRAPH, "-", format="edges")
    sys.stdout.flush()
    text = capfdbinary.readouterr().out
    monkeypatch.setattr(sys, "stdin", std_io.TextIOWrapper(std_io.BytesIO(text)))
    assert ns.read("-", format="edges") == GRAPH


@pytest.mark.parametrize(("name", "text"), [
    ("x.net", "*\x1b[2J\x07\n"), ("x.net", "*" + "a" * 100_000 + "\n"), ("x.mtx", "%%MatrixMarket matrix \u2028 coordinate\x85real\n"), ("x.mtx", "%%MatrixMarket matrix coo\x00 real general\n"), ("x.edges", "0 1\n0 " + "1" * 4000 + "\n"),
    ("x.csv", "a,\u202eb\na,\u202eb\n"), ("x.csv", f"a,{'b' * 50_000}\na,{'b' * 50_000}\n"), ("x.graphml", f'<?xml version="1.0" encoding="{"x" * 5000}"?><graphml/>'), ("x.gexf", "<\x7f" + "g" * 3000 + "/>"),
])
def test_whatever_a_file_holds_its_error_is_one_line_that_a_terminal_can_show(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ns.FileError) as error:
        ns.read(tmp_path / name)
    message = str(error.value)
    assert message.startswith(f"{tmp_path / name}:") and len(message) <= 1000 and message.isprintable()
    assert str(pickle.loads(pickle.dumps(error.value))) == message


def test_an_error_keeps_the_beginning_and_the_end_of_a_long_text():
    assert str(ns.FileError("a\nb\tc \ud800")) == "a b\\tc \\ud800" and str(ns.FileError()) == ""
    message = str(ns.StudyError("x" * 5000 + " the end"))
    assert len(message) <= 1000 and message.startswith("xxx") and " ... xxx" in message and message.endswith("x the end")


@pytest.mark.parametrize("encoding", ["unicode_escape", "utf-7", "hex", "idna", "cp037", "x" * 40])
def test_xml_in_what_is_no_encoding_of_text_is_refused(tmp_path, encoding):
    (tmp_path / "x.graphml").write_text(f'<?xml version="1.0" encoding="{encoding}"?><graphml><graph edgedefault="undirected"><node id="\\]"/></graph></graphml>')
    with pytest.raises(ns.FileError, match=rf"x.graphml:1: cannot read the encoding '{encoding}'"):
        ns.read(tmp_path / "x.graphml")


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-16", "iso-8859-1", "ISO-8859-15", "windows-1252", "us-ascii"])
def test_xml_in_other_encodings_is_read(tmp_path, encoding):
    name = "e" if encoding == "us-ascii" else "é"
    text = f'<?xml version="1.0" encoding="{encoding}"?><graphml><graph edgedefault="undirected"><node id="{name}"/><node id="b"/><edge source="{name}" target="b"/></graph></graphml>'
    (tmp_path / "x.graphml").write_bytes(text.encode(encoding))
    assert ns.read(tmp_path / "x.graphml").names == (name, "b")


def test_the_shipped_data_is_readable():
    data = Path(__file__).parent.parent / "data"
    for path in data.glob("*.edges"):
        value, _ = ns.read(path, weights=True)
        assert value.n_links > 50
    assert set(FORMATS) == set(EXTENSIONS)
