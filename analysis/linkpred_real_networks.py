"""Link prediction on real networks: published numbers beside ours, and which method finds hidden links where.

    python -m analysis.linkpred_real_networks                          # the networks in data/
    python -m analysis.linkpred_real_networks FOLDER ... --jobs 2      # and those of folders of edge lists

Takes minutes for data/ alone, about an hour with networks of 5,000 nodes and more (SPM and CHA are dense). It can be
stopped at any time and goes on where it was; cells live in runs/linkpred_real_networks. Results: analysis/results/linkpred_real_networks/.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components

import netsnn as ns
from netsnn.io.atomic import write_bytes
from netsnn.linkpred.studies.tables import FORMATS, Table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "analysis" / "results" / "linkpred_real_networks"
METHODS = {name: name for name in ("pa", "cn", "jaccard", "aa", "ra", "katz")} \
    | {"katz b=.01": {"method": "katz", "beta": 0.01, "length": 50}} \
    | {name: name for name in ("l3", "ch2_l3", "ch3_l3", "cha", "spm")}
COMPARED = ("pa", "l3", "ch2_l3", "ch3_l3", "cha", "spm")  # defined on layers and graphs alike
WHY = """
Where the two differ, and why (each claim was measured; the command is at the top):

- **Splits.** Both sides draw 10 % at random; neither publishes its splits. The intervals above are the right ruler: |z| stays below 2 but for Katz on jazz (next
  line) and SPM on usair and polblogs. These are draws of splits, too: ten other splits of usair (the same study with the network named "x") gave SPM 0.448.
- **Katz** is not one number: the paper does not state its beta. Ours is 0.5 / largest eigenvalue; `katz b=.01` (table C) comes nearer on jazz.
- **Ties.** Jaccard and CN leave many pairs tied at the edge of the best P; ours are expected values over orders of ties, theirs depend on the order of nodes.
- **netscience.** The paper's values belong to the giant component (379 nodes, 914 links), which is what the rows "netscience (giant)" use. On the whole network of
  1,461 nodes (table C) scores find more: its small components are nearly cliques.
- **yeast.** The paper's SPM has 0.160 on its "Yeast"; on this network of 2,375 nodes (SEAL's file) it reaches three times that. The name is all they share: no anchor.
- **karate** has 8 test links a split: no anchor either.
- **AUC-ROC** is theirs against as many sampled negatives as test links, ours against all unlinked pairs: the same expectation, less variance.
"""
FEW = {6000: 1, 4000: 2}  # networks of more nodes get so many splits: SPM and CHA take minutes a split, and the largest half an hour

# Precision at P, 10 % of links hidden: Sci. Rep. 6:38938 (2016), Table 2
PRECISION = {
    "jazz": {"cn": 0.509, "jaccard": 0.521, "katz": 0.449, "spm": 0.650},
    "celegans_neural": {"cn": 0.095, "jaccard": 0.028, "katz": 0.102, "spm": 0.171},
    "usair": {"cn": 0.372, "jaccard": 0.064, "katz": 0.365, "spm": 0.449},
    "karate": {"cn": 0.164, "spm": 0.210}, "polblogs": {"cn": 0.174, "spm": 0.238}, "netscience (giant)": {"cn": 0.379, "spm": 0.420},
    "router": {"spm": 0.224}, "power_grid": {"cn": 0.051, "spm": 0.057}, "foodweb_baydry": {"spm": 0.552}, "yeast_seal": {"spm": 0.160},
}
# AUC-ROC, 10 % hidden, as many sampled negatives: SEAL, NeurIPS 2018, Table 1
AUC_ROC = {
    "usair": {"cn": 0.9380, "jaccard": 0.8979, "pa": 0.8884, "aa": 0.9506, "ra": 0.9577, "katz": 0.9288},
    "celegans_neural": {"cn": 0.8513, "jaccard": 0.8019, "pa": 0.7479, "aa": 0.8695, "ra": 0.8749},
    "netscience": {"ra": 0.9445, "katz": 0.9485}, "polblogs": {"ra": 0.9246}, "yeast_seal": {"ra": 0.8945},
    "power_grid": {"ra": 0.5879, "katz": 0.6539}, "router": {"ra": 0.5643, "katz": 0.3862}, "ecoli_seal": {"ra": 0.9595},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="more networks: folders of edge lists (*.edges)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--largest", type=int, default=10_000, metavar="N", help="leave out networks of more nodes")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "linkpred_real_networks", help="folder of the cells")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables and figures")
    arguments = parser.parse_args()
    networks, domains = {}, {}
    for path in networks_in([ROOT / "data", *arguments.folders]):
        graph = ns.read(path)
        if path.stem not in networks and n_nodes(graph) <= arguments.largest:
            networks[path.stem], domains[path.stem] = graph, domain_of(path)
    splits = {name: [ns.linkpred.split(graph, 0.1, seed=s) for s in range(next(few for size, few in FEW.items() if n_nodes(graph) > size))]
              for name, graph in networks.items() if n_nodes(graph) > min(FEW)}
    study = ns.linkpred.Study(networks, METHODS, fraction=0.1, repeats=arguments.repeats, splits=splits, domains=domains, seed=0)
    result = study.run(arguments.work, arguments.jobs)
    giants = {f"{name} (giant)": giant(networks[name]) for name in ("netscience",) if name in networks}
    more = ns.linkpred.Study(giants, ["cn", "spm"], repeats=arguments.repeats, seed=0).run() if giants else None
    report(study, result, more, arguments.out)
    print(f"Report: {arguments.out / 'README.md'}")


def networks_in(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.glob("*.edges"))


def n_nodes(graph) -> int:
    return sum(graph.shape) if isinstance(graph, ns.Layer) else graph.n


def giant(graph):
    """The largest connected component."""
    _, component = connected_components(graph.to_scipy(), directed=False)
    inside = component == np.bincount(component).argmax()
    place = np.cumsum(inside) - 1
    u, v = graph.links
    return ns.Graph.from_edges(place[u[inside[u]]], place[v[inside[u]]], int(inside.sum()))


def domain_of(path: Path) -> str:
    """The word after domain= in the file's header, or in data/ a word given here."""
    ours = {"karate": "social", "les_miserables": "social", "davis_southern_women": "social"}
    said = re.search(r"domain=([a-zA-Z]+)", path.read_text().split("\n", 1)[0])
    return ours.get(path.stem) or (said[1].lower() if said else "connectome" if path.stem.startswith("celegans") else "")


