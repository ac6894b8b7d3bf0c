"""Figures: each is drawn, shows what it says, and leaves the user's settings alone."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import netsnn as ns
from netsnn import measures, plot

matplotlib.use("Agg")
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def run():
    return ns.History(ROOT / "data" / "run")


@pytest.fixture(scope="module")
def muscles():
    return ns.read(ROOT / "data" / "celegans_neuromuscular.edges")


def figures(run, muscles):
    last = run[-1]
    found = measures.neural_persistence(list(zip(last.layers, last.weights)))
    return {
        "layer": lambda ax=None: plot.layer(muscles, ax=ax), "spy": lambda ax=None: plot.spy(muscles, order="degree", ax=ax),
        "degrees": lambda ax=None: plot.degrees(muscles, ax=ax), "hubs": lambda ax=None: plot.hubs(last.network(), ax=ax),
        "receptive_field": lambda ax=None: plot.receptive_field(last.layers[0], ax=ax), "evolution": lambda ax=None: plot.evolution(run, ax=ax),
        "alluvial": lambda ax=None: plot.alluvial(run, ax=ax), "ages": lambda ax=None: plot.ages(run, ax=ax),
        "compare": lambda ax=None: plot.compare({"a": run, "b": run}, ax=ax), "persistence": lambda ax=None: plot.persistence(found, ax=ax),
        "barcode": lambda ax=None: plot.barcode(found, ax=ax),
    }


NAMES = ["layer", "spy", "degrees", "hubs", "receptive_field", "evolution", "alluvial", "ages", "compare", "persistence", "barcode"]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_takes_an_axes_and_gives_it_back_and_is_saved_in_every_format(name, run, muscles, tmp_path):
    before = dict(matplotlib.rcParams)
    draw = figures(run, muscles)[name]
    _, ax = plt.subplots()
    assert draw(ax) is ax
    own = draw()
    for ending in ("png", "pdf", "svg"):
        plot.save(own, tmp_path / f"x.{ending}")
        assert (tmp_path / f"x.{ending}").stat().st_size > 1000
    assert dict(matplotlib.rcParams) == before
    text = (tmp_path / "x.svg").read_text()
    assert "<text" in text or name == "barcode"  # text stays text
    assert own.figure.get_figwidth() <= 7.3  # no wider than a page


@pytest.mark.parametrize("name", ["layer", "degrees"])
def test_a_figure_drawn_again_gives_the_same_bytes(name, run, muscles, tmp_path, monkeypatch):
    for time in ("0", "1000000000"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", time)
        for ending in ("png", "pdf", "svg"):
            plot.save(figures(run, muscles)[name](), tmp_path / f"{time}.{ending}")
            assert (tmp_path / f"{time}.{ending}").read_bytes() == (tmp_path / f"0.{ending}").read_bytes()


def test_the_layer_drawing_shows_every_linked_neuron_and_link(muscles):
    ax = plot.layer(muscles)
    marks = [len(c.get_offsets()) for c in ax.collections if type(c).__name__ == "PathCollection"]
    lines = sum(len(c.get_paths()) for c in ax.collections if type(c).__name__ == "LineCollection")
    assert marks == [np.count_nonzero(muscles.out_degrees), np.count_nonzero(muscles.in_degrees)] and lines == muscles.n_links


@pytest.mark.parametrize("order", list(plot.ORDERS))
def test_every_order_places_each_neuron_once(order, muscles):
    from netsnn.plot.layers import _places

    for places, n in zip(_places(muscles, order), muscles.shape):
        assert sorted(places.tolist()) == list(range(n))


def test_barycentres_shorten_links(muscles):
    from netsnn.plot.layers import _places

    def length(order):
        rows, cols = _places(muscles, order)
        row, col = muscles.links
        return np.abs(rows[row] / muscles.n_in - cols[col] / muscles.n_out).mean()

    shuffled = muscles.with_links(np.random.default_rng(0).permutation(162)[muscles.links[0]], muscles.links[1])
    rows, cols = _places(shuffled, "barycentre")
    row, col = shuffled.links
    assert np.abs(rows[row] / 162 - cols[col] / 95).mean() < 0.6 * np.abs(row / 162 - col / 95).mean() and length("barycentre") < 0.2


def test_the_degree_figure_shows_the_share_of_at_least_each_degree(muscles):
    ax = plot.degrees(muscles, fit=False)
    x, y = ax.lines[0].get_data()
    d = muscles.out_degrees
    assert [pytest.approx((d >= k).mean()) for k in x] == y.tolist()


def test_the_receptive_field_adds_up_the_links(run):
    layer = run[-1].layers[0]
    image = plot.receptive_field(layer).images[0].get_array()
    assert (image.reshape(-1) == layer.out_degrees).all()
    one = plot.receptive_field(layer, (28, 28), output=100, weights=run[-1].weights[0]).images[0].get_array()
    np.testing.assert_allclose(one.reshape(-1), layer.to_dense(run[-1].weights[0])[:, 100])
    with pytest.raises(ValueError, match="an image of 20 x 20 has 400 pixels, the layer 784 inputs"):
        plot.receptive_field(layer, (20, 20))
    with pytest.raises(ValueError, match=r"162 inputs are no square: give image=\(height, width\)"):
        plot.receptive_field(ns.Layer.from_edges([0], [0], (162, 1)))


def test_link_ages_add_up_to_all_links(run):
    ax = plot.ages(run)
    assert sum(bar.get_height() for bar in ax.patches) == run[-1].layers[0].n_links


def test_the_hub_map_marks_the_hubs(run):
    network = run[-1].network()
    ax = plot.hubs(network, rule="count", value=50)
    marked = sum(len(c.get_offsets()) for c in ax.collections[1::2])
    assert marked == sum((d >= 50).sum() for d in measures.network_degrees(network))


@pytest.mark.parametrize("layer", [ns.Layer.from_edges([], [], (5, 4)), ns.Layer.from_edges([0], [0], (1, 1)), ns.Layer.from_dense(np.ones((4, 4), dtype=bool))])
def test_small_and_empty_layers_are_drawn_too(layer):
    for order in plot.ORDERS:
        plot.layer(layer, order=order)
        plot.spy(layer, order=order)
        plt.close("all")
    plot.degrees(layer)
    plot.hubs(layer)
    plot.view(layer)


def test_a_history_without_weights_or_accuracy_is_drawn_and_an_empty_one_is_named(tmp_path):
    history = ns.History(tmp_path / "h")
    with pytest.raises(ValueError, match="the history is empty"):
        plot.evolution(history)
    with pytest.raises(ValueError, match="the history is empty"):
        plot.report(history, tmp_path / "r.html")
    rng = np.random.default_rng(0)
    for step in range(3):
        history.record([ns.Layer.from_dense(rng.random((12, 9)) < 0.3), ns.Layer.from_dense(rng.random((7, 5)) < 0.3)], step=step)  # no chain
    plot.evolution(history)
    plot.report(history, tmp_path / "r.html")
    assert "Persistence" not in (tmp_path / "r.html").read_text()
    with pytest.raises(ValueError, match="no curve 'acuracy'; curves: accuracy, turnover"):
        plot.evolution(history, curves=["acuracy"])
    with pytest.raises(ValueError, match="an alluvial diagram needs two snapshots, got 1"):
        plot.alluvial(history, snapshots=[0])


def test_styles_hold_from_the_call_on_or_for_a_block():
    size = matplotlib.rcParams["font.size"]
    with plot.style("paper-wide"):
        assert matplotlib.rcParams["font.size"] == 8 and matplotlib.rcParams["figure.figsize"][0] == 7.2
    assert matplotlib.rcParams["font.size"] == size
    kept = plot.style("talk")
    assert matplotlib.rcParams["font.size"] == 14
    with kept:
        pass
    assert matplotlib.rcParams["font.size"] == size
    with pytest.raises(ValueError, match="no style 'poster'; styles: paper, paper-wide, talk"):
        plot.style("poster")


# ---- pages -----------------------------------------------------------------------------------------------

class Page(HTMLParser):
    """Tags that are open, and every id and address."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.wrong = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ("meta", "input", "br", "link"):
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.addresses += [attributes[key] for key in ("href", "src", "xlink:href") if key in attributes]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_a_report_is_one_whole_page_that_loads_nothing(run, tmp_path):
    path = plot.report(run, tmp_path / "report.html", title="A <run> & more")
    text = path.read_text()
    page = Page(text)
    assert not page.open and not page.wrong and len(page.ids) == len(set(page.ids))
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)
    assert not re.search(r"https?://(?!www\.w3\.org)", text) and "<title>A &lt;run&gt; &amp; more</title>" in text
    assert text.count("<figure") == text.count("<svg") == 16 and "prefers-color-scheme: dark" in text
    assert "#000000" not in text and len(text) < 6e6
    assert f"{run.scalars['accuracy'][-1]:.4g}" in text


