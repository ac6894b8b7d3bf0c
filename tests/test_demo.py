"""`make demo` ends with what it promises (here after one epoch)."""

import subprocess
import sys
from pathlib import Path


def test_the_demo_trains_both_networks_and_names_its_report(tmp_path):
    done = subprocess.run([sys.executable, "-m", "analysis.demo", "--epochs", "1", "--out", str(tmp_path / "a demo")], cwd=Path(__file__).parent.parent, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"Report: {tmp_path / 'a demo' / 'report.html'}" in done.stdout and "SOPs / image" in done.stdout
    page = (tmp_path / "a demo" / "report.html").read_text()
    assert "SOPs / image" in page and "How it evolved" in page and page.count("<svg") > 8
    for name in ("demo.png", "ch_snn/config.toml", "ch_snn/history/index.jsonl", "dense/log.csv"):
        assert (tmp_path / "a demo" / name).exists()
