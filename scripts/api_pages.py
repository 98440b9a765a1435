"""Make the API pages from the docstrings, by Sphinx with the settings and pages in docs/api."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parents[1]


def build(folder: Path, source: Path = ROOT / "docs" / "api") -> int:
    """Write the pages of ``source`` to ``folder``, from scratch.

    Returns the exit code, which is not 0 after any warning, such as one about a reference that leads nowhere.
    """
    strict = ["--fail-on-warning", "--quiet", "--fresh-env", "--write-all"]
    return build_main(["--builder", "html", *strict, str(source), str(folder)])


if __name__ == "__main__":
    pages = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "api"
    code = build(pages)
    if code == 0:
        print(pages / "index.html")
    sys.exit(code)
