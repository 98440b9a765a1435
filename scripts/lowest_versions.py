"""Prints the lowest version that setup.py allows of every package it names, as constraints of pip: ``numpy==1.26``."""

import re
import runpy
from itertools import chain
from pathlib import Path
from unittest.mock import patch

SETUP = Path(__file__).resolve().parents[1] / "setup.py"


def lowest(requirement: str) -> tuple[str, str]:
    """Name and lower bound of a requirement such as ``tensorflow[and-cuda]>=2.18,<3``."""
    found = re.match(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)", requirement)
    if not found:
        raise ValueError(f"{requirement!r} in setup.py has no lower bound, expected NAME>=VERSION")
    return found[1], found[2]


def constraints() -> dict[str, str]:
    """Lower bound of each package that the project or one of its extras requires."""
    with patch("setuptools.setup") as setup:
        runpy.run_path(str(SETUP))
    required = setup.call_args.kwargs
    return dict(map(lowest, chain(required["install_requires"], *required["extras_require"].values())))


if __name__ == "__main__":
    for name, version in constraints().items():
        print(f"{name}=={version}")
