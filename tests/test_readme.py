import doctest
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_readme_examples_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(ROOT / "README.md"), module_relative=False).failed == 0


def test_the_readme_names_files_that_exist():
    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r"(?<![\w/])data/\w+\.\w+", text):
        assert (ROOT / link).exists(), link
