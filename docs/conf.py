"""How the documentation is built: `make docs`, or `python -m sphinx -W --keep-going -n docs docs/_build/html`."""

import os
import sys
from pathlib import Path

os.environ.setdefault("COLUMNS", "100")  # the width of the commands' help
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import netsnn  # noqa: E402

project = "netsnn"
author = "netsnn developers"
copyright = author
version = release = netsnn.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False  # "top" is a value that users type
default_role = "name"  # `ns.read` links to its page, `seed` is code: see reference.py

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Pairs", "PathLike", "Seed", "Weights")}  # not what they stand for
maximum_signature_line_length = 100
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"netsnn {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
