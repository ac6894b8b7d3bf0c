"""What each part of CH-SNN is worth, at 99 % sparsity: one part exchanged at a time.

    python -m analysis.ablations [--jobs 2] [--minutes 60]      # goes on where it was; needs analysis.tuning

784-784-10, on the digits (three seeds) and on Fashion-MNIST (one). Accuracy is that of a validation split of the training set, so that what is seen here may be chosen
without having looked at the test set; everything else is as in `analysis.accuracy`. Writes analysis/results/ablations: runs.csv, README.md,
ablations.png.
"""

from __future__ import annotations

from analysis import drawing
from analysis.measured import result, work
from analysis.methods import chosen, config, small
from analysis.runs import Place, Rows, Study, command
from netsnn.style import COLORS, GREY, PAGE

SPARSITY = 0.99
VARIANTS = {  # part: {name: changes of the recipe or of the run}
    "": {"CH-SNN": {}},
    "first wiring": {"CSTI": {"first_wiring": "csti"}, "uniform": {"first_wiring": None}, "Erdos-Renyi": {"first_wiring": "erdos_renyi"}, "small world": {"first_wiring": "small_world"},
                     "scale free": {"first_wiring": "scale_free"}, "receptive fields": {"first_wiring": "receptive_field"}},
    "first weights": {"Kaiming": {"weights": "kaiming"}, "SWI": {"weights": "swi"}, "SSWI, S_t = rate": {"weights": "sswi_rate"},
                      "SSWI, S_t = 1/rate": {"weights": "sswi_inverse"}},
    "removal": {"magnitude": {"removal": "magnitude"}, "exponent 1 to 3": {"exponent": (1.0, 3.0)}},
    "regrowth": {"CH2-L3n": {"growth": "ch2_l3n"}, "random": {"growth": "uniform"}, "gradient": {"growth": "gradient"}},
    "dead neurons": {"kept": {"chain": False}},
    "selection": {"hard": {"keep": "top", "draw": "top"}, "hard removal": {"keep": "top"}, "hard regrowth": {"draw": "top"}},
    "new weights": {"normal / 10": {"fresh": "normal_tenth"}},
    "rate": {"constant": {"rate": "constant"}, "zeta 0.1": {"zeta": 0.1}, "zeta 0.3": {"zeta": 0.3}, "zeta 0.5": {"zeta": 0.5}, "none (static)": {"removal": None, "growth": None}},
    "neuron": {"threshold 0.25": {"neuron": {"threshold": 0.25}}, "threshold 1": {"neuron": {"threshold": 1.0}}},
    "width": {"1568": {"hidden": (1568,)}},
}
VALIDATION = {"digits": 0.2, "fashion-mnist": 1 / 6}


def study(place: Place, quick: bool = False) -> Study:
    cells = {}
    for data, seed in (("digits", 0), ("fashion-mnist", 0), ("digits", 1), ("digits", 2)):
        for part, variants in VARIANTS.items():
            for name, changes in variants.items():
                base = config(data, "2fc", "ch_snn", SPARSITY, seed=seed, **chosen(data, "ch_snn"))
                of_run = {key: value for key, value in changes.items() if key in ("neuron", "hidden")}
                of_recipe = {key: value for key, value in changes.items() if key not in of_run}
                cells[f"{data}/{part or 'whole'}/{name.replace('/', 'over')}/{seed}"] = base.replace(options={**base.options, **of_recipe}, validation=VALIDATION[data], **of_run)
    if quick:
        few = ("CH-SNN", "uniform", "small world", "Kaiming", "magnitude", "CH2-L3n", "random", "gradient", "kept", "hard")
        cells = {name: small(one) for name, one in cells.items() if name.startswith("digits/") and name.split("/")[2] in few and name.endswith("/0")}
    return Study("ablations", cells, measure, place=place)


def measure(run) -> dict[str, Rows]:
    return {"runs": [{**result(run), **work(run)}]}


def report(found: Study) -> None:
    rows = {tuple(row["cell"].split("/")): row for row in found.rows()}
    seeds = sorted({key[3] for key in rows})
    shown = [data for data in VALIDATION if any(key[0] == data for key in rows)]
    lines, points = [], []
    for part, variants in VARIANTS.items():
        for name in variants:
            key = (part or "whole", name.replace("/", "over"))
            line = [part or "**all**", name]
            for data in shown:
                mine = {seed: rows[data, *key, seed] for seed in seeds if (data, *key, seed) in rows}
                differences = [row["accuracy"] - rows[data, "whole", "CH-SNN", seed]["accuracy"] for seed, row in mine.items() if (data, "whole", "CH-SNN", seed) in rows]
                line += [drawing.mean_text(row["accuracy"] for row in mine.values()), drawing.mean_text(differences) if part else "",
                         drawing.mean_text((row["active"] for row in mine.values()), 1), f"{drawing.interval(row['sops'] for row in mine.values())[0]:,.0f}" if mine else ""]
                if part and differences:
                    points.append((f"{part}: {name}", data, *drawing.interval(100 * value for value in differences)))
            lines.append(line)
    _draw(points, shown, found.folder / "ablations")
    head = ["part", "exchanged for", *(f"{data}: {what}" for data in shown for what in ("accuracy, %", "difference", "active neurons, %", "SOPs"))]
    drawing.write_text(found.folder / "README.md", f"# Parts of CH-SNN, exchanged one at a time, at {100 * SPARSITY:g} % sparsity\n\n{found.state()}",
                       "## Differences", "Accuracy on a validation split of the training set; means over seeds with 95 % intervals; differences are from CH-SNN of the same seed.", drawing.table(head, lines), "![differences](ablations.png)")


@drawing.styled
def _draw(points: list[tuple], shown: list[str], path) -> None:
    """Differences from CH-SNN, a row a variant, a colour a data set."""
    names = list(dict.fromkeys(name for name, *_ in points))
    figure, axes = drawing.figure(1, 1, 0.7 * PAGE, 0.7 + 0.19 * len(names))
    ax = axes[0, 0]
    ax.axvline(0, color=GREY, lw=0.8)
    for k, (data, color) in enumerate(zip(shown, COLORS)):
        mine = [(value, names.index(name) + 0.16 * (k - 0.5), half) for name, where, value, half in points if where == data]
        if mine:
            value, place, half = zip(*mine)
            ax.errorbar(value, place, xerr=[0 if h != h else h for h in half], ls="", marker="o", ms=3, elinewidth=0.8, color=color, label=data)
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel=f"accuracy minus that of CH-SNN at {100 * SPARSITY:g} %, percentage points")
    ax.invert_yaxis()
    ax.legend(loc="lower left")
    drawing.keep(figure, path)


if __name__ == "__main__":
    command(__doc__, study, report)