def test_a_view_carries_its_data_safely(muscles, tmp_path):
    evil = ns.Layer.from_edges([0], [0], (1, 1), input_names=["</script><script>alert(1)</script>"])
    text = plot.view(evil).page
    assert text.count("</script>") == 1 and "\\u003c/script>" in text
    view = plot.view(muscles)
    assert view._repr_html_().startswith("<iframe srcdoc=") and view.save(tmp_path / "v.html").read_text() == view.page
    with pytest.raises(ValueError, match="view shows a Layer or a Network, got Graph"):
        plot.view(ns.Graph.from_edges([0], [1], 2))
    many = ns.Layer.from_dense(np.ones((300, 300), dtype=bool))
    assert '"left_out":45000' in plot.view(many).page


# ---- commands ----------------------------------------------------------------------------------------------

def command(*arguments):
    return subprocess.run([sys.executable, "-m", "netsnn.cli", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)


def test_measure_gives_one_row_a_layer_or_snapshot(tmp_path):
    import json

    done = command("measure", "data/celegans_neuromuscular.edges", "-o", "json", "--measures", "degrees,modularity")
    row = json.loads(done.stdout)
    assert done.returncode == 0 and row["links"] == 956 and 0.4 < row["modularity"] < 0.8 and "nodf" not in row
    rows = command("measure", "data/run", "--measures", "degrees").stdout.splitlines()
    assert rows[0].startswith("snapshot,step,layer,n_in") and len(rows) == 1 + 13 * 3 and rows[1].startswith("0,0,first,784.0,300.0,7056.0")
    text = command("measure", "data/davis_southern_women.edges", "-o", "text", "-m", "clustering", "--nulls", "5").stdout
    assert [line.split()[0] for line in text.splitlines()] == [
        "clustering", "clustering_inputs", "clustering_outputs", "clustering_z", "clustering_inputs_z", "clustering_outputs_z"]
    assert command("measure", "data/run", "--measures", "degrees", "-o", tmp_path / "rows.CSV").stdout == ""
    assert (tmp_path / "rows.CSV").read_text().splitlines() == rows


def test_every_group_of_measures_is_explained_in_the_list():
    lines = command("measure", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(ns.measures.MEASURES)
    assert all(len(line.split()) > 3 and "None" not in line for line in lines)


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["measure", "data/karate.edges"], 2, "holds an undirected graph"),
    (["measure", "data/run", "-m", "degree"], 2, "no measure 'degree'; measures: degrees, hubs"),
    (["measure", "data"], 1, "data: no recorded run in this folder"),
    (["measure", "nothing.edges"], 1, "nothing.edges: No such file or directory"),
    (["measure", "data/run", "--nulls", "1"], 2, "--nulls must be 0 or at least 2"),
    (["measure", "data/run", "-o", "x.xlsx"], 2, "x.xlsx: the ending must be .txt, .csv, .json; text, csv, json alone go to standard output"),
    (["plot", "data/run", "-f", "degrees", "--layer", "third", "-o", "x.png"], 2, "third"),
    (["plot", "data/run", "-f", "degrees", "--snapshot", "50", "-o", "x.png"], 2, "--snapshot must lie in -13 .. 12, got 50"),
    (["plot", "data/celegans_neuromuscular.edges", "-f", "evolution", "-o", "x.png"], 2, "evolution is a figure of a recorded run"),
    (["plot", "data/celegans_neuromuscular.edges", "-f", "layer", "-o", "x.xyz"], 2, "x.xyz: Format 'xyz' is not supported"),
    (["plot", "data/celegans_neuromuscular.edges", "-f", "receptive-field", "--image", "9by9", "-o", "x.png"], 2, "--image must look like 28x28, got '9by9'"),
    (["report", "data"], 1, "data: no recorded run in this folder"),
])
def test_a_wrong_command_is_one_clear_line(arguments, code, message):
    failed = command(*arguments)
    assert failed.returncode == code and message in failed.stderr and failed.stderr.count("\n") == 1
    assert not list(ROOT.glob("x.*"))