def report(study, result, more, out: Path) -> None:
    """README.md with the tables and figures, and cells.csv."""
    from netsnn import style

    out.mkdir(parents=True, exist_ok=True)
    tables = FORMATS["markdown"]
    write = lambda name, text: write_bytes(text.encode(), out / name)
    write("cells.csv", result.table(format="csv", kind="cells"))
    figures = {"heatmap_precision.png": ("heatmap", "precision", None, None), "heatmap_average_precision.png": ("heatmap", "average_precision", None, None),
               "ranks_precision.png": ("ranks", "precision", None, COMPARED), "ranks_average_precision.png": ("ranks", "average_precision", None, COMPARED)}
    for name in ("usair", "foodweb_baydry", "celegans_neuromuscular"):
        if name in result.networks:
            figures |= {f"{kind}_{name}.png": (kind, "precision", name, COMPARED) for kind in ("pr", "mroc")}
    for file, (kind, metric, network, methods) in figures.items():
        ax = result.plot(kind, metric, network=network, methods=methods)
        for ending in ("png", "pdf"):
            style.save(ax, (out / file).with_suffix(f".{ending}"))
    sizes = Table(["network", "domain", "kind", "nodes", "links", "splits"],
                  [[name, study.domains[name], type(g).__name__.lower(), " + ".join(map(str, g.shape)) if isinstance(g, ns.Layer) else g.n, g.n_links,
                    study.n_splits(name)] for name, g in study.networks.items()], None,
                  "10 % of links hidden at random.")
    comparison = {metric: result.compare(metric, methods=COMPARED) for metric in ("precision", "average_precision")}
    lines = ["# Link prediction on real networks", "", "Made by `python -m analysis.linkpred_real_networks FOLDER --jobs 2`; every cell's numbers are in cells.csv.",
             "", "## Networks", "", tables(sizes), "## A. Precision: published and ours", "", tables(anchors([result, more], "precision", PRECISION)),
             "## B. AUC-ROC: published and ours", "", tables(anchors([result], "auc_roc", AUC_ROC)), WHY,
             "## C. Methods on all networks", "", *(f"![{file}]({file})\n" for file in figures if file.startswith(("heatmap", "ranks"))),
             result.table("precision", "markdown"), result.table("average_precision", "markdown"), *(pairs_table(comparison[m], m) for m in comparison),
             chosen_by_cha(result), "## D. Curves", "", *(f"![{file}]({file})\n" for file in figures if file.startswith(("pr", "mroc")))]
    write("README.md", "\n".join(lines))


def anchors(results, metric: str, published: dict) -> Table:
    """Published values beside ours; z tells the difference in standard errors of our mean (Nadeau-Bengio)."""
    rows = []
    for network, values in published.items():
        for result in (r for r in results if r is not None and network in r.networks):
            for method, theirs in values.items():
                mine = result.interval(network, method, metric)
                found = result.values(metric)[result.networks.index(network), result.methods.index(method)]
                found = found[~np.isnan(found)]
                error = found.std(ddof=1) * np.sqrt(1 / len(found) + 1 / 9)
                z = f"{(mine.mean - theirs) / error:+.1f}" if len(found) >= 5 else ""
                rows.append([network, method, theirs, mine, len(found), f"{mine.mean - theirs:+.3f}", z])
    return Table(["network", "method", "published", "ours", "splits", "difference", "z"], rows, None,
                 "Ours: mean and 95 % interval (Nadeau-Bengio); z: difference over the standard error of the same variance, from five splits on.")


def pairs_table(found, metric: str) -> str:
    rows = [[p.a, p.b, p.median_difference, f"{p.wins}/{p.ties}/{p.losses}", p.effect, p.p_holm] for p in found.pairs]
    order = np.argsort([interval.mean for interval in found.rank], kind="stable")
    ranks = ", ".join(f"{found.methods[i]} {found.rank[i].mean:.2f} ({found.rank[i].low:.2f} to {found.rank[i].high:.2f})" for i in order)
    caption = f"{metric} over {len(found.networks)} networks. Mean ranks with bootstrap intervals: {ranks}. Friedman p = {found.friedman_p:.2g}; effect: rank-biserial."
    return FORMATS["markdown"](Table(["a", "b", "median difference", "wins/ties/losses of a", "effect", "p (Wilcoxon, Holm)"], rows, None, caption))


def chosen_by_cha(result) -> str:
    chosen: dict[str, dict[str, int]] = {}
    for record in result.records:
        if record["method"] == "cha" and "stated" in record:
            mine = chosen.setdefault(record["network"], {})
            mine[record["stated"]["selected"]] = mine.get(record["stated"]["selected"], 0) + 1
    rows = [[name, ", ".join(f"{method} ({n})" for method, n in sorted(mine.items(), key=lambda item: -item[1]))] for name, mine in chosen.items()]
    return FORMATS["markdown"](Table(["network", "score that CHA chose (splits)"], rows, None, ""))


if __name__ == "__main__":
    main()
