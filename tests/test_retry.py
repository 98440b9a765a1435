"""A task that fails and runs again gives the same vectors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

PROGRAM = """
import json, os, sys
from pyspark import TaskContext
from pyspark.sql import SparkSession
from elmo_udf import elmo_udf

os.environ["PYSPARK_PYTHON"] = sys.executable
spark = SparkSession.builder.master("local[1,3]").config("spark.ui.enabled", "false").getOrCreate()
texts = json.loads(sys.argv[2])
table = spark.createDataFrame(list(enumerate(texts)), "n int, text string").repartition(2)

def fail_at_first(batches):
    for batch in batches:
        yield batch
    if TaskContext.get().attemptNumber() == 0 and TaskContext.get().partitionId() == 0:
        raise RuntimeError("the first attempt, when all is computed")

embed = elmo_udf(sys.argv[1], tokenizer="whitespace")
vectors = table.select("n", embed("text").alias("v")).mapInArrow(fail_at_first, "n int, v array<float>")
print(json.dumps({row.n: list(row.v) for row in vectors.collect()}))
"""


def test_vectors_after_a_failed_attempt(tmp_path: Path) -> None:
    model = random_model(11)
    folder = write_folder(model, tmp_path / "elmo")
    texts = [f"text {i} " + "word " * i + "." for i in range(30)]
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "the first attempt, when all is computed" in done.stderr, "no attempt has failed"
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(texts)
    for n, vector in found.items():
        expected = numpy_elmo.layers(model, texts[int(n)].split())["elmo"].mean(axis=0)
        np.testing.assert_allclose(vector, expected, atol=1e-5)