def test_plot_and_report_write_the_files_they_are_asked_for(tmp_path):
    for figure, source, name in (("hubs", "data/run", "hubs.pdf"), ("layer", "data/celegans_neuromuscular.edges", "layer.svg"),
                                 ("persistence", "data/run", "p.png"), ("view", "data/run", "view.html")):
        done = command("plot", source, "--figure", figure, "-o", tmp_path / name)
        assert done.returncode == 0 and (tmp_path / name).stat().st_size > 2000, done.stderr
    done = command("report", "data/run", "-o", tmp_path / "r.html")
    assert done.stdout.strip() == str(tmp_path / "r.html") and "<h1>run</h1>" in (tmp_path / "r.html").read_text()


def recorded(folder, steps=3, **more):
    history = ns.History(folder)
    for t in range(steps):
        layers = [ns.wiring.erdos_renyi(16, 9, density=0.3, seed=t), ns.wiring.erdos_renyi(9, 5, density=0.3, seed=t)]
        history.record(layers, step=10 * t, weights=[np.full(layer.n_links, more.get("weight", 1.0)) for layer in layers])
    return history


def test_a_dead_or_diverged_run_has_a_report(tmp_path):
    dead = ns.History(tmp_path / "dead")
    for t in range(2):
        dead.record(ns.Network([ns.Layer.from_edges([], [], (6, 5)), ns.Layer.from_edges([], [], (5, 4))]), step=t)
    assert "-∞" in plot.report(dead, tmp_path / "dead.html").read_text()  # log10 of no path
    assert "Persistence" not in plot.report(recorded(tmp_path / "nan", weight=np.nan), tmp_path / "nan.html").read_text()


