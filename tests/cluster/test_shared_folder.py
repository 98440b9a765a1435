"""Blocks go to a folder that driver and executors share: what is said where they don't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PYTHON = """#!/bin/sh
exec unshare --mount sh -c 'mount -t tmpfs none "{hidden}" && exec "{python}" "$@"' sh "$@"
"""


def test_workers_that_do_not_see_the_folder_of_the_driver(root: Path, tmp_path: Path) -> None:
    """Something else is mounted there for them: one line before the work, and nothing is left."""
    hidden, table, python = tmp_path / "hidden", tmp_path / "vectors.parquet", tmp_path / "python"
    hidden.mkdir()
    python.write_text(PYTHON.format(hidden=hidden, python=sys.executable))
    python.chmod(0o755)
    if subprocess.run([python, "-c", "pass"], capture_output=True, check=False).returncode:
        pytest.skip("needs a user that may mount file systems (root), to hide the driver's folder from the workers")
    pq.write_table(pa.table({"id": [1, 2], "embedding": [[1.0, 2.0], [2.0, 1.0]]}), table)
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_SUBMIT_ARGS": "--conf spark.master=local-cluster[1,1,1024] pyspark-shell",
    }
    command = [sys.executable, str(root / "jobs" / "similarity.py"), "topk", "--embeddings", str(table)]
    command += ["--output", str(hidden / "near"), "--k", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(said) == 1, done.stderr[-3000:]
    assert "is not shared by the driver and all executors" in said[0] and "No such file or directory" in said[0]
    assert list(hidden.iterdir()) == []
