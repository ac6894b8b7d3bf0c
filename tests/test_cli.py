import csv
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netsnn as ns
from netsnn.cli import main

GRAPH = ns.wiring.erdos_renyi(12, 12, density=0.25, seed=0).to_graph()
LAYER = ns.wiring.erdos_renyi(10, 15, density=0.2, seed=0)


@pytest.fixture
def files(tmp_path):
    ns.write(LAYER, tmp_path / "layer.npz")
    ns.write(ns.Graph.from_edges([0, 1, 2], [1, 2, 3], 4, names=["ann", "bob", "cy d", "eve"]), tmp_path / "named.graphml")
    return tmp_path


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def test_predict_gives_the_best_pairs_as_csv(files, capfdbinary):
    assert main(["predict", str(files / "layer.npz"), "--method", "ch3_l3", "--top", "7", "--seed", "3"]) == 0
    table = rows(capfdbinary.readouterr().out.decode())
    u, v, score = ns.linkpred.best(LAYER, "ch3_l3", 7, seed=3)
    assert table[0] == ["input", "output", "score"]
    assert [(int(a), int(b), float(s)) for a, b, s in table[1:]] == list(zip(u.tolist(), v.tolist(), score.tolist()))


def test_predict_samples_and_writes_names_to_a_file(files):
    out = files / "out.csv"
    assert main(["predict", str(files / "named.graphml"), "-m", "cn", "-k", "2", "--sample", "-o", str(out)]) == 0
    table = rows(out.read_text())
    assert table[0] == ["u", "v", "score"] and {frozenset(r[:2]) for r in table[1:]} == {frozenset(("ann", "cy d")), frozenset(("bob", "eve"))}


def test_predict_passes_options_and_warns_of_a_shortfall(files, capfd):
    assert main(["predict", str(files / "named.graphml"), "-m", "katz", "--option", "beta=0.1", "--option", "length=2", "-k", "9"]) == 0
    out, err = capfd.readouterr()
    assert [float(r[2]) for r in rows(out)[1:]] == pytest.approx([0.01, 0.01])
    assert err == "netsnn: warning: asked for 9 pairs, but only 2 unlinked pairs have a positive score\n"


@pytest.mark.parametrize("command", ["predict {} -m ra", "convert {} - --to edges"])
def test_simplify_takes_a_list_that_names_links_twice(command, files, capfd):
    (files / "both.edges").write_text("0 1\n1 0\n1 2\n2 2\n")
    words = command.format(files / "both.edges").split()
    assert main(words) == 1
    assert "both.edges:4: node 2 is linked to itself (simplify=True or --simplify drops such links)" in capfd.readouterr().err
    assert main([*words, "--simplify"]) == 0
    assert capfd.readouterr().out.splitlines()[1:] in (["0,2,0.5"], ["0 1", "1 2"])


def test_measure_and_plot_simplify_layers(files):
    (files / "twice.edges").write_text("0 1\n0 1\n1 0\n")
    for words in (["measure", "-m", "hubs", "-o", files / "m.csv"], ["plot", "-f", "degrees", "-o", files / "d.png"]):
        words = [*map(str, words), str(files / "twice.edges"), "--kind", "layer"]
        assert main(words) == 1 and not os.path.exists(words[-4])
        assert main([*words, "--simplify"]) == 0 and os.path.exists(words[-4])


def test_predict_shows_a_readable_table_on_a_terminal(files):
    import pty

    master, slave = pty.openpty()
    done = subprocess.run([sys.executable, "-m", "netsnn.cli", "predict", str(files / "named.graphml"), "-m", "cn", "-k", "1"], stdout=slave)
    os.close(slave)
    text = os.read(master, 10000).decode().replace("\r\n", "\n")
    os.close(master)
    assert done.returncode == 0 and text.splitlines()[0].split() == ["rank", "u", "v", "score"] and text.splitlines()[1].startswith("   1  ")


