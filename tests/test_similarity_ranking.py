"""The best of every id: by one task as by Spark's windows, for ids of every type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from elmo_udf.similarity.ranking import ranked

IDS = {
    "string": "concat('d', {n})",
    "binary": "cast(concat('d', {n}) as binary)",
    "bigint": "{n} - 40",
    "double": "{n} / 3 - 5",
    "decimal": "cast({n} / 4 as decimal(12,2))",
    "date": "date_add(date'1969-12-01', cast({n} as int))",
    "timestamp": "timestamp_seconds({n} * 86400 - 3000000)",
    "boolean": "{n} % 2 = 0",
}


@pytest.mark.parametrize("kind", IDS)
def test_one_task_and_windows_give_the_same(spark: SparkSession, kind: str) -> None:
    """Many ties, several batches, and some ids that have fewer than k."""
    random = np.random.default_rng(5)
    n = 3000
    columns = {"left": random.integers(0, 90, n) ** 2 // 90, "right": random.integers(0, 90, n)}
    table = pa.table(columns | {"steps": random.integers(-3, 3, n).astype(np.int32) * 1000})
    rows = spark.createDataFrame(table).dropDuplicates(["left", "right"])
    ids = [F.expr(IDS[kind].format(n=side)) for side in columns]
    kept = rows.select(ids[0].alias("id"), ids[1].alias("neighbor_id"), "steps").repartition(4)
    kept = kept.dropDuplicates(["id", "neighbor_id"]).localCheckpoint()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 100)
    try:
        found = [ranked(kept, 4, is_few) for is_few in (True, False)]
        tables = [one.toArrow() for one in found]
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert found[0].schema == found[1].schema
    assert tables[0].num_rows > (3 if kind == "boolean" else 100) and tables[0].equals(tables[1])


def test_more_rows_than_a_batch_holds(spark: SparkSession) -> None:
    rows = spark.range(70_000).selectExpr("id % 35000 AS id", "id AS neighbor_id", "cast(id % 7 AS int) AS steps")
    one, other = (ranked(rows, 2, is_few).toArrow() for is_few in (True, False))
    assert one.num_rows == 70_000 and one.equals(other)


def test_nothing_is_ranked_where_nothing_was_kept(spark: SparkSession) -> None:
    rows = spark.createDataFrame([], "id string, neighbor_id string, steps int")
    assert ranked(rows, 3, True).collect() == []
