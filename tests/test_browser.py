"""The pages in a real browser (headless Chromium, where there is one): no errors, nothing cut off, text large enough, light and dark."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib
import pytest

import netsnn as ns
from netsnn import plot

matplotlib.use("Agg")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
ROOT = Path(__file__).parent.parent
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--virtual-time-budget=3000", "--enable-logging=stderr"]
BEFORE = """<script>window.wrong = []; window.addEventListener("error", e => window.wrong.push(String(e.message)));
const say = console.error; console.error = (...x) => { window.wrong.push(x.join(" ")); say(...x); };</script>"""
AFTER = """<script>window.addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("figure svg")].map(s => s.getBoundingClientRect());
  const texts = [...document.querySelectorAll("figure svg text")].map(t => t.getBoundingClientRect().height).filter(h => h > 0);
  const ink = getComputedStyle(document.body).color, paper = getComputedStyle(document.body).backgroundColor;
  const found = {wrong: window.wrong, width: innerWidth, scroll: document.documentElement.scrollWidth, figures: boxes.length,
    least: Math.min(...boxes.map(b => Math.min(b.width, b.height))), text: Math.min(...texts), ink, paper,
    asked: performance.getEntriesByType("resource").filter(r => !r.name.startsWith("data:")).length};
  const p = document.createElement("pre"); p.id = "found"; p.textContent = JSON.stringify(found); document.body.append(p); });</script>"""


def look(page: str, folder: Path, width: int, extra: str = "") -> dict:
    """What the browser makes of a page."""
    path = folder / "page.html"
    path.write_text(page.replace("<head>", "<head>" + BEFORE, 1).replace("</body>", extra + AFTER + "</body>"))
    done = subprocess.run([CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--dump-dom", path.as_uri()],
                          capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)[1]))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return plot.report(ns.History(ROOT / "data" / "run"), tmp_path_factory.mktemp("report") / "report.html").read_text()


@pytest.mark.parametrize("width", [1280, 500, 400])
def test_the_report_is_readable_at_every_width(report, tmp_path, width):
    found = look(report, tmp_path, width)
    assert found["wrong"] == [] and found["asked"] == 0
    assert found["figures"] == 16 and found["least"] > 100
    assert found["scroll"] <= found["width"] + 1  # the page itself never scrolls sideways
    assert found["text"] >= 7.5  # pixels of the smallest label


def test_the_report_follows_a_dark_theme(report, tmp_path):
    light = look(report, tmp_path, 1280)
    dark = look(report.replace("prefers-color-scheme: dark", "min-width: 1px"), tmp_path, 1280)
    bright = lambda color: sum(map(int, re.findall(r"\d+", color)[:3]))
    assert bright(light["ink"]) < 150 < 600 < bright(light["paper"]) and bright(dark["paper"]) < 150 < 600 < bright(dark["ink"])


def test_the_view_answers_pointing_and_searching(tmp_path):
    page = plot.view(ns.read(ROOT / "data" / "celegans_neuromuscular.edges")).page
    act = """<script>window.addEventListener("load", () => { const f = document.getElementById("find"); f.value = "DA3"; f.dispatchEvent(new Event("input"));
      window.heard = document.getElementById("said").textContent; const s = document.createElement("figure"); s.innerHTML = "<svg width=200 height=200><text y=20>x</text></svg>";
      document.body.append(s); if (!heard.startsWith("inputs, DA3: ")) console.error("heard " + heard);
      const c = document.getElementById("canvas").getContext("2d").getImageData(0, 0, 300, 300).data; if (!c.some(x => x)) console.error("nothing drawn"); });</script>"""
    assert look(page, tmp_path, 900, act)["wrong"] == []
