"""Writes answers to a table, or to a file of JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from elmo_udf.errors import UserError
from elmo_udf.plots.paths import check_local
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.spark.outputs import commit
from elmo_udf.spark.outputs.checks import check_outputs, given

_JSON = (".jsonl", ".json", ".ndjson")


def check_output(spark: SparkSession, options: QueryOptions) -> None:
    """Raises UserError, before the work, if the output can't be written or exists."""
    if options.output is None:
        return
    inputs = {"table of --embeddings": options.embeddings}
    inputs |= given(options, "texts", "correction")
    if not _is_json(options.output):
        check_outputs(spark, {"output": options.output}, inputs, options.mode)
        return
    check_local("output", options.output, Path(options.output).suffix.lower())
    for name, path in inputs.items():
        if _is_part_of(Path(options.output), path):
            raise UserError(
                f"output {options.output!r} is, or lies in, the {name} {path!r}; expected a separate path; change one "
                "of them"
            )
    if options.mode == "error" and Path(options.output).exists():
        raise UserError(f"output {options.output!r} exists already; give another path, or --mode overwrite")


def write_answers(spark: SparkSession, options: QueryOptions, found: DataFrame, answers: list[dict[str, Any]]) -> None:
    """Writes the answers to one text to ``options.output``, with the columns and types of answers to many texts.

    Args:
        found: The rows as they were collected.
        answers: Each answer with its rank and, if it is a word, with its sentence.
    """
    first = T.StructType().add("query_id", "string", False).add("text", "string").add("rank", "integer", False)
    schema = T.StructType([*first, *found.schema])
    if options.level == "token":
        schema = schema.add("sentence", "string")
    rows = [{"query_id": "text", "text": options.text, **answer} for answer in answers]
    write_rows(spark, options, spark.createDataFrame(rows, schema).coalesce(1))


def write_rows(spark: SparkSession, options: QueryOptions, rows: DataFrame) -> int:
    """Writes all answers as a table or as JSON lines (one object per text). Returns the number of rows."""
    assert options.output is not None
    if not _is_json(options.output):
        with commit.staging(spark, options.output) as staging:
            rows.write.parquet(f"{staging.folder}/table")
            n_rows = spark.read.parquet(f"{staging.folder}/table").count()
            sidecar = {"table": "answers", "embeddings": options.embeddings, "k": options.k}
            staging.put_table(f"{staging.folder}/table", options.output, sidecar, options.mode)
        return n_rows
    n_rows, path = 0, Path(options.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for answer in _by_text(row.asDict() for row in rows.toLocalIterator()):
            file.write(json.dumps(answer, ensure_ascii=False, default=str) + "\n")
            n_rows += len(answer["answers"])
    return n_rows


def _by_text(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields one object for each text, from rows that are sorted by text."""
    for (query_id, text), answers in groupby(rows, itemgetter("query_id", "text")):
        of_text = [{name: value for name, value in row.items() if name not in ("query_id", "text")} for row in answers]
        yield {"query_id": query_id, "text": text, "answers": of_text}


def _is_part_of(file: Path, source: str) -> bool:
    """Returns whether a file on this machine is, or is inside of, what ``source`` names, which is a path or a glob."""
    pattern = Path(re.sub("^file:/+", "/", source)).absolute()
    found = [path.resolve() for path in Path("/").glob(str(pattern).lstrip("/"))]
    return any(place in found for place in (file.resolve(), *file.resolve().parents))


def _is_json(path: str) -> bool:
    return Path(path).suffix.lower() in _JSON
