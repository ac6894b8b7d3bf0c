"""A view of a layer or network to explore in a notebook or browser: one piece of HTML, no server, nothing loaded from elsewhere."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np

from netsnn.errors import type_name
from netsnn.graph import Layer
from netsnn.hints import PathLike
from netsnn.io import write_text
from netsnn.measures import communities
from netsnn.network import Network
from netsnn.plot.layers import _places
from netsnn.style import COLORS

__all__ = ["View", "view"]

MOST_LINKS = 60_000  # a browser draws these without a pause


class View:
    """A page as text. In a notebook it shows itself; `save` writes it to a file for any browser."""

    def __init__(self, page: str, height: int) -> None:
        self.page, self.height = page, height

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{html.escape(self.page)}" style="width:100%;height:{self.height + 20}px;border:0" title="netsnn view"></iframe>'

    def save(self, path: PathLike) -> Path:
        """Write the page to a file."""
        write_text(self.page, path)
        return Path(path)


def view(graph: Layer | Network, *, order: str = "barycentre", height: int = 520) -> View:
    """Groups of neurons side by side, links between them; point at a neuron to see its links, click to hold it, type to find it.

    A slider hides neurons of few links. Up to 60,000 links, the rest left out evenly (and said so).

    Parameters
    ----------
    graph : Layer or Network
    order : str
        Of the neurons in a group, a name in `ORDERS`.
    height : int
        Of the drawing, in pixels.

    Examples
    --------
    >>> shown = view(Layer.from_edges([0, 1, 1], [0, 0, 1], shape=(2, 2)))
    >>> shown.page.startswith("<!doctype html>")
    True
    """
    if not isinstance(graph, (Layer, Network)):
        raise ValueError(f"view shows a Layer or a Network, got {type_name(graph)}")
    network = Network([graph]) if isinstance(graph, Layer) else graph
    step = -(-network.n_links // MOST_LINKS) or 1
    sides = [_places(layer, order) for layer in network]
    places = [sides[0][0], *(right for _, right in sides)]
    found = [communities(layer, restarts=1) if layer.n_links else None for layer in network]
    groups = []
    for g, n in enumerate(network.sizes):
        names = network.layers[g].input_names if g < len(network) else None
        names = names if names is not None or not g else network.layers[g - 1].output_names
        below, above = found[g] if g < len(found) else None, found[g - 1] if g else None
        side = below.inputs if below else above.outputs if above else np.zeros(n, dtype=int)
        groups.append({"place": places[g].tolist(), "names": [str(name) for name in names] if names is not None else None, "color": (side % len(COLORS)).tolist()})
    links = [[x[::step].tolist() for x in layer.links] for layer in network]
    data = {"groups": groups, "links": links, "colors": COLORS, "left_out": network.n_links - sum(len(u) for u, _ in links)}
    return View(PAGE.replace("__DATA__", json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")).replace("__HEIGHT__", str(int(height))), int(height))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>netsnn view</title>
<style>
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --quiet: #777; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #16181c; --quiet: #999; } }
body { margin: 0; font: 13px system-ui, sans-serif; color: var(--ink); background: var(--paper); }
form { display: flex; flex-wrap: wrap; gap: .4em 1.2em; align-items: center; padding: .4em .6em; }
input[type=search] { width: 9em; } canvas { display: block; width: 100%; height: calc(__HEIGHT__px - 4.2em); touch-action: none; }
#said { padding: .2em .6em; min-height: 1.3em; color: var(--quiet); overflow-wrap: anywhere; }
</style></head><body>
<form onsubmit="return false"><label>find <input type="search" id="find" placeholder="name or number"></label>
<label>at least <input type="range" id="least" min="0" max="1" value="0"> <output id="count">0</output> links</label></form>
<canvas id="canvas"></canvas><div id="said" role="status"></div>
<script>
"use strict";
const data = __DATA__, canvas = document.getElementById("canvas"), draw = canvas.getContext("2d"), said = document.getElementById("said");
const least = document.getElementById("least"), find = document.getElementById("find");
const degree = data.groups.map(g => new Int32Array(g.place.length));
data.links.forEach(([u, v], l) => { for (let i = 0; i < u.length; i++) { degree[l][u[i]]++; degree[l + 1][v[i]]++; } });
least.max = Math.max(1, ...degree.map(d => d.reduce((a, b) => Math.max(a, b), 0)));
let held = null, over = null, wide = 0, high = 0;
const name = (g, i) => (data.groups[g].names ? data.groups[g].names[i] : "neuron " + i);
const title = g => g === 0 ? "inputs" : g === data.groups.length - 1 ? "outputs" : "hidden " + g;
const x = g => 40 + g * (wide - 80) / Math.max(1, data.groups.length - 1);
const y = (g, i) => 30 + (data.groups[g].place[i] + .5) * (high - 44) / data.groups[g].place.length;
const shown = (g, i) => degree[g][i] >= +least.value && degree[g][i] > 0;
const tint = (g, i) => data.colors[data.groups[g].color[i]];
function paint() {
  const ratio = window.devicePixelRatio || 1, ink = getComputedStyle(document.body).color;
  wide = canvas.clientWidth; high = canvas.clientHeight;
  canvas.width = wide * ratio; canvas.height = high * ratio;
  draw.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw.clearRect(0, 0, wide, high);
  const at = held || over, total = data.links.reduce((a, [u]) => a + u.length, 0);
  for (const bright of at ? [false, true] : [false]) {
    draw.globalAlpha = bright ? .9 : Math.min(.5, 12 / Math.pow(total + 1, .45)) * (at ? .25 : 1);
    data.links.forEach(([u, v], l) => {
      for (let i = 0; i < u.length; i++) {
        if (!shown(l, u[i]) || !shown(l + 1, v[i])) continue;
        const mine = at && ((at[0] === l && at[1] === u[i]) || (at[0] === l + 1 && at[1] === v[i]));
        if (bright !== Boolean(mine)) continue;
        draw.strokeStyle = tint(l, u[i]); draw.lineWidth = bright ? 1.2 : .6;
        draw.beginPath(); draw.moveTo(x(l), y(l, u[i])); draw.lineTo(x(l + 1), y(l + 1, v[i])); draw.stroke();
      }
    });
  }
  draw.globalAlpha = 1; draw.font = "12px system-ui, sans-serif"; draw.textAlign = "center";
  data.groups.forEach((group, g) => {
    const apart = (wide - 80) / Math.max(1, data.groups.length - 1), count = " (" + group.place.length + ")";
    const head = [title(g) + count, g === 0 || g === data.groups.length - 1 ? title(g) : String(g), ""].find(text => draw.measureText(text).width < apart - 3) ?? "";
    const half = draw.measureText(head).width / 2 + 4;
    draw.fillStyle = ink; draw.fillText(head, Math.min(Math.max(x(g), half), wide - half), 16);
    const most = Math.max(1, degree[g].reduce((a, b) => Math.max(a, b), 0));
    for (let i = 0; i < group.place.length; i++) {
      if (!shown(g, i)) continue;
      draw.fillStyle = tint(g, i);
      draw.beginPath(); draw.arc(x(g), y(g, i), 1.2 + 3.5 * Math.sqrt(degree[g][i] / most) + (at && at[0] === g && at[1] === i ? 3 : 0), 0, 7); draw.fill();
    }
  });
  tell(at);
}
function tell(at) {
  const idle = degree.map((d, g) => [d.filter(k => !k).length, title(g)]).filter(([n]) => n).map(([n, which]) => n + " idle " + which).join(", ") || "no idle neurons";
  if (!at) { said.textContent = idle + (data.left_out ? "; " + data.left_out + " links are not drawn" : ""); return; }
  const near = [];
  data.links.forEach(([u, v], l) => { for (let i = 0; i < u.length; i++) {
    if (at[0] === l && at[1] === u[i]) near.push(name(l + 1, v[i])); else if (at[0] === l + 1 && at[1] === v[i]) near.push(name(l, u[i])); } });
  said.textContent = title(at[0]) + ", " + name(...at) + ": " + near.length + " links: " + near.slice(0, 24).join(", ") + (near.length > 24 ? ", ..." : "");
}
function nearest(event) {
  const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
  let best = null, least_away = 14;
  data.groups.forEach((group, g) => { if (Math.abs(px - x(g)) < 30) for (let i = 0; i < group.place.length; i++) {
    const away = Math.hypot(px - x(g), py - y(g, i)); if (shown(g, i) && away < least_away) { least_away = away; best = [g, i]; } } });
  return best;
}
canvas.addEventListener("pointermove", event => { const now = nearest(event); if (String(now) !== String(over)) { over = now; if (!held) paint(); } });
canvas.addEventListener("pointerleave", () => { over = null; if (!held) paint(); });
canvas.addEventListener("click", event => { held = nearest(event); paint(); });
least.addEventListener("input", () => { document.getElementById("count").textContent = least.value; paint(); });
find.addEventListener("input", () => {
  const text = find.value.trim().toLowerCase(); held = null;
  if (text) data.groups.some((group, g) => group.place.some((_, i) => {
    if (degree[g][i] && (name(g, i).toLowerCase() === text || String(i) === text)) { held = [g, i]; return true; } return false; }));
  paint();
});
window.addEventListener("resize", paint);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
paint();
</script></body></html>
"""
