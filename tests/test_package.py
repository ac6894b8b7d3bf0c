"""What is installed: versions that agree, all files, no warning, and no need of torch where nothing is trained."""

import configparser
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

import netsnn as ns

ROOT = Path(__file__).parent.parent
PACKAGE = Path(ns.__file__).parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)


def test_the_version_is_one_everywhere():
    assert re.fullmatch(r"\d+\.\d+\.\d+", ns.__version__)
    assert re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1] == ns.__version__
    newest = re.search(r"^## \[(.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert newest.startswith((f"Unreleased]: {ns.__version__}", f"{ns.__version__}] - 20"))
    assert SETUP["metadata"]["version"] == "attr: netsnn.__version__"
    assert python("-m", "netsnn.cli", "--version").stdout == f"netsnn {ns.__version__}\n"


def test_all_files_of_the_package_are_installed_with_it():
    patterns = SETUP["options.package_data"]["netsnn"].split(", ")
    files = [str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts]
    assert "snn/data/digits.npz" in files and [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)] == []
    assert "CC BY-SA 3.0" in (PACKAGE / "snn/data/digits.txt").read_text()


@pytest.mark.parametrize("flags", [["-I", "-W", "error"], ["-OO", "-P"]], ids=" ".join)
def test_the_import_is_silent_however_python_was_started(flags, tmp_path):
    done = python(*flags, "-c", "import netsnn as ns; print(ns.Layer.from_edges([0], [1], (1, 2)).n_links, ns.linkpred.__name__)", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("1 netsnn.linkpred\n", "")


WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch())
from netsnn.cli import main
"""


def test_whatever_trains_nothing_needs_no_torch(tmp_path):
    (tmp_path / "my graph.edges").write_text("0 1\n1 2\n2 3\n3 0\n3 4\n")
    (tmp_path / "study.toml").write_text('networks = ["my graph.edges"]\nmethods = ["l3"]\nfraction = 0.2\nrepeats = 2\n')
    layers = [ns.wiring.uniform(9, 7, density=0.3, seed=seed) for seed in (0, 1)]
    ns.write(layers[0], tmp_path / "layer.npz")
    for step, layer in enumerate(layers):
        ns.History(tmp_path / "run").record([layer], step=step)
    commands = ["predict --methods", "predict,my graph.edges,-m,ra", "predict layer.npz -m ch3_l3 -k 2", "convert,my graph.edges,my graph.graphml", "study study.toml", "measure layer.npz",
                "measure run -m degrees", "plot layer.npz -f degrees -o degrees.pdf", "plot run -f evolution -o evolution.svg", "report run -o report.html"]
    code = "".join(f"assert main({re.split('[, ]' if ',' not in command else ',', command)!r}) == 0, {command!r}\n" for command in commands)
    done = python("-W", "error", "-c", WITHOUT_TORCH + code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_without_torch_training_says_so_in_a_line(tmp_path):
    done = python("-c", WITHOUT_TORCH + "sys.exit(main(['train', '--out', 'run']))", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "netsnn: error: this needs torch, which is not installed: pip install torch\n")
    done = python("-c", WITHOUT_TORCH + "import netsnn as ns\nns.sparsify", cwd=tmp_path)
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError") and not list(tmp_path.iterdir())
