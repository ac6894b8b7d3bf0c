"""The documentation: every public name is explained, the guide's examples run, the pages build without a warning, no link is broken."""

import doctest
import importlib
import inspect
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.rst"))
PACKAGES = ("netsnn", "netsnn.io", "netsnn.wiring", "netsnn.linkpred", "netsnn.measures", "netsnn.evolve", "netsnn.bridge", "netsnn.snn", "netsnn.snn.data",
            "netsnn.snn.encodings", "netsnn.history", "netsnn.plot")
LINKS = runpy.run_path(str(ROOT / "docs" / "links.py"))

# what the names of parameters say by themselves, in every function
PLAIN = {"layer", "layers", "graph", "network", "model", "history", "weights", "values", "seed", "ax", "path", "folder", "value", "config", "x", "steps", "density", "sparsity",
         "links", "a", "b", "changes", "options", "before", "after", "module", "text", "gradient", "shape", "image", "out", "draws", "inputs"}
# what functions return, and exceptions: the functions show them
RESULTS = {"Percolation", "FileError", "NetsnnError", "ShortfallWarning", "StudyError", "TrainingError", "Format", "Best", "Comparison", "Method", "NodeEvaluation", "Result", "Split",
           "DeepGraphPersistence", "NeuralPersistence", "PermutationNull", "AgainstNull", "Alternative", "Communities", "Distances", "Latapy", "PowerLaw", "RichClub", "SmallWorld",
           "Spectrum", "Event", "State", "Choice", "Energy", "Run", "Events", "Frames", "Recordings", "Snapshot", "Spells", "View", "Evaluation",
           "DPAP", "PQ", "SDSNN", "STDS", "DeepR", "GradR"}
# of no paper: plain counts, conversions, and what is our own
OWN = {"read", "write", "write_text", "read_split", "read_study", "components", "degrees", "network_degrees", "hubs", "overlap", "retained",
       "against_null", "summary", "network_summary", "magnitude", "choose", "grow", "rewire", "start", "static", "dense",
       "choose_compute", "compute_dense", "compute_on_links", "on_links", "density", "from_graph", "to_graph", "sparse_layers", "sparsify", "open_run", "read_config",
       "write_config", "train", "load", "bin_events", "rate", "ages", "alluvial", "barcode", "compare", "evolution", "layer", "persistence", "receptive_field", "report", "save",
       "spy", "style", "view"}


def public():
    """(package, name, value) of every public function and class, each once."""
    seen = set()
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            value = getattr(module, name)
            if callable(value) and not isinstance(value, types.ModuleType) and id(value) not in seen:
                seen.add(id(value))
                yield package, name, value


EVERY = list(public())


def sections(text: str) -> dict[str, str]:
    """The sections of a NumPy docstring by name; what stands before the first is ""."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(text), flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2]))


@pytest.mark.parametrize("package, name, value", EVERY, ids=[f"{package}.{name}" for package, name, _ in EVERY])
def test_every_public_function_is_documented(package, name, value):
    text = inspect.getdoc(value) or ""
    parts = sections(text)
    assert text and text[0] != " " and parts[""].strip(), "a summary"
    assert len(parts[""].split("\n\n")[0].split("\n")) <= 2, "the summary is one sentence"
    if name not in RESULTS:
        assert ">>>" in text, "an example"
    if inspect.isfunction(value):
        assert name in OWN or "References" in parts, "its paper, or a place in OWN"
        parameters = {p.name for p in inspect.signature(value).parameters.values()}
        unknown = [p for p in parameters - PLAIN if not re.search(rf"\b{p}\b", text.split(">>>")[0])]
        assert not unknown, f"what {', '.join(unknown)} are"
        heads = [line.partition(" : ")[0] for line in parts.get("Parameters", "").split("\n") if line and line[0] != " "]
        named = {p.strip().lstrip("*") for head in heads for p in re.split(r",| or ", head)}
        assert named <= parameters | {"float"}, f"no parameters: {named - parameters}"


@pytest.mark.parametrize("package, name, value", [x for x in EVERY if inspect.isclass(x[2])], ids=lambda x: x if isinstance(x, str) else None)
def test_every_public_method_says_what_it_does(package, name, value):
    methods = {key: member.__func__ if isinstance(member, (classmethod, staticmethod)) else member for key, member in vars(value).items() if not key.startswith("_")}
    silent = [key for key, member in methods.items()
              if (inspect.isfunction(member) or isinstance(member, property) or hasattr(member, "func")) and not inspect.getdoc(member)]
    assert not silent


@pytest.mark.parametrize("path", [ROOT / "docs" / "index.rst", *GUIDE], ids=lambda path: path.stem)
def test_the_examples_of_the_guide_run(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = doctest.testfile(str(path), module_relative=False)
    assert found.attempted and not found.failed


def test_no_link_between_files_is_broken():
    assert LINKS["broken"](ROOT) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.md").write_text("# One\n[b](b.md) [c](c.md#two) [here](#one) [gone](#gone) `[code](no.md)`\n")
    (tmp_path / "c.md").write_text("## Two\n")
    assert LINKS["broken"](tmp_path) == ["a.md: b.md", "a.md: #gone"]


def test_the_page_of_errors_shows_errors_alone():
    pytest.importorskip("sphinx")
    errors = importlib.import_module("netsnn.errors")
    shown = runpy.run_path(str(ROOT / "docs" / "reference.py"))["public"]("netsnn.errors")
    assert shown and all(issubclass(getattr(errors, name), Exception) for name in shown)


def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    built = subprocess.run([sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(tmp_path / "html")],
                           capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert LINKS["broken_pages"](tmp_path / "html") == []
