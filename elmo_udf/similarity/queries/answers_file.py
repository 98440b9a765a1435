"""Writes answers to a table, or to a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from elmo_udf.plots.paths import check_local
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.spark.outputs.transaction import Transaction
from elmo_udf.spark.outputs.written import Output, Written, given

_JSON = (".jsonl", ".json", ".ndjson")


def written_by(options: QueryOptions) -> Written:
    """Says what a query writes: a table, a file of JSON lines, or nothing. Raises UserError if it can't be written."""
    read = {"table of --embeddings": options.embeddings} | given(options, "texts", "correction", "model")
    if options.output is None or not _is_json(options.output):
        outputs = [Output("output", options.output, ("answers",))] if options.output is not None else []
        return Written.of(options, outputs, read)
    check_local("output", options.output, Path(options.output).suffix.lower())
    return Written.of(options, [], read, ["output"])


def write_answers(work: Transaction, options: QueryOptions, found: DataFrame, answers: list[dict[str, Any]]) -> None:
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
    write_rows(work, options, work.spark.createDataFrame(rows, schema).coalesce(1))


def write_rows(work: Transaction, options: QueryOptions, rows: DataFrame) -> int:
    """Writes all answers as a table or as JSON lines (one object per text). Returns the number of rows."""
    if "output" in work.places.outputs:
        staged = f"{work.folder('output')}/table"
        rows.write.parquet(staged)
        n_rows = work.spark.read.parquet(staged).count()
        work.put_table("output", staged, {"table": "answers", "embeddings": options.embeddings, "k": options.k})
    else:
        n_rows = 0
        with work.file("output").open("w", encoding="utf-8") as file:
            for answer in _by_text(row.asDict() for row in rows.toLocalIterator()):
                file.write(json.dumps(answer, ensure_ascii=False, default=str) + "\n")
                n_rows += len(answer["answers"])
        work.put_files()
    return n_rows


def _by_text(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields one object for each text, from rows that are sorted by text."""
    for (query_id, text), answers in groupby(rows, itemgetter("query_id", "text")):
        of_text = [{name: value for name, value in row.items() if name not in ("query_id", "text")} for row in answers]
        yield {"query_id": query_id, "text": text, "answers": of_text}


def _is_json(path: str) -> bool:
    return Path(path).suffix.lower() in _JSON
