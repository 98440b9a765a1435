"""A task that fails and runs again gives the same vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import SparkSession

from elmo_udf import elmo_udf
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder


def test_vectors_after_a_failed_attempt(spark: SparkSession, tmp_path: Path) -> None:
    model = random_model(11)
    texts = [f"text {i} " + "word " * i + "." for i in range(30)]
    table = spark.createDataFrame(list(enumerate(texts)), "n int, text string").repartition(2)
    failed = str(tmp_path / "failed")

    def fail_at_first(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches
        context = TaskContext.get()
        if context and context.attemptNumber() == 0 and context.partitionId() == 0:
            Path(failed).touch()
            raise RuntimeError("the first attempt, when all is computed")

    embed = elmo_udf(str(write_folder(model, tmp_path / "elmo")), tokenizer="whitespace")
    vectors = table.select("n", embed("text").alias("v")).mapInArrow(fail_at_first, "n int, v array<float>")
    found = {row.n: row.v for row in vectors.collect()}
    assert Path(failed).exists(), "no attempt has failed"
    assert found.keys() == set(range(len(texts)))
    for n, vector in found.items():
        expected = numpy_elmo.layers(model, texts[n].split())["elmo"].mean(axis=0)
        np.testing.assert_allclose(vector, expected, atol=1e-5)