def test_layers_of_fitting_sizes_but_other_neurons_are_no_chain(tmp_path):
    history = ns.History(tmp_path / "run")
    layers = [ns.Layer.from_edges([0, 1], [0, 1], (2, 2), output_names=("a", "b")), ns.Layer.from_edges([0, 1], [0, 1], (2, 2), input_names=("c", "d"))]
    for t in range(2):
        history.record(layers, step=t)
    plot.evolution(history)
    assert "whole network" not in plot.report(history, tmp_path / "report.html").read_text()


def test_compare_says_which_curve_or_layer_there_is_not(tmp_path):
    history = recorded(tmp_path / "run")
    for more, message in (({"curves": ["accuracy"]}, "no accuracy was recorded"), ({"curves": ["modularty"]}, "no curve 'modularty'"),
                          ({"curves": []}, "at least one curve"), ({"layer": 9}, "no layer 9")):
        with pytest.raises(ValueError, match=message):
            plot.compare({"run": history}, **more)
    for histories in ([history], {}):
        with pytest.raises(ValueError, match="needs a dict"):
            plot.compare(histories)
    with pytest.raises(ValueError, match="run: the history is empty"):
        plot.compare({"run": ns.History(tmp_path / "none")})
    with pytest.raises(ValueError, match="at least one curve"):
        plot.evolution(history, curves=[])


def test_every_layer_of_many_with_long_or_odd_names_is_in_the_legend(tmp_path):
    names = ["_first", "cost$", *(f"blocks.{i}.attention.projection.weight_matrix" for i in range(10))]
    history = ns.History(tmp_path / "run")
    for t in range(2):
        history.record({name: ns.wiring.erdos_renyi(9, 9, density=0.3, seed=t) for name in names}, step=t)
    ax = plot.evolution(history)
    ax.figure.canvas.draw()
    assert len(ax.get_legend().get_texts()) == 12 and len({line.get_color() for line in ax.child_axes[0].lines}) == 12
    box, page = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0
    assert all(panel.get_window_extent().height > 60 for panel in ax.child_axes)


def test_figures_of_the_wrong_thing_say_so():
    layer = ns.wiring.erdos_renyi(16, 9, density=0.3, seed=0)
    for draw in (plot.layer, plot.spy, plot.degrees, plot.receptive_field):
        with pytest.raises(ValueError, match="needs a Layer, got Network"):
            draw(ns.Network([layer]))
    with pytest.raises(ValueError, match="needs a Network or Layer, got Graph"):
        plot.hubs(layer.to_graph())
    with pytest.raises(ValueError, match=r"one number a link \(43\), got shape \(2,\)"):
        plot.receptive_field(layer, output=0, weights=[1, 2])
    with pytest.raises(ValueError, match="image must be"):
        plot.receptive_field(layer, (16,))
    with pytest.raises(ValueError, match=r"layer must lie in 0 \.\. 0, got 9"):
        plot.barcode(ns.measures.neural_persistence([np.ones((3, 3))]), layer=9)


