"""The page takes its tables from the studies' pages."""

import pytest

from analysis.reproduce import PAGE, fill
from analysis.runs import ROOT, Place


def test_tables_go_where_the_page_asks_for_them(tmp_path):
    (tmp_path / "results" / "some").mkdir(parents=True)
    (tmp_path / "results" / "some" / "README.md").write_text("# Some\n\nhead\n\n## One, 1\n\n| a |\n|---|\n| 1 |\n\n![f](f.png)\n\n## Two\n\nlast\n")
    page, place = tmp_path / "page.md", Place(tmp_path / "results")
    page.write_text("before\n\n<!-- some/README.md: One, 1 -->\nold\n<!-- end -->\n\nbetween <!-- some/README.md: Two --><!-- end --> after\n")
    for _ in range(2):  # a second time nothing changes
        fill(page, place)
        assert page.read_text() == ("before\n\n<!-- some/README.md: One, 1 -->\n\n| a |\n|---|\n| 1 |\n\n![f](results/some/f.png)\n\n<!-- end -->\n\n"
                                    "between <!-- some/README.md: Two -->\n\nlast\n\n<!-- end --> after\n")
    page.write_text("<!-- some/README.md: Three --><!-- end -->")
    with pytest.raises(SystemExit, match="no section 'Three'"):
        fill(page, place)


def test_the_committed_page_is_up_to_date(tmp_path):
    """Its tables are those of the committed studies."""
    copy = tmp_path / "page.md"
    copy.write_text(PAGE.read_text())
    fill(copy, Place(ROOT / "analysis" / "results"))
    assert copy.read_text() == PAGE.read_text()