def test_methods_are_listed_with_their_formulas(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict", "--methods"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and all(f"\n  {name} " in text for name in ns.linkpred.METHODS)


@pytest.mark.parametrize("target", ["x.graphml", "x.gexf", "x.edges", "x.mtx", "x.mat", "x.net"])
def test_convert_keeps_the_network(files, target):
    assert main(["convert", str(files / "layer.npz"), str(files / target)]) == 0
    assert main(["convert", str(files / target), str(files / "back.npz")]) == 0
    assert ns.read(files / "back.npz") == LAYER


def test_convert_from_standard_input_to_standard_output(files):
    ns.write(LAYER, files / "layer.edges", weights=np.arange(LAYER.n_links) / 7)
    done = subprocess.run([sys.executable, "-m", "netsnn.cli", "convert", "-", "-", "--from", "edges", "--to", "mtx"],
                          input=(files / "layer.edges").read_bytes(), capture_output=True)
    assert done.returncode == 0 and not done.stderr
    (files / "x.mtx").write_bytes(done.stdout)
    layer, weights = ns.read(files / "x.mtx", weights=True)
    assert layer == LAYER and (weights == np.arange(LAYER.n_links) / 7).all()


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["predict", "missing.npz"], 1, "netsnn: error: missing.npz: No such file or directory"),
    (["predict", "LAYER", "-m", "cn"], 2, "netsnn: error: 'cn' counts common neighbours"),
    (["predict", "LAYER", "-m", "nonsense"], 2, "netsnn: error: no method 'nonsense'; methods: cn"),
    (["predict", "LAYER", "-k", "-3"], 2, "netsnn: error: --top must be at least 0, got -3"),
    (["predict", "LAYER", "--option", "beta"], 2, "netsnn: error: --option must look like beta=0.01, got 'beta'"),
    (["predict", "LAYER", "-m", "katz", "--option", "beta=big"], 2, "netsnn: error: beta must be a number, got 'big'"),
    (["predict", "LAYER", "-m", "cha", "--option", "methods=3"], 2, "netsnn: error: methods must be names of link scores, got 3"),
    (["predict", "LAYER", "-m", "cha", "--option", "spcorr=both"], 2, "netsnn: error: spcorr must be one of spearman, pearson, none, got 'both'"),
    (["predict", "LAYER", "--option", "beta=1"], 2, "netsnn: error: 'ch3_l3' has no option 'beta'"),
    (["predict", "LAYER", "--kind", "graph"], 1, "the file holds a layer, not a graph"),
    (["predict", "LAYER", "-o", "nowhere/x.csv"], 1, "netsnn: error: nowhere/x.csv: No such file or directory"),
    (["predict", "-"], 2, "netsnn: error: standard input and output have no extension"),
    (["convert", "LAYER", "x.xls"], 2, "netsnn: error: x.xls: unknown extension '.xls'"),
    (["convert", "JUNK", "x.npz"], 1, "not well-formed XML"),
])
def test_wrong_commands_end_in_one_line_and_the_right_code(files, capsys, monkeypatch, arguments, code, message):
    monkeypatch.chdir(files)
    (files / "junk.gexf").write_text("junk")
    arguments = [{"LAYER": "layer.npz", "JUNK": "junk.gexf"}.get(x, x) for x in arguments]
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not os.path.exists("x.npz") and not os.path.exists("x.xls")


@pytest.mark.parametrize("arguments", [[], ["predict"], ["convert", "a"], ["nonsense"], ["predict", "x", "--top", "many"]])
def test_a_command_that_cannot_be_parsed_is_code_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_help_explains_each_command(capsys):
    for arguments, words in ((["--help"], ["predict", "convert"]), (["predict", "--help"], ["examples:", "--method", "--sample"]),
                             (["convert", "--help"], ["graphml", "formats:", "examples:"])):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        text = capsys.readouterr().out
        assert stop.value.code == 0 and all(word in text for word in words)


def test_a_closed_pipe_is_no_crash(files):
    command = f"{shlex.quote(sys.executable)} -m netsnn.cli predict {shlex.quote(str(files / 'layer.npz'))} -k 100 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout == "input,output,score\n" and "Traceback" not in done.stderr


def test_kernels_work_where_nothing_can_be_cached(files):
    """A read-only installation without a home: numba finds no folder for its cache."""
    code = "import numba.core.caching as c, netsnn as ns; c.CacheImpl._locator_classes = []\n" \
           f"l = ns.read({str(files / 'layer.npz')!r}); print(len(ns.linkpred.best(l, 'l3', 3).u))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr


@pytest.mark.parametrize(("command", "code", "message"), [
    ("plot RUN -f barcode --layer 7 -o OUT.png", 2, "no layer 7; layers: first, second, output"),
    ("plot RUN -f barcode --layer nono -o OUT.png", 2, "no layer 'nono'; layers: first, second, output"),
    ("plot RUN -f view -o OUT.png", 2, "view is written as .html"),
    ("measure no-such-run", 1, "no-such-run: No such file or directory"),
    ("plot no-such-run -f degrees -o OUT.png", 1, "no-such-run: No such file or directory"),
    ("measure RUN -m ,", 2, "no measure ''"),
])
def test_wrong_sources_layers_and_outputs_get_one_line(command, code, message, tmp_path, capsys):
    root = Path(__file__).parent.parent
    words = [word.replace("RUN", str(root / "data" / "run")).replace("OUT", str(tmp_path / "out")) for word in command.split()]
    assert main(words) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_layers_named_with_numbers_are_found_by_name(tmp_path):
    """As in torch's Sequential, whose linear layers are called 0, 2, ..."""
    path = tmp_path / "net.npz"
    ns.write(ns.Network([ns.Layer.from_edges([0], [0], (4, 2)), ns.Layer.from_edges([0], [0], (2, 3))], ["0", "2"]), path)
    for layer in ("2", "1"):  # its name, and its number
        assert main(["plot", str(path), "-f", "spy", "--layer", layer, "-o", str(tmp_path / f"{layer}.svg")]) == 0
    assert main(["plot", str(path), "-f", "spy", "--layer", "7", "-o", str(tmp_path / "7.svg")]) == 2
