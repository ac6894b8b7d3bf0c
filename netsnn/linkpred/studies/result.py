"""The result of a study: its numbers, comparisons, tables and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsnn.errors import FileError, StudyError
from netsnn.hints import PathLike, Seed
from netsnn.linkpred.evaluation import METRICS
from netsnn.linkpred.methods import METHODS
from netsnn.linkpred.splits import NEGATIVES
from netsnn.linkpred.studies.statistics import Comparison, Interval, compare, mean_ranks, nadeau_bengio
from netsnn.linkpred.studies.tables import FORMATS, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Result", "read_study"]

KINDS = {
    "networks": "mean and interval of each method on each network",
    "methods": "mean, mean rank and win rate of each method over networks",
    "pairs": "every two methods compared over networks",
    "domains": "mean of each method over the networks of each domain",
    "cells": "every metric of every cell (wide: meant for CSV)",
}


@dataclass(frozen=True, eq=False)
class Result:
    """The cells of a study. `records` are plain dicts: network, split, method, and either metrics and more, or error."""

    plan: dict
    records: list[dict]
    metrics: list[str]

    def __repr__(self) -> str:
        failed = f", failed={len(self.failed)}" if self.failed else ""
        return f"Result(networks={len(self.networks)}, methods={len(self.methods)}, cells={len(self.records)}{failed})"

    # ---- numbers ----------------------------------------------------------------------------------

    @property
    def networks(self) -> list[str]:
        """Names of the networks."""
        return list(self.plan["networks"])

    @property
    def methods(self) -> list[str]:
        """Names of the methods; the null comes first."""
        return list(self.plan["methods"])

    @property
    def failed(self) -> list[dict]:
        """Records of the cells that ended in an error: network, split, method, error.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, {"mine": lambda layer: 1 / 0}, repeats=1).run()
        >>> [(record["method"], record["error"]) for record in result.failed]
        [('mine', 'division by zero')]
        """
        return [record for record in self.records if "error" in record]

    def values(self, metric: str = "precision") -> np.ndarray:
        """Array (networks, methods, splits) of a metric; NaN where there is no value.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> result.values().tolist()  # of pa (the null) and l3 on the one network
        [[[0.0, 0.0], [1.0, 1.0]]]
        """
        self._check(metric)
        splits = max((record["split"] for record in self.records), default=-1) + 1
        out = np.full((len(self.networks), len(self.methods), splits), np.nan)
        network, method = ({name: i for i, name in enumerate(names)} for names in (self.networks, self.methods))
        for record in self.records:
            if "metrics" in record:
                out[network[record["network"]], method[record["method"]], record["split"]] = record["metrics"][metric]
        return out

    def means(self, metric: str = "precision") -> np.ndarray:
        """Array (networks, methods) of means over splits; NaN where a method has not a value for every split of the network.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> result.methods, result.means("auc_roc").round(3).tolist()
        (['pa', 'l3'], [[0.083, 1.0]])
        """
        values, expected = self.values(metric), self._n_splits()
        count = (~np.isnan(values)).sum(axis=2)
        with np.errstate(invalid="ignore"):
            return np.where((count == expected[:, None]) & (count > 0), np.nansum(values, axis=2) / np.maximum(count, 1), np.nan)

    def interval(self, network: str, method: str, metric: str = "precision") -> Interval:
        """Mean over splits with the Nadeau-Bengio interval.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> [round(x, 3) for x in result.interval("blocks", "pa", "auc_roc")]
        [0.083, 0.025, 0.142]
        """
        self._check(metric)
        self._named("network", self.networks, network)
        self._named("method", self.methods, method)
        found = [record for record in self.records if record["network"] == network and record["method"] == method and "metrics" in record]
        share = float(np.mean([record["test"] / max(record["links"], 1) for record in found])) if found else 0.0
        return nadeau_bengio([record["metrics"][metric] for record in found], share)

    def frame(self) -> Any:
        """One row a cell: network, domain, split, method, every metric. A pandas DataFrame if pandas is installed, else a dict of arrays.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> list(result.frame())[:6], len(result.frame()["auc_roc"])
        (['network', 'split', 'method', 'domain', 'precision', 'average_precision'], 4)
        """
        rows = [record for record in self.records if "metrics" in record]
        columns = {key: np.array([record[key] for record in rows]) for key in ("network", "split", "method")}
        columns["domain"] = np.array([self.plan["networks"][record["network"]]["domain"] for record in rows])
        columns |= {name: np.array([record["metrics"][name] for record in rows]) for name in self.metrics}
        try:
            import pandas as pd
        except ImportError:
            return columns
        return pd.DataFrame(columns)

    # ---- comparisons ------------------------------------------------------------------------------

    def compare(self, metric: str = "precision", *, methods: Sequence[str] | None = None, ties: str = "shared", seed: Seed = 0) -> Comparison:
        """Methods over networks: mean ranks, win rates, Friedman, Wilcoxon with Holm, effect sizes, bootstrap over networks.

        By default the methods that have a value on the most networks; networks without a value for each of them are left out and named.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks, "wide": Layer.from_dense(np.kron(np.eye(4), np.ones((3, 5))))}, ["l3"], repeats=2).run()
        >>> [(pair.a, pair.b, pair.wins, pair.median_difference) for pair in result.compare().pairs]
        [('l3', 'pa', 2, 1.0)]
        """
        means = self.means(metric)
        chosen = self._comparable(means) if methods is None else self._named("method", self.methods, methods)
        return compare(means[:, [self.methods.index(name) for name in chosen]], chosen, self.networks, ties=ties, seed=seed)

    def ranks(self, metric: str = "precision") -> dict[str, float]:
        """Mean rank of each method over networks, 1 the best.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> result.ranks()
        {'l3': 1.0, 'pa': 2.0}
        """
        found = self.compare(metric)
        return dict(sorted(zip(found.methods, mean_ranks(found.values).tolist()), key=lambda item: item[1]))

    # ---- tables and figures -----------------------------------------------------------------------

    def table(self, metric: str = "precision", format: str = "text", *, kind: str = "networks") -> str:
        """A table of the paper as text.

        Parameters
        ----------
        metric : str
            A name in `METRICS`.
        format : "text", "csv", "latex" (booktabs) or "markdown"
        kind : "networks", "methods", "pairs", "domains" or "cells"

        Examples
        --------
        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> print(result.table("auc_precision", "csv"), end="")
        auc_precision,pa (null),pa (null) low,pa (null) high,l3,l3 low,l3 high
        blocks,0.0,0.0,0.0,1.0,1.0,1.0
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
        self._check(metric)
        return FORMATS[format](getattr(self, f"_table_of_{kind}")(metric))

    def plot(self, kind: str = "heatmap", metric: str = "precision", *, network: str | None = None, methods: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
        """Draw a figure and return its Axes.

        Parameters
        ----------
        kind : "pr", "mroc", "ranks" or "heatmap"
            Precision-recall or modified ROC curves of one network, the diagram of mean ranks with the critical difference, the
            methods-by-networks map.
        network : str
            For the curves; by default the first.

        Examples
        --------
        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> from matplotlib.figure import Figure
        >>> result.plot("mroc", network="blocks", ax=Figure().subplots()).get_title()
        'blocks'
        """
        from netsnn.linkpred.studies import figures

        if kind not in figures.FIGURES:
            raise ValueError(f"kind must be one of {', '.join(figures.FIGURES)}, got {kind!r}")
        self._check(metric)
        if network is not None:
            self._named("network", self.networks, network)
        return figures.FIGURES[kind](self, metric=metric, network=network, methods=methods, ax=ax)

    def save(self, out: PathLike, metrics: Sequence[str] = ("precision", "average_precision", "auc_roc")) -> list[Path]:
        """Write cells.csv, the tables (text, CSV, LaTeX, Markdown) and the figures (PDF, PNG) of these metrics; the files' paths.

        >>> import tempfile
        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> files = result.save(tempfile.mkdtemp(), metrics=["precision"])
        >>> [file.name for file in files][:5]
        ['cells.csv', 'precision_networks.txt', 'precision_networks.csv', 'precision_networks.tex', 'precision_networks.md']
        """
        from netsnn import style
        from netsnn.io.atomic import write_bytes

        out, paths, metrics = Path(out), [], [metrics] if isinstance(metrics, str) else list(metrics)
        if not metrics:
            raise ValueError(f"give at least one metric; metrics: {', '.join(self.metrics)}")
        for folder in ("tables", "figures"):
            try:
                (out / folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FileError(f"{out / folder}: {error.strerror or error}") from None

        def put(path: Path, text: str) -> None:
            write_bytes(text.encode(), path)
            paths.append(path)

        put(out / "cells.csv", self.table(metrics[0], "csv", kind="cells"))
        endings = {"text": "txt", "csv": "csv", "latex": "tex", "markdown": "md"}
        several = len(self.networks) > 1 and self._comparable(self.means(metrics[0]))
        for metric in metrics:
            for kind in ("networks", *(("methods", "pairs") if several else ()), *(("domains",) if any(self._domains()) and several else ())):
                for format, ending in endings.items():
                    put(out / "tables" / f"{metric}_{kind}.{ending}", self.table(metric, format, kind=kind))
        figures = [("heatmap", m, None) for m in metrics] + ([("ranks", m, None) for m in metrics] if several else []) \
            + [(kind, metrics[0], name) for kind in ("pr", "mroc") for name in self.networks]
        files: dict[str | None, str] = {}
        for name in self.networks:  # two names may be alike once made plain
            plain = _plain(name)[:100]
            files[name] = plain if plain not in files.values() else f"{plain}_{len(files) + 1}"
        for kind, metric, network in figures:
            if network is not None and not any(r["network"] == network and "metrics" in r for r in self.records):
                continue
            ax = self.plot(kind, metric, network=network)
            for ending in ("pdf", "png"):
                path = out / "figures" / f"{kind}_{files.get(network, metric)}.{ending}"
                style.save(ax, path)
                paths.append(path)
            _close(ax)
        return paths

    # ---- inside -----------------------------------------------------------------------------------

    def label(self, method: str) -> str:
        """A method's name in tables and figures; the degree product is marked as the null.

        >>> from netsnn import Layer, linkpred
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> result = linkpred.Study({"blocks": blocks}, ["l3"], repeats=2).run()
        >>> result.label("pa"), result.label("l3")
        ('pa (null)', 'l3')
        """
        return f"{method} (null)" if self.plan["methods"][method]["method"] == "pa" else method

    def _check(self, metric: str) -> None:
        if metric not in self.metrics:
            raise ValueError(f"no metric {metric!r} in this study; metrics: {', '.join(self.metrics)}")

    def _domains(self) -> list[str]:
        return [self.plan["networks"][name]["domain"] for name in self.networks]

    def _n_splits(self) -> np.ndarray:
        return np.array([len(self.plan["networks"][name].get("splits", ())) or self.plan["repeats"] for name in self.networks])

    def _named(self, what: str, known: Sequence[str], names: str | Sequence[str]) -> list[str]:
        """One name or several, all of them known."""
        names = [names] if isinstance(names, str) else list(names)
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise ValueError(f"no {what} {unknown!r} in this study; {what}s: {', '.join(known)}")
        return names

    def _comparable(self, means: np.ndarray) -> list[str]:
        """The methods with a value on as many networks as any has."""
        count = (~np.isnan(means)).sum(axis=0)
        return [name for name, n in zip(self.methods, count) if n == count.max() > 0]

    def _defined(self, network: str, method: str) -> bool:
        known = METHODS.get(self.plan["methods"][method]["method"])
        return known is None or (known.bipartite if self.plan["networks"][network]["kind"] == "layer" else known.unipartite)

    def _note(self) -> str:
        settings = self.plan["settings"]
        others = {"all": "all unlinked pairs", "degree_matched": "as many degree-matched negatives", "sampled": "as many sampled negatives"}[settings["negatives"]]
        fixed = all("splits" in self.plan["networks"][name] for name in self.networks)
        hidden = "fixed splits" if fixed else f"{100 * settings['fraction']:.3g}% of links hidden, {settings['removal']} removal, {self.plan['repeats']} splits"
        betas: dict[str, str | None] = {record["method"]: None for record in self.records if "beta" in record.get("stated", {})}
        for method in betas:
            values = [r["stated"]["beta"] for r in self.records if r["method"] == method and "beta" in r.get("stated", {})]
            betas[method] = f"{min(values):.3g}" if np.ptp(values) < 1e-12 else f"{min(values):.3g} to {max(values):.3g}"
        stated = "".join(f"; {method}: beta {value}" for method, value in betas.items())
        failed = f"; {len(self.failed)} of {len(self.records)} cells failed" if self.failed else ""
        return f"{hidden}; candidates: {others}; null: degree product{stated}{failed}."

    def _table_of_networks(self, metric: str) -> Table:
        rows, best = [], []
        records: dict[tuple[str, str], list[dict]] = {}
        expected = dict(zip(self.networks, self._n_splits().tolist()))
        for record in self.records:
            records.setdefault((record["network"], record["method"]), []).append(record)
        for network in self.networks:
            cells: list[str | Interval] = []
            for method in self.methods:
                mine = records.get((network, method), [])
                if not mine and not self._defined(network, method):
                    cells.append("not defined")
                elif any("error" in record for record in mine):
                    cells.append("failed")
                elif len(mine) < expected[network]:  # a mean over other splits than its neighbours' would mislead
                    cells.append(f"{len(mine)} of {expected[network]} splits")
                else:
                    cells.append(self.interval(network, method, metric))
            rows.append([network, *cells])
            means = [round(cell.mean, 12) if isinstance(cell, Interval) else -np.inf for cell in cells]
            best.append([False, *(mean == max(means) > -np.inf for mean in means)])
        caption = f"{METRICS.get(metric, metric)}. Mean and 95 % interval (Nadeau-Bengio); {self._note()}"
        return Table([metric, *map(self.label, self.methods)], rows, best, caption)

    def _table_of_methods(self, metric: str) -> Table:
        found = self.compare(metric)
        order = np.argsort([interval.mean for interval in found.rank], kind="stable")
        rows = [[self.label(found.methods[i]), found.mean[i], found.rank[i], float(found.win_rate[i])] for i in order]
        best = [[False, *(column[i] == top for column, top in ((means, max(means)), (ranks, min(ranks)), (wins, max(wins))))]
                for means, ranks, wins in [([x.mean for x in found.mean], [x.mean for x in found.rank], found.win_rate.tolist())] for i in order]
        left = f" Left out (no value for every method): {', '.join(found.left_out)}." if found.left_out else ""
        missing = [name for name in self.methods if name not in found.methods]
        left += f" Not compared (a value on fewer networks): {', '.join(missing)}." if missing else ""
        test = f" Friedman chi2 = {found.friedman:.3g}, p = {found.friedman_p:.2g}; critical difference of mean ranks {found.critical_difference:.3g} (Nemenyi, 0.05)." \
            if np.isfinite(found.friedman_p) else ""
        caption = f"{metric} over {len(found.networks)} networks, 95 % intervals by bootstrap over networks; wins: {found.win_rule}.{test}{left} {self._note()}"
        return Table(["method", f"mean {metric}", "mean rank", "win rate"], rows, best, caption)

    def _table_of_pairs(self, metric: str) -> Table:
        found = self.compare(metric)
        rows = [[self.label(p.a), self.label(p.b), p.median_difference, f"{p.wins}/{p.ties}/{p.losses}", p.effect, p.p, p.p_holm] for p in found.pairs]
        caption = f"{metric} over {len(found.networks)} networks: median difference a - b, wins/ties/losses of a, matched-pairs rank-biserial effect, " \
                  f"Wilcoxon signed-rank p (Pratt's zeros) and p after Holm over all {len(rows)} pairs. {self._note()}"
        return Table(["a", "b", "difference", "w/t/l", "effect", "p", "p (Holm)"], rows, [[q.p_holm < 0.05 and i == 6 for i in range(7)] for q in found.pairs], caption)

    def _table_of_domains(self, metric: str) -> Table:
        found = self.compare(metric)
        domain = {name: self.plan["networks"][name]["domain"] or "(none)" for name in found.networks}
        rows, best = [], []
        for word in dict.fromkeys(domain.values()):
            mine = found.values[[domain[name] == word for name in found.networks]]
            means = mine.mean(axis=0)
            rows.append([word, len(mine), *means.tolist()])
            best.append([False, False, *(np.round(means, 12) == np.round(means.max(), 12)).tolist()])
        return Table(["domain", "networks", *map(self.label, found.methods)], rows, best, f"Mean {metric} by domain. {self._note()}")

    def _table_of_cells(self, _: Any) -> Table:
        head = ["network", "domain", "split", "method", "test", "candidates", *self.metrics, "stated", "error"]
        rows = [[r["network"], self.plan["networks"][r["network"]]["domain"], r["split"], r["method"], r.get("test", ""), r.get("candidates", ""),
                 *(r["metrics"][name] if "metrics" in r else "" for name in self.metrics),
                 json.dumps(r["stated"]) if r.get("stated") else "", r.get("error", "")] for r in self.records]
        return Table(head, rows, None, "")


def read_study(out: PathLike) -> Result:
    """The result of a study's folder, as far as it has come.

    Cells that are not there yet are simply missing: `means` and the comparisons use networks that are complete.

    Examples
    --------
    >>> import tempfile
    >>> from netsnn import Graph
    >>> from netsnn.linkpred.studies.study import Study
    >>> folder = tempfile.mkdtemp()
    >>> ring = Graph.from_edges(range(8), [1, 2, 3, 4, 5, 6, 7, 0], n=8)
    >>> _ = Study({"ring": ring}, ["l3"], fraction=0.25, repeats=2).run(folder)
    >>> read_study(folder)
    Result(networks=1, methods=2, cells=4)
    """
    plan, records = read_json(Path(out) / "study.json"), []
    if not is_plan(plan):
        raise StudyError(f"{out}: not a study's folder, or a damaged one (study.json)")
    for file in sorted((Path(out) / "cells").glob("*/*/*.json")):
        record = read_json(file)
        if not is_record(record, plan) or str(record["split"]) != file.parent.name:
            raise FileError(f"{file}: damaged; delete it, and the same study computes it again")
        records.append(record)
    names = {tuple(record["metrics"]) for record in records if "metrics" in record} or {tuple(METRICS)}
    if len(names) > 1:
        raise StudyError(f"{out}: not all cells have the same metrics")
    network, method = ({name: i for i, name in enumerate(plan[part])} for part in ("networks", "methods"))
    records.sort(key=lambda r: (r["split"], network[r["network"]], method[r["method"]]))
    return Result(plan, records, list(names.pop()))


def read_json(path: Path) -> Any:
    """What a file of a study holds; None if that is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        return None


def is_plan(plan: Any) -> bool:
    """Whether this is what `Study.plan` writes."""
    settings, repeats, networks, methods = (plan.get(key) for key in ("settings", "repeats", "networks", "methods")) if isinstance(plan, dict) else [None] * 4
    return (isinstance(settings, dict) and isinstance(networks, dict) and isinstance(methods, dict) and _whole(repeats) and bool(networks and methods)
            and _number(settings.get("fraction")) and isinstance(settings.get("removal"), str) and isinstance(settings.get("negatives"), str) and settings["negatives"] in NEGATIVES
            and all(isinstance(one, dict) and one.get("kind") in ("layer", "graph") and isinstance(one.get("domain"), str) and isinstance(one.get("splits", []), list) for one in networks.values())
            and all(isinstance(one, dict) and isinstance(one.get("method"), str) for one in methods.values()))


def is_record(record: Any, plan: dict) -> bool:
    """Whether this is a cell of the plan's study, as `Study.compute` writes it, or the error that it came to."""
    if not (isinstance(record, dict) and _whole(record.get("split")) and all(isinstance(record.get(key), str) and record[key] in plan[f"{key}s"] for key in ("network", "method"))):
        return False
    if "error" in record:
        return isinstance(record["error"], str) and "metrics" not in record
    metrics, stated, curve = (record.get(key) for key in ("metrics", "stated", "curve"))
    return (isinstance(metrics, dict) and bool(metrics) and all(map(_number, metrics.values())) and isinstance(stated, dict) and _number(stated.get("beta", 0), 1e308)
            and all(_whole(record.get(key)) for key in ("test", "candidates", "links"))
            and isinstance(curve, dict) and all(isinstance(curve.get(key), list) and all(map(_number, curve[key])) for key in ("rank", "hits")) and len(curve["rank"]) == len(curve["hits"]) > 0)


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _number(value: Any, most: float = 1e15) -> bool:
    """A number of an ordinary size, or NaN."""
    return type(value) in (int, float) and not abs(value) > most


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)


def _close(ax: Axes) -> None:
    import matplotlib.pyplot as plt

    plt.close(ax.figure.figure)
