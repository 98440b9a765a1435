"""Settings of Sphinx, with which scripts/api makes the API pages from the docstrings."""

import dataclasses

from pyspark.ml.param import Params
from sphinx.application import Sphinx

from elmo_udf import __version__

project = "elmo-udf"
version = release = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "alabaster"
html_theme_options = {"description": "ELMo vectors on Spark and exact cosine similarity", "page_width": "1100px"}
html_show_copyright = html_show_sphinx = html_show_sourcelink = False

autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
# A name that the package mentions and that no page describes fails the build. Other libraries have pages of their own.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(collections|np|numpy|pandas|pathlib|pyspark|typing)\..*")]


def described(documented: type) -> dict[str, str]:
    """Return what each option of a dataclass, or each param of a stage of pyspark.ml, says of itself."""
    if dataclasses.is_dataclass(documented):
        return {item.name: item.metadata["help"] for item in dataclasses.fields(documented) if "help" in item.metadata}
    return {param.name: param.doc for param in documented().params} if issubclass(documented, Params) else {}


def complete(_app: Sphinx, kind: str, _name: str, documented: object, _options: object, lines: list[str]) -> None:
    """Add options and params to the docstring of their class. Sphinx expects its listener to change ``lines``."""
    if kind == "class" and isinstance(documented, type):
        lines += ["", *(f":param {name}: {text}" for name, text in described(documented).items())]


def setup(app: Sphinx) -> None:
    """Listen to every docstring that Sphinx reads."""
    app.connect("autodoc-process-docstring", complete)
