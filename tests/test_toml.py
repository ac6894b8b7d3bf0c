import tracemalloc

import pytest

from netsnn.errors import FileError
from netsnn.io.toml import parse_toml, read_toml


def test_what_python_reads_is_read(tmp_path):
    (tmp_path / "a.toml").write_text('networks = ["a.edges", "b.edges"]\n[method."l3.5"]\nname = \'l3\'\nx.y . z = [[1], {a = 2}]\n')
    assert read_toml(tmp_path / "a.toml") == {"networks": ["a.edges", "b.edges"], "method": {"l3.5": {"name": "l3", "x": {"y": {"z": [[1], {"a": 2}]}}}}}
    assert parse_toml("x = [" + ", ".join(["0.1", '"a.b"'] * 1000) + "]", "x")["x"][-1] == "a.b"
    assert parse_toml("", "x") == parse_toml("# nothing", "x") == {}


@pytest.mark.parametrize("text", ["a." * 30_000 + "a = 1", "[" + "a." * 30_000 + "a]", '"a" . \'a\'.' * 15_000 + "a = 1", "x = {" + "a." * 30_000 + "a = 1}", "x = " + "[" * 40 + "]" * 40,
                                  "x = " + "{a = " * 40 + "1" + "}" * 40, "[a.b.c.d.e.f.g.h]\nx.x.x.x.x.x.x.x.x.x.x.x.x = 1"])
def test_what_is_nested_without_end_is_refused_and_takes_no_memory(text):
    tracemalloc.start()
    with pytest.raises(FileError, match="^some: nested more than 20 deep$"):
        parse_toml(text, "some")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_errors_name_the_file_and_the_place(tmp_path):
    for content, says in ((b"x = [1,", "no TOML: "), (b"x = \xff", "no TOML: 'utf-8' codec can't decode"), (b"x = " + b"[" * 5000, "no TOML: "), (b"x = " + b"9" * 5000, "no TOML: ")):
        (tmp_path / "a.toml").write_bytes(content)
        with pytest.raises(FileError, match=f"^{tmp_path}/a.toml: {says}"):
            read_toml(tmp_path / "a.toml")
    with pytest.raises(FileError, match=f"^{tmp_path}: Is a directory$"):
        read_toml(tmp_path)
