"""All studies of training in a row: what the papers claim, and what came out here.

    make reproduce-quick                                  # a small version of all of it, 6 minutes on two cores; its pages are in runs/quick/results
    python -m analysis.reproduce [--jobs 2] [--minutes M] # the real one, in sittings: each call goes on where the last one stopped

Afterwards (or with --report) all figures and pages are made anew from the tables, and the tables in analysis/README.md with them.
"""

from __future__ import annotations

import re
from pathlib import Path

from analysis import ablations, accuracy, convolutions, persistence, topology, tuning
from analysis.runs import ROOT, Place, arguments_of
from netsnn.io.atomic import write_bytes

PAGE = ROOT / "analysis" / "README.md"
STUDIES = (accuracy, ablations, convolutions, persistence)


def main() -> None:
    arguments, place = arguments_of(__doc__)
    if not arguments.report and (arguments.quick or tuning.run(place)):
        convolutions.tuning(place, arguments.quick).run()
        for module in STUDIES:
            module.study(place, arguments.quick).run()
    for module in STUDIES:
        module.report(module.study(place, arguments.quick))
    topology.report(accuracy.study(place, arguments.quick))
    if arguments.quick:
        print("\nPages: " + "\n       ".join(str(path.relative_to(ROOT)) for path in sorted(place.results.glob("*/*.md"))))
    else:
        fill(PAGE, place)
        print(f"\nPage: {PAGE.relative_to(ROOT)}")


def fill(page: Path, place: Place) -> None:
    """Put the tables of the studies' pages where the page asks for them: between <!-- FILE: HEADING --> and <!-- end -->."""
    def table(match: re.Match) -> str:
        source, heading = match["file"], match["heading"]
        text = (place.results / source).read_text()
        section = text.split(f"\n## {heading}\n", 1)
        if len(section) < 2:
            raise SystemExit(f"{page}: {source} has no section {heading!r}")
        body = section[1].split("\n## ", 1)[0].strip()
        body = re.sub(r"\]\((?!http)([^)]+)\)", rf"](results/{Path(source).parent}/\1)", body)
        return f"<!-- {source}: {heading} -->\n\n{body}\n\n<!-- end -->"

    text = re.sub(r"<!-- (?P<file>[\w/.]+): (?P<heading>.*?) -->.*?<!-- end -->", table, page.read_text(), flags=re.DOTALL)
    write_bytes(text.encode(), page)


if __name__ == "__main__":
    main()