@pytest.mark.parametrize("wrong", ["data/run", None, [1]])
def test_figures_of_runs_and_of_persistence_say_what_they_need(wrong, tmp_path):
    for draw in (plot.evolution, plot.ages, plot.alluvial, lambda x: plot.report(x, tmp_path / "r.html"), lambda x: plot.compare({"a": x})):
        with pytest.raises(ValueError, match=rf"plot\.\w+ needs a History, got {type(wrong).__name__}"):
            draw(wrong)
    for draw in (plot.barcode, plot.persistence):
        with pytest.raises(ValueError, match=rf"plot\.\w+ needs a NeuralPersistence, got {type(wrong).__name__}"):
            draw(wrong)


@pytest.mark.parametrize(("draw", "message"), [
    (lambda run: plot.receptive_field(run[-1].layers[0], 4), r"image must be \(height, width\) or .*, got 4"),
    (lambda run: plot.receptive_field(run[-1].layers[0], (28.0, 28)), "a size of the image must be a whole number of at least 1, got 28.0"),
    *((lambda run, value=value: plot.receptive_field(run[-1].layers[0], output=value), f"output must be a whole number of at least 0, got {value!r}") for value in ("a", 0.5, True)),
    (lambda run: plot.receptive_field(run[-1].layers[0], output=300), r"output must lie in 0 \.\. 299, got 300"),
    (lambda run: plot.barcode(measures.neural_persistence([np.ones((3, 3))]), layer="first"), "layer must be a whole number of at least -1, got 'first'"),
    (lambda run: plot.barcode(measures.neural_persistence([np.ones((3, 3))]), most="a"), "most must be a whole number of at least 1, got 'a'"),
    (lambda run: plot.alluvial(run, snapshots=3), "snapshots must be a list of whole numbers, got 3"),
    (lambda run: plot.alluvial(run, snapshots=[0, 99]), r"a snapshot must lie in -13 \.\. 12, got 99"),
    (lambda run: plot.alluvial(run, snapshots=[0, 1.0]), "a snapshot must be a whole number of at least -13, got 1.0"),
])
def test_wrong_arguments_of_figures_are_named(draw, message, run):
    with pytest.raises(ValueError, match=message):
        draw(run)


def test_an_accuracy_of_every_other_snapshot_is_a_line(tmp_path):
    history = ns.History(tmp_path / "run")
    for t in range(6):
        history.record([ns.wiring.erdos_renyi(9, 5, density=0.3, seed=t)], step=t, scalars={"accuracy": np.nan if t % 2 else t / 10})
    for ax in (plot.evolution(history, curves="accuracy"), plot.compare({"a": history}, curves="accuracy")):
        (panel,) = ax.child_axes
        (line,) = panel.lines
        assert line.get_xdata().tolist() == [0, 2, 4] and line.get_ydata().tolist() == [0, 0.2, 0.4] and line.get_marker() == "o"


def test_a_field_counts_links_of_weight_zero_and_draws_what_is_finite():
    layer = ns.Layer.from_edges([0, 1, 2], [0, 0, 0], (4, 1))
    ax = plot.receptive_field(layer, output=0, weights=[0.0, np.nan, -2.0])
    assert ax.get_xlabel() == "output 0: 3 inputs" and ax.images[0].get_clim() == (-2, 2)


@pytest.mark.parametrize("matrix", [np.ones((12, 15)), np.kron(np.eye(10), np.ones((10, 5))), np.ones((1, 1)), np.zeros((3, 3))])
def test_degree_axes_of_regular_layers_have_labels_that_keep_apart(matrix):
    ax = plot.degrees(ns.Layer.from_dense(matrix.astype(bool)))
    ax.figure.canvas.draw()
    labels = [text.get_window_extent() for ticks in (ax.get_xticklabels(), ax.get_xticklabels(minor=True)) for text in ticks if text.get_text()
              and ax.get_xlim()[0] <= text.get_position()[0] <= ax.get_xlim()[1]]
    labels.sort(key=lambda box: box.x0)
    assert len(labels) >= 2 and all(a.x1 < b.x0 for a, b in zip(labels, labels[1:]))
