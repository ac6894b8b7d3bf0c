"""Tables as text, CSV, LaTeX (booktabs) and Markdown."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from typing import Any, NamedTuple

from netsnn.linkpred.studies.statistics import Interval

__all__ = ["FORMATS", "Table"]


class Table(NamedTuple):
    """Cells are texts, numbers or Intervals; `bold` marks the best cells."""

    head: list[str]
    rows: list[list]
    bold: list[list[bool]] | None
    caption: str


def text(table: Table) -> str:
    """Aligned columns, for reading."""
    cells = [[_short(cell, "+-") for cell in row] for row in [table.head, *table.rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [*cells[:1], ["-" * w for w in widths], *cells[1:]]]
    return "\n".join([*lines, "", *textwrap.wrap(table.caption, 120)]).rstrip()


def comma(table: Table) -> str:
    """CSV with every digit; an interval becomes the three columns NAME, NAME low, NAME high."""
    split = [any(isinstance(row[i], Interval) for row in table.rows) for i in range(len(table.head))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for title, wide in zip(table.head, split) for name in ([title, f"{title} low", f"{title} high"] if wide else [title])])
    for row in table.rows:
        writer.writerow([value for cell, wide in zip(row, split) for value in
                         (["" if math.isnan(x) else x for x in cell] if isinstance(cell, Interval) else [cell, "", ""] if wide else [cell])])
    return out.getvalue()


def latex(table: Table) -> str:
    """A table environment with booktabs rules; the best cells are bold."""
    bold = table.bold or [[False] * len(table.head)] * len(table.rows)
    shape = "l" + "".join("r" if any(isinstance(row[i], (int, float, Interval)) for row in table.rows) else "l" for i in range(1, len(table.head)))
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_escape(table.caption)}}}", rf"\begin{{tabular}}{{{shape}}}", r"\toprule",
             " & ".join(map(_escape, table.head)) + r" \\", r"\midrule"]
    for row, strong in zip(table.rows, bold):
        cells = [_escape(_short(cell, "\0")).replace("\0", r"$\pm$") for cell in row]
        lines.append(" & ".join(rf"\textbf{{{cell}}}" if b else cell for cell, b in zip(cells, strong)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def markdown(table: Table) -> str:
    """A Markdown table; the best cells are bold."""
    bold = table.bold or [[False] * len(table.head)] * len(table.rows)
    clean = lambda cell: _short(cell, "±").replace("|", "\\|")
    lines = ["| " + " | ".join(map(clean, table.head)) + " |", "|" + "---|" * len(table.head)]
    for row, strong in zip(table.rows, bold):
        lines.append("| " + " | ".join(f"**{clean(cell)}**" if b else clean(cell) for cell, b in zip(row, strong)) + " |")
    return "\n".join([*lines, "", table.caption, ""])


FORMATS = {"text": text, "csv": comma, "latex": latex, "markdown": markdown}


def _short(cell: Any, plus_minus: str) -> str:
    if isinstance(cell, Interval):
        half = (cell.high - cell.low) / 2
        if math.isnan(half):
            return f"{cell.mean:.4f}"
        if abs(cell.high + cell.low - 2 * cell.mean) < 1e-9:
            return f"{cell.mean:.4f} {plus_minus} {half:.4f}"
        return f"{cell.mean:.4f} ({cell.low:.4f}, {cell.high:.4f})"
    if isinstance(cell, float):
        return f"{cell:.2g}" if 0 < abs(cell) < 0.001 else f"{cell:.4f}"
    return str(cell)


_SPECIAL = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
            "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"$|$", "<": r"$<$", ">": r"$>$"}


def _escape(words: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in str(words))
