import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
WAYS = re.findall(r"^## ([^\n]+)\n\n```python\n(import .*?)```\n(?:```text\n(.*?)```\n)?", TEXT, re.DOTALL | re.MULTILINE)


def test_the_readme_examples_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(ROOT / "README.md"), module_relative=False).failed == 0


def test_there_is_a_block_for_each_of_the_three_users():
    assert [name.split(":")[0] for name, _, _ in WAYS] == ["In a notebook", "In a script", "For a paper"]
    assert max(TEXT.index(code) for _, code, _ in WAYS) < TEXT.index(">>>")


@pytest.mark.parametrize("name, code, shown", WAYS, ids=[name.split(":")[0] for name, _, _ in WAYS])
def test_a_block_runs_as_it_stands_and_prints_what_is_shown(tmp_path, monkeypatch, name, code, shown):
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    done = subprocess.run([sys.executable, "-"], input=code, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")
    written = re.findall(r'save\(\w+, "(.+?)"\)', code)
    assert all((tmp_path / file).read_bytes().startswith(b"%PDF") for file in written) and bool(written) == ("figures" in name)


def test_the_readme_names_files_that_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT) + re.findall(r"(?<![\w/])data/\w+\.\w+", TEXT):
        assert (ROOT / link).exists(), link
