"""Fixtures of the tests on clusters."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def package(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What scripts/package builds, in a folder outside of the checkout.

    ELMO_UDF_PACKAGE names such a folder that is there already, which saves minutes.
    """
    if (there := os.environ.get("ELMO_UDF_PACKAGE")) is not None:
        return Path(there)
    folder = tmp_path_factory.mktemp("package") / "elmo"
    subprocess.run([root / "scripts" / "package", "--output", folder], check=True)
    return folder


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Forty short documents, as JSON lines."""
    path = tmp_path / "documents.jsonl"
    rows = ({"id": f"d{i}", "text": f"Document {i} has a number. It is {i * i}!"} for i in range(40))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
