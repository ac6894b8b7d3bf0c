"""Wall time of a whole link-prediction study beside the same study written with networkx and scikit-learn, in one process.

    python -m analysis.bench.study [FOLDER ...]          # a minute or two with the networks in data/ alone

The same networks, splits, methods (CN, Jaccard, AA, RA, degree product) and two metrics (average precision, AUC-ROC) on all unlinked pairs.
netsnn computes its six other metrics, the curves and the files of the cells besides. Kernels are compiled before the clock starts.
The table goes to analysis/results/bench_study.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import networkx as nx
import numpy as np
import sklearn.metrics

import netsnn as ns
from analysis.linkpred_real_networks import networks_in
from netsnn.io.atomic import write_bytes
from netsnn.linkpred.studies.tables import FORMATS, Table

ROOT = Path(__file__).parent.parent.parent
METHODS = ("pa", "cn", "jaccard", "aa", "ra")
THEIRS = {"pa": nx.preferential_attachment, "jaccard": nx.jaccard_coefficient, "aa": nx.adamic_adar_index, "ra": nx.resource_allocation_index,
          "cn": lambda graph, pairs: ((u, v, len(nx.common_neighbors(graph, u, v))) for u, v in pairs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="more networks: folders of edge lists")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--largest", type=int, default=500, metavar="N", help="leave out networks of more nodes (networkx takes long)")
    arguments = parser.parse_args()
    networks = {}
    for path in networks_in([ROOT / "data", *arguments.folders]):
        graph = ns.read(path)
        if isinstance(graph, ns.Graph) and graph.n <= arguments.largest:
            networks.setdefault(path.stem, graph)
    ns.linkpred.Study(networks, METHODS, repeats=1).run()  # compiled
    rows, gap = [], 0.0
    for name, graph in networks.items():
        study = ns.linkpred.Study({name: graph}, METHODS, repeats=arguments.repeats)
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            result = study.run(folder)
            ours = time.perf_counter() - begin
        begin = time.perf_counter()
        theirs = by_networkx(study, name)
        rows.append([name, graph.n, graph.n_links, ours, time.perf_counter() - begin])
        gap = max(gap, float(np.abs(result.values("auc_roc")[0] - theirs["auc_roc"].T).max()))
        print(f"{name:24} netsnn {rows[-1][3]:7.2f} s   networkx + scikit-learn {rows[-1][4]:8.2f} s   {rows[-1][4] / rows[-1][3]:6.0f}x", flush=True)
    rows.append(["all", "", "", sum(row[3] for row in rows), sum(row[4] for row in rows)])
    table = Table(["network", "nodes", "links", "netsnn, s", "networkx + scikit-learn, s", "ratio"],
                  [[*row[:3], f"{row[3]:.2f}", f"{row[4]:.2f}", f"{row[4] / row[3]:.0f}x"] for row in rows], None,
                  f"{len(METHODS)} methods x {arguments.repeats} splits a network, in one process on 2 cores. AUC-ROC of the two differ by at most {gap:.1g}: networkx adds up "
                  "equal scores in different orders, and the last digit then breaks ties that netsnn keeps.")
    out = ROOT / "analysis" / "results" / "bench_study.md"
    write_bytes(FORMATS["markdown"](table).encode(), out)
    print(f"Table: {out}")


def by_networkx(study, name: str) -> dict[str, np.ndarray]:
    """The study as a script of networkx and scikit-learn: arrays (splits, methods)."""
    values = {"average_precision": [], "auc_roc": []}
    for number in range(study.repeats):
        hidden = study.split(name, number)
        graph = nx.from_scipy_sparse_array(hidden.train.to_scipy())
        pairs = list(nx.non_edges(graph))
        truth = {(int(u), int(v)) for u, v in zip(*hidden.test)}
        labels = np.array([(min(pair), max(pair)) in truth for pair in pairs])
        row = {metric: [] for metric in values}
        for method in METHODS:
            scores = np.array([score for _, _, score in THEIRS[method](graph, pairs)])
            row["average_precision"].append(sklearn.metrics.average_precision_score(labels, scores))
            row["auc_roc"].append(sklearn.metrics.roc_auc_score(labels, scores))
        for metric in values:
            values[metric].append(row[metric])
    return {metric: np.array(rows) for metric, rows in values.items()}


if __name__ == "__main__":
    main()
