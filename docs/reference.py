"""The reference: one page a package, written from its public names; tables of the dicts of names; links from `names` in texts.

Pages go to docs/api/ and are made anew by every build.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
import types
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.nodes import make_refnode

PAGES = {
    "netsnn": "Graphs and files",
    "netsnn.wiring": "Wiring",
    "netsnn.linkpred": "Link prediction",
    "netsnn.measures": "Measures",
    "netsnn.evolve": "Evolution",
    "netsnn.bridge": "The bridge to torch",
    "netsnn.snn": "Spiking networks",
    "netsnn.snn.data": "Data sets",
    "netsnn.snn.encodings": "Encodings",
    "netsnn.history": "History",
    "netsnn.plot": "Figures",
    "netsnn.io": "File formats",
    "netsnn.errors": "Errors",
}
ELSEWHERE = {"netsnn": {"Evolver", "sparsify", "History", "FileError", "NetsnnError", "ShortfallWarning", "StudyError", "TrainingError"},
             "netsnn.io": {"read", "write"}, "netsnn.errors": {"check_flag", "check_memory", "check_whole", "check_within", "type_name"}}
FIRST = {"netsnn": ["Layer", "Graph", "Network", "Percolation", "read", "write"]}


def public(package: str) -> list[str]:
    """The names that a package's page shows, in the order of the modules they come from."""
    module = importlib.import_module(package)
    if package in FIRST:
        return FIRST[package]
    return [name for name in module.__all__ if name not in ELSEWHERE.get(package, ()) and not isinstance(getattr(module, name), types.ModuleType)]


def get(package: str, name: str):
    """The value of a public name. Percolation is what `Network.percolate` returns: it is shown, though it is nobody's to import."""
    module = importlib.import_module(package)
    return getattr(module, name, None) or getattr(importlib.import_module("netsnn.network"), name)


def full_name(package: str, name: str) -> str:
    """The name under which a public name is documented."""
    return f"{package}.{name}" if hasattr(importlib.import_module(package), name) else f"{get(package, name).__module__}.{name}"


def home(package: str, name: str) -> str:
    """The module that defines a name: of a function or class its own, of data the one below the package that has it in `__all__`."""
    value = get(package, name)
    if callable(value):
        return value.__module__
    module = importlib.import_module(package)
    below = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(getattr(module, "__path__", []))]
    below += [importlib.import_module("netsnn.style")]
    return next((m.__name__ for m in below if name in getattr(m, "__all__", ()) and getattr(m, name) is value), package)


# ---- pages ------------------------------------------------------------------------------------------


def write_pages(app) -> None:
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {f"{package}.rst": page(package, title) for package, title in PAGES.items()} | {"commands.rst": commands()}
    toc = "".join(f"   {name.removesuffix('.rst')}\n" for name in pages)
    pages["index.rst"] = heading("Reference", "=") + "Every public name, from the docstrings of the code.\n\n.. toctree::\n   :maxdepth: 1\n\n" + toc
    for old in set(folder.glob("*.rst")) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def page(package: str, title: str) -> str:
    names = public(package)
    if package not in FIRST:
        names.sort(key=lambda name: (home(package, name), not callable(get(package, name)), line(get(package, name))))
    intro = inspect.getdoc(importlib.import_module(package)) if package != "netsnn" else inspect.getdoc(importlib.import_module("netsnn.graph"))
    lines = [heading(title, "="), f".. py:module:: {package}\n", intro + "\n", ".. list-table::\n   :class: names\n"]
    for name in names:
        if callable(get(package, name)):
            first = plain(inspect.getdoc(get(package, name)).partition("\n\n")[0].split("\n"))
            lines[-1] += f"\n   * - :py:obj:`{name} <{full_name(package, name)}>`\n     - {' '.join(first)}"
    lines[-1] += "\n"
    data = [name for name in names if not callable(get(package, name))]
    if data:
        lines += ["Tables of names: " + ", ".join(f":py:data:`{name} <{package}.{name}>`" for name in data) + ".\n"]
    homes = dict.fromkeys(home(package, name) for name in names)
    for module in homes:
        if len(homes) > 1 and module != package and package not in ("netsnn", "netsnn.snn.data"):
            lines += [heading(module.rpartition(".")[2].replace("_", " ").capitalize(), "-"), inspect.getdoc(importlib.import_module(module)) + "\n"]
        lines += [entry(package, name) for name in names if home(package, name) == module]
    return "\n".join(lines)


