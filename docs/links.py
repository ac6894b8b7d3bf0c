"""Links between the files of this repository: those that lead nowhere, and the addresses outside (which are only listed).

    python docs/links.py [FOLDER of the built pages]
"""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SKIP = {".venv", ".git", "runs", "demo", "_build", "api", "build", "dist", ".pytest_cache", "node_modules"}
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
ADDRESS = re.compile(r"https?://[^\s)>\]\"'`]+")


def texts(root: Path) -> dict[Path, str]:
    """The Markdown of all .md files and notebooks, without code."""
    found = {}
    for path in sorted([*root.rglob("*.md"), *root.rglob("*.ipynb")]):
        if SKIP.isdisjoint(path.relative_to(root).parts):
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".ipynb":
                text = "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
            found[path] = re.sub(r"```.*?```|`[^`\n]*`", "`", text, flags=re.DOTALL)
    return found


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a text's headings."""
    made: dict[str, int] = {}
    found = set(re.findall(r"<a (?:name|id)=\"([^\"]+)\"", text))
    for title in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", text, flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-")
        found.add(f"{slug}-{made[slug]}" if slug in made else slug)
        made[slug] = made.get(slug, 0) + 1
    return found


def broken(root: Path) -> list[str]:
    """Links of Markdown files and notebooks to files and headings that are not there, as "file: link"."""
    found, wrong = texts(root), []
    for path, text in found.items():
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (path.parent / name).resolve() if name else path
            text_there = found.get(target)
            if not target.exists() or anchor and (text_there is None or anchor not in anchors(text_there)):
                wrong.append(f"{path.relative_to(root)}: {link}")
    return wrong


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        values = dict(attributes)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        self.links += [values[key] for key in ("href", "src") if values.get(key)]


def pages(html: Path) -> dict[Path, _Page]:
    found = {}
    for path in sorted(html.rglob("*.html")):
        found[path] = _Page()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def broken_pages(html: Path) -> list[str]:
    """Links of built pages to files and anchors that are not there."""
    html = html.resolve()
    found, wrong = pages(html), []
    for path, page in found.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in found and anchor not in found[target].ids):
                wrong.append(f"{path.relative_to(html)}: {link}")
    return wrong


def external(root: Path) -> list[str]:
    """Addresses outside, which nothing here looks up."""
    return sorted({address.rstrip(".,;") for text in texts(root).values() for address in ADDRESS.findall(text)})


def main(arguments: list[str]) -> int:
    root = Path(__file__).resolve().parent.parent
    wrong = broken(root) + [problem for folder in arguments for problem in broken_pages(Path(folder))]
    print("\n".join([f"broken: {problem}" for problem in wrong] + [f"not checked: {address}" for address in external(root)]))
    print(f"{len(wrong)} broken links")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
