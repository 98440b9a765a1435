"""Tables that can't be read as they were written, and the one line that says so."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.spark.tables import read_rows
from tests.refusals import refused


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with a column of data and one of a folder."""
    (tmp_path / "t" / "part=007").mkdir(parents=True)
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "t" / "part=007" / "data.parquet")
    return tmp_path / "t"


def schema(name: str, kind: object = "string") -> dict[str, object]:
    return {"type": "struct", "fields": [{"name": name, "type": kind, "nullable": True, "metadata": {}}]}


def test_the_types_of_folders_are_those_that_were_written(spark: SparkSession, table: Path) -> None:
    (table / "_elmo.json").write_text(json.dumps({"partition_by": schema("part")}))
    assert [tuple(row) for row in read_rows(spark, str(table)).collect()] == [("a", "007")]


BROKEN = {
    "deep": "[" * 100_000,
    "list": "[]",
    "not JSON": "{",
    "no schema": '{"partition_by": "part"}',
    "a number": '{"partition_by": 7}',
    "no fields": '{"partition_by": {"type": "struct"}}',
    "unknown type": json.dumps({"partition_by": schema("part", "nothing")}),
    "column of data": json.dumps({"partition_by": schema("id")}),
    "no such column": json.dumps({"partition_by": schema("other")}),
    "format": '{"format": "1"}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_damaged_sidecar_is_one_line(spark: SparkSession, table: Path, content: str) -> None:
    (table / "_elmo.json").write_text(content)
    with refused("make"):
        read_rows(spark, str(table))


def test_a_link_to_nothing_is_refused(spark: SparkSession, table: Path) -> None:
    (table / "part=007" / "more.parquet").symlink_to(table / "gone.parquet")
    with refused("more.parquet", "a link to a file that is not there", "repair the link"):
        read_rows(spark, str(table))
