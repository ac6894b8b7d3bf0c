"""No slips: what mypy (strict but for what setup.cfg says), ruff and codespell find."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "netsnn" / "__init__.py").exists(), reason="of a checkout, not of what is installed")


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Runs mypy with the settings of the project; both tests share what it keeps."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "setup.cfg", "--cache-dir", tmp_path_factory.mktemp("mypy")]
    return lambda *files: subprocess.run([*command, *files], cwd=ROOT, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True)


def test_mypy_finds_nothing(mypy):
    found = mypy()
    assert found.returncode == 0, found.stdout + found.stderr
    assert "no issues found in" in found.stdout


def test_mypy_finds_a_wrong_argument(mypy, tmp_path):
    """So that a setting which turns it off, or a package without types, does not pass."""
    (tmp_path / "user.py").write_text("import netsnn as ns\n\nlayer = ns.Layer.from_edges([0], [1], shape=(2, 3))\nns.wiring.uniform('many', 3, links=2)\nreveal_type(layer)\n")
    found = mypy(tmp_path / "user.py").stdout
    assert 'Argument 1 to "uniform" has incompatible type "str"; expected "int"' in found
    assert 'Revealed type is "netsnn.graph.Layer"' in found


@pytest.mark.parametrize("command", ["ruff check --no-cache .", "codespell"])
def test_linters_find_nothing(command):
    name, *words = command.split()
    program = shutil.which(name, path=Path(sys.executable).parent)
    if program is None:
        pytest.skip(f"{name} is not installed")
    found = subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
