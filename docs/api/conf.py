"""Settings of Sphinx for scripts/api."""

from elmo_udf import __version__

project = "elmo-udf"
version = release = __version__
extensions = ["sphinx.ext.autodoc"]
html_theme = "alabaster"
html_theme_options = {"description": "ELMo vectors on Spark, exact cosine similarity", "page_width": "1100px"}
html_show_copyright = html_show_sphinx = html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# A name that the package uses and these pages do not describe fails the build. Other libraries have pages of their own.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(np|numpy|pd|pandas|pyspark|tf)\..*"), ("py:.*", r"(collections|typing|pathlib)\..*")]
