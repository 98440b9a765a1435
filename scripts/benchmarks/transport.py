"""What it costs to bring vectors out of Python: three ways, on vectors that are already there.

The job makes the rows of its table in one mapInArrow step. This measures that step against a pandas UDF that returns
arrays, which is what users get, and against the least that mapInArrow can do.

    python scripts/benchmarks/transport.py [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyspark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.documents import EmbeddedDocument
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.records import DETAIL, REASON, row_fields, rows_of
from elmo_udf.text.tokenizer import TokenizedDocument

WIDTH = 1024
RESULTS = Path(__file__).parent / "results" / "transport.json"


def udf_of_arrays(table: DataFrame) -> DataFrame:
    """What a user gets from elmo_udf: array<float> straight from pandas."""

    def embed(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for batch in batches:
            vectors = np.ones((len(batch), WIDTH), np.float32)
            yield pd.Series(list(vectors))

    udf = F.pandas_udf(embed, "array<float>")  # type: ignore[call-overload]  # its stubs know no hints
    return table.select("id", udf("id").alias("embedding"))


def rows_of_the_table(table: DataFrame) -> DataFrame:
    """What the job does: Arrow in, rows of the table out, with their counts and reasons."""
    schema = T.StructType([table.schema["id"], *row_fields("document")]).add(REASON, "string").add(DETAIL, "string")
    layout, tokenized, names = Layout(("elmo",), (WIDTH,), ("mean",)), TokenizedDocument([["a"]]), schema.names

    def embed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            vectors = np.ones((batch.num_rows, 1, WIDTH), np.float32)
            yield from rows_of(batch, [EmbeddedDocument(vector, tokenized) for vector in vectors], layout, names)

    return table.mapInArrow(embed, schema).select("id", "embedding")


def map_alone(table: DataFrame) -> DataFrame:
    """The least there is: Arrow in, Arrow out, one Python step."""

    def embed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            values = pa.array(np.ones(batch.num_rows * WIDTH, np.float32))
            offsets = pa.array(np.arange(batch.num_rows + 1, dtype=np.int32) * WIDTH)
            vectors = pa.ListArray.from_arrays(offsets, values)
            yield pa.RecordBatch.from_arrays([batch.column(0), vectors], names=["id", "embedding"])

    return table.mapInArrow(embed, "id long, embedding array<float>")


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows; results are not written")
    quick = parser.parse_args().quick
    n_rows, repeats = (2_000, 1) if quick else (50_000, 3)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    ways: list[Callable[[DataFrame], DataFrame]] = [udf_of_arrays, rows_of_the_table, map_alone]
    seconds: dict[str, list[float]] = {way.__name__: [] for way in ways}
    for _ in range(repeats + 1):  # the first round warms up and is dropped
        for way in ways:
            started = time.perf_counter()
            way(spark.range(n_rows, numPartitions=1)).write.format("noop").mode("overwrite").save()
            seconds[way.__name__].append(time.perf_counter() - started)
    spark.stop()
    rates = {name: round(n_rows / statistics.median(times[1:] or times)) for name, times in seconds.items()}
    result: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "python": platform.python_version()},
        "versions": {"pyspark": pyspark.__version__, "pyarrow": pa.__version__, "pandas": pd.__version__},
        "rows": n_rows,
        "width": WIDTH,
        "cores": 1,
        "rows_per_s": rates,
        "bars": {"rows_of_array_udf": round(rates["rows_of_the_table"] / rates["udf_of_arrays"], 2)},
    }
    print(json.dumps(result, indent=2))
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
