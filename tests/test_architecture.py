"""Imports go one way only: a newcomer can trust the picture in the README."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import netsnn

PACKAGE = Path(netsnn.__file__).parent
RANKS = [{"errors", "hints", "threads", "kernels"}, {"graph"}, {"network"}, {"io"}, {"style"}, {"wiring", "linkpred"}, {"measures"}, {"evolve", "history"},
         {"plot", "bridge"}, {"snn"}, {"cli"}]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def violations(package: Path) -> list[str]:
    """Imports of `package` that do not go downwards, and modules without a place in the order."""
    found = []
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).with_suffix("").parts
        if place == ("__init__",):
            continue
        if place[0] not in RANK:
            found.append(f"{place[0]} has no place in the order")
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    found.append(f"{path.name}:{node.lineno} imports relatively")
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                lazy = [alias.name for alias in node.names if alias.name not in {*RANK, "__version__"}] if node.module == package.name else []
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
                lazy = [name for name in names if name == package.name]
            else:
                continue
            # netsnn.Layer and the like load their module lazily, from anywhere below the top
            if RANK[place[0]] < len(RANKS) - 1:
                found += [f"{'.'.join(place)}:{node.lineno} takes {name} from the package itself" for name in lazy]
            for name in names:
                parts = name.split(".")
                if parts[0] == package.name and len(parts) > 1 and parts[1] in RANK and parts[1] != place[0] \
                        and RANK[parts[1]] >= RANK[place[0]]:
                    found.append(f"{'.'.join(place)}:{node.lineno} imports {name}")
    return found


def test_imports_go_downwards_only():
    assert (PACKAGE / "graph.py").exists()
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(("module", "code", "message"), [
    ("graph", "import netsnn.linkpred", "graph:1 imports netsnn.linkpred"),
    ("wiring/random", "def f():\n    from netsnn.linkpred import best", "wiring.random:2 imports netsnn.linkpred.best"),
    ("kernels/walks", "from netsnn import graph", "kernels.walks:1 imports netsnn.graph"),
    ("wiring/random", "import netsnn.snn.models as models", "wiring.random:1 imports netsnn.snn.models"),
    ("io/npz", "try:\n    pass\nfinally:\n    class A:\n        from netsnn.cli import main", "io.npz:5 imports netsnn.cli.main"),
    ("graph", "from netsnn import Network", "graph:1 takes Network from the package itself"),
    ("kernels/walks", "import netsnn as ns", "kernels.walks:1 takes netsnn from the package itself"),
    ("misc", "", "misc has no place in the order"),
    ("misc/__init__", "", "misc has no place in the order"),
    ("graph", "from .network import Network", "graph.py:1 imports relatively"),
])
def test_a_planted_violation_is_found(tmp_path, module, code, message):
    path = tmp_path / "netsnn" / f"{module}.py"
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert message in violations(tmp_path / "netsnn")


@pytest.mark.parametrize(("module", "code"), [
    ("network", "from netsnn.graph import Layer"), ("io/npz", "from netsnn.network import Network"), ("io/npz", "from netsnn import __version__"),
    ("io/npz", "from netsnn.io.record import Record"), ("cli/convert", "import netsnn, netsnn.snn, netsnn.io, numpy"), ("graph", "import scipy.io"),
])
def test_an_import_that_goes_down_is_no_violation(tmp_path, module, code):
    path = tmp_path / "netsnn" / f"{module}.py"
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert violations(tmp_path / "netsnn") == []


@pytest.mark.parametrize("code", ["import netsnn", "import netsnn; netsnn.linkpred.METHODS; netsnn.wiring; netsnn.Layer; netsnn.read",
                                  "import netsnn.cli"])
def test_importing_is_free_of_heavy_packages(code):
    check = f"{code}\nimport sys\nprint([m for m in ('torch', 'matplotlib', 'numba', 'igraph', 'networkx') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_kernels_use_nothing_but_numpy_and_numba():
    for path in (PACKAGE / "kernels").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert all(name.split(".")[0] in ("numpy", "numba") or name.startswith("netsnn.kernels") for name in names)
