"""Sphinx configuration of the documentation site.

    sphinx-build -W docs docs/_build

Set ``PGIC_DOCS_INTERSPHINX=1`` to link to the sites of Python, NumPy, Pillow and torch; that needs a network.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

from pgic_core import __version__

project = "pgic"
author = "The pgic maintainers"
release = __version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
if os.environ.get("PGIC_DOCS_INTERSPHINX") == "1":
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pillow": ("https://pillow.readthedocs.io/en/stable", None),
    "torch": ("https://docs.pytorch.org/docs/stable", None),
}

exclude_patterns = ["_build"]
# Links to headings within a page, as the forges write them.
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
suppress_warnings = ["myst.header"]  # an included page may start below the first level

# Annotations such as NDArray[np.bool_] are no valid reST.
napoleon_attr_annotations = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
# The page of the torch adapter can be built without torch.
autodoc_mock_imports = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]

# The dump in the file format's example.
lexers["hex"] = TextLexer()

html_theme = "furo"
html_title = f"pgic {release}"


def _put_in_demands(app: object, docname: str, source: list[str]) -> None:
    """The page of conformance shows what the package itself says of it."""
    if docname == "conformance":
        from pgic_core.lab.conformance import markdown_page, read_demands

        source[0] = source[0].replace("<!-- demands -->", markdown_page(read_demands()))


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _put_in_demands)  # type: ignore[attr-defined]