def entry(package: str, name: str) -> str:
    value = get(package, name)
    full = full_name(package, name)
    if inspect.isclass(value):
        return f".. autoclass:: {full}\n   :members:\n"
    if callable(value):
        return f".. autofunction:: {full}\n"
    return f".. py:data:: {name}\n\n{table(value)}\n"


def line(value) -> int:
    try:
        return inspect.getsourcelines(value)[1]
    except TypeError:
        return 0


def table(values) -> str:
    """The table of a dict of names."""
    head, rows = ["name", "what it is"], []
    for name, value in values.items():
        if type(value).__name__ == "Method":
            head = ["name", "for", "formula", "paper"]
            where = "layers, graphs" if value.bipartite and value.unipartite else "layers" if value.bipartite else "graphs"
            rows.append([f"``{name}``", where, f"``{value.formula}``", value.paper])
        elif isinstance(value, str):
            rows.append([f"``{name}``", *plain([value])])
        elif hasattr(value, "extensions"):
            rows.append([f"``{name}``", f"{value.description} ({', '.join('.' + x for x in value.extensions)})"])
        elif callable(value) and not hasattr(value, "func") and inspect.getdoc(value) and "lambda" not in value.__name__:
            rows.append([f"``{name}``", *plain([inspect.getdoc(value).partition("\n\n")[0].replace("\n", " ")])])
        elif isinstance(value, tuple) and value and isinstance(value[0], str):
            rows.append([f"``{name}``", value[0]])
        else:
            rows.append([f"``{name}``", ""])
    if not all(row[1] for row in rows):
        return "   " + ", ".join(row[0] for row in rows) + "\n"
    lines = ["   .. list-table::", "      :header-rows: 1", "      :class: names", ""]
    for row in [head, *rows]:
        lines += [f"      {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """The help of every command, as the command prints it."""
    import contextlib
    import io

    from netsnn.cli import main

    lines = [heading("Commands", "="), "What `netsnn COMMAND --help` prints. :doc:`../guide/commands` shows them at work.\n"]
    for command in ("train", "predict", "study", "measure", "plot", "report", "convert"):
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            main([command, "--help"])
        lines += [heading(f"netsnn {command}", "-"), ".. code-block:: text\n", "\n".join("   " + row for row in text.getvalue().splitlines()) + "\n"]
    return "\n".join(lines)


def heading(text: str, mark: str) -> str:
    return f"{text}\n{mark * len(text)}\n\n"


# ---- docstrings -------------------------------------------------------------------------------------

FIELD = re.compile(r"^(\w+(?:, \w+)*) : (.*)$")
SECTION = re.compile(r"^-{3,}$")
COLUMNS = re.compile(r"^\w+ {2,}\S")
ACTIVE = re.compile(r"(`[^`]*`)|([|*]|(?<=\w)_(?!\w))")


def plain(lines: list[str]) -> list[str]:
    """Docstrings are plain text but for `names`: what reStructuredText would take for a mark (|w|, a * b, set_) is escaped."""
    return [ACTIVE.sub(lambda found: found[1] or "\\" + found[2], text) for text in lines]


def readable(app, what, name, obj, options, lines) -> None:
    """Make reStructuredText of a docstring: formulas (indented blocks) are shown as they stand, fields of a class and tables as lists and tables."""
    result: list[str] = []
    section = fields = rows = ""
    blocks = [list(block) for _, block in itertools.groupby(lines, key=lambda text: bool(text.strip()))]
    for block in blocks:
        if not block[0].strip():
            result += block
            continue
        fields = ""
        for number, text in enumerate(block):
            if number == 0 and len(block) > 1 and SECTION.match(block[1]):
                section = text
        indent = len(block[0]) - len(block[0].lstrip())
        if block[0].lstrip().startswith(">>>"):
            result += block
        elif indent and not section and result:
            result += ["::", "", *block]
        elif not section and len(block) > 1 and COLUMNS.match(block[0]) and result:
            result += ["::", "", *["   " + text for text in block]]
        elif block[-1].lstrip().startswith("|") and block[-1].rstrip().endswith("|"):
            rows = [text for text in block if text.lstrip().startswith("|")]
            result += plain([text for text in block if text not in rows])
            result += ["", *markdown_table(rows)]
        elif what == "class" and not section and any(FIELD.match(text) for text in block):
            for text in plain(block):
                if FIELD.match(text):
                    result += [] if fields or not result or not result[-1] else [""]
                    for part in text.split(";  "):
                        names, _, rest = part.partition(" : ")
                        result.append(f"* {', '.join(f'**{n}**' for n in names.split(', '))}: {rest}" if rest else f"  {part}")
                    fields = "yes"
                else:
                    result.append(("  " + text.lstrip()) if fields else text)
        else:
            result += plain(block)
    if what in ("property", "attribute"):
        result.insert(0, "")  # or napoleon takes what stands before a colon for a type
    lines[:] = result


def markdown_table(rows: list[str]) -> list[str]:
    """A Markdown table's rows as a list-table, at the same indentation."""
    indent = rows[0][:len(rows[0]) - len(rows[0].lstrip())]
    cells = [plain([cell.strip() for cell in row.strip().strip("|").split(" | ")]) for row in rows if not set(row) <= set("|- ")]
    lines = [indent + ".. list-table::", indent + "   :header-rows: 1", indent + "   :class: names", ""]
    return lines + [f"{indent}   {'*' if i == 0 else ' '} - {cell}" for row in cells for i, cell in enumerate(row)]


def is_field(app, what, name, obj, skip, options):
    """Leave fields of tuples and dataclasses out: the class's text tells of them."""
    return True if type(obj).__name__ in ("_tuplegetter", "member_descriptor") or not callable(obj) and not inspect.isdatadescriptor(obj) and not hasattr(obj, "func") else None


# ---- links ------------------------------------------------------------------------------------------

NAME = re.compile(r"^[A-Za-z_]\w*(\.\w+)*(\(\))?$")


def name_role(role, rawtext, text, lineno, inliner, options=None, content=None):
    """`text` as code; where it is a public name, a link to it. What begins with `ns.` or `netsnn.` must be one."""
    code = nodes.literal(text, text, classes=["xref", "py"])
    if not NAME.match(text):
        return [nodes.literal(text, text)], []
    env = inliner.document.settings.env
    target = re.sub(r"^ns\.", "netsnn.", text.removesuffix("()"))
    link = pending_xref("", code, refdomain="py", reftype="obj", reftarget=target, refexplicit=False, refwarn=target.startswith("netsnn."),
                        soft=not target.startswith("netsnn."), refdoc=env.docname)
    link["py:module"], link["py:class"] = env.ref_context.get("py:module"), env.ref_context.get("py:class")
    link.line = lineno
    return [link], []


def public_names() -> dict[str, str]:
    """Every way to write a public name -> the name under which it is documented."""
    found = {}
    for package in PAGES:
        for name in public(package):
            value = get(package, name)
            full = full_name(package, name)
            for way in {full, full.removeprefix("netsnn."), f"{getattr(value, '__module__', package)}.{name}", f"netsnn.{name}" if inspect.isclass(value) or name == "sparsify" else full,
                        name if inspect.isclass(value) or name.isupper() else full}:
                found.setdefault(way, full)
    return found


def missing(app, env, node, contnode):
    """The public name behind a reference that Sphinx does not find; types of other libraries stay text."""
    if node.get("refdomain") != "py":
        return None
    if not hasattr(app, "netsnn_names"):
        app.netsnn_names = public_names()
    target = node["reftarget"]
    documented = env.get_domain("py").objects
    head, _, tail = target.rpartition(".")
    for way in (app.netsnn_names.get(target), f"{app.netsnn_names.get(head)}.{tail}", f"netsnn.{target}", f"{node.get('py:module')}.{target}"):
        if way in documented:
            entry = documented[way]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, way)
    if node.get("soft") or (node["reftype"] != "obj" and not target.startswith("netsnn.")):
        return contnode
    try:
        importlib.import_module(target)
    except ImportError:
        return contnode if node["reftype"] == "class" else None
    return contnode


def setup(app):
    app.add_role("name", name_role)
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", readable, priority=400)
    app.connect("autodoc-skip-member", is_field)
    app.connect("missing-reference", missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
