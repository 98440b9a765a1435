"""Many texts to look for: from a file, all at once, or line by line, each answered at once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.documents import embed_documents
from elmo_udf.embedding.loaded import encoder_in_worker
from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.errors import UserError
from elmo_udf.options import EmbedOptions, ModelOptions, QueryOptions
from elmo_udf.plots.paths import check_local
from elmo_udf.similarity.search import nearest, nearest_to_each
from elmo_udf.spark import commit
from elmo_udf.spark.inputs import TEXT, read_documents
from elmo_udf.spark.outputs import check_outputs, given
from elmo_udf.spark.shipping import ShippedModel

if TYPE_CHECKING:
    from elmo_udf.similarity.query import Corpus

MAX_TEXTS = 100_000
_JSON = (".jsonl", ".json", ".ndjson")
NO_DIRECTION = "no direction: its vector, or what the correction leaves of it, is zero"


def check_output(spark: SparkSession, options: QueryOptions) -> None:
    """Refuse an output that can't be written, or that exists (UserError): before the work."""
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
                f"output {options.output!r} is, or lies in, the {name} {path!r}; expected a path apart; change one"
            )
    if options.mode == "error" and Path(options.output).exists():
        raise UserError(f"output {options.output!r} exists already; give another path, or --mode overwrite")


def answer_texts(spark: SparkSession, options: QueryOptions, corpus: Corpus) -> dict[str, Any]:
    """Answers to all lines of ``options.texts``, in passes over the table for many at once; counts for the report.

    Lines that have no vector are counted with their reason. Raises UserError for more than MAX_TEXTS lines.
    """
    texts, vectors, reasons = _embedded(spark, options, corpus)
    counts = {"texts": len(texts) + sum(reasons.values()), "texts_answered": len(texts)}
    report: dict[str, Any] = counts | {"texts_rejected_by_reason": reasons}
    if len(texts) == 0:
        raise UserError(
            f"texts {options.texts!r} has no line with a vector, found {reasons}; expected at least one; "
            "give another file"
        )
    found = nearest_to_each(corpus.table, vectors, options.k, corpus.correction)
    number = pa.array(np.arange(len(texts)), pa.int32())
    asked = spark.createDataFrame(texts.append_column("query", number))
    rows = found.join(F.broadcast(asked), "query").orderBy("query", "rank")
    rows = rows.select("query_id", "text", *(name for name in found.columns if name != "query"))
    if options.output is None:
        return report | {"answers": [row.asDict() for row in rows.drop("text").collect()]}
    return report | {"output": options.output, "rows_out": _write(spark, options, rows)}


def write_answers(spark: SparkSession, options: QueryOptions, found: DataFrame, answers: list[dict[str, Any]]) -> None:
    """The answers to one text into ``options.output``, with the columns, and their types, of answers to many texts.

    found: the rows as they were collected. answers: each with its rank, and where it is a word's with its sentence.
    """
    first = T.StructType().add("query_id", "string", False).add("text", "string").add("rank", "integer", False)
    schema = T.StructType([*first, *found.schema])
    if options.level == "token":
        schema = schema.add("sentence", "string")
    rows = [{"query_id": "text", "text": options.text, **answer} for answer in answers]
    _write(spark, options, spark.createDataFrame(rows, schema).coalesce(1))


def answer_lines(
    shipped: ShippedModel,
    options: QueryOptions,
    corpus: Corpus,
    lines: Iterable[str],
    say: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Each line's answers, said before the next line is read. The driver holds the model; the first line waits for it.

    A line that can't be answered is said to be so, and the next one is read.
    """
    made = ModelOptions(**corpus.made.options() | {"level": "document"})
    encoder, _ = encoder_in_worker(shipped.file_name, made.precision)
    n_lines = n_answered = 0
    for line in (line.strip() for line in lines):
        if not line:
            continue
        started, n_lines = time.perf_counter(), n_lines + 1
        if (readable := line.encode(errors="replace").decode()) != line:
            say({"text": readable, "error": "not_utf8: the line is not UTF-8"})
            continue
        (document,) = embed_documents([line], encoder, made)
        if document.reason is not None:
            say({"text": line, "error": f"{document.reason}: {document.detail}"})
            continue
        vector = corpus.corrected(document.vectors)
        if not vector.any():
            say({"text": line, "error": NO_DIRECTION})
            continue
        found = nearest(corpus.table, vector[0], options.k, correction=corpus.correction).collect()
        answers = [{"rank": rank, **row.asDict()} for rank, row in enumerate(found, 1)]
        say({"text": line, "answers": answers, "seconds": round(time.perf_counter() - started, 3)})
        n_answered += 1
    return {"texts": n_lines, "texts_answered": n_answered}


def _embedded(
    spark: SparkSession, options: QueryOptions, corpus: Corpus
) -> tuple[pa.Table, np.ndarray, dict[str, int]]:
    """``query_id`` and ``text`` of lines with a vector; these vectors (n, D), corrected; why other lines have none."""
    assert options.texts is not None
    documents = read_documents(spark, EmbedOptions(input=options.texts, output="", input_format="text"))
    n = documents.limit(MAX_TEXTS + 1).count()
    if n > MAX_TEXTS:
        raise UserError(
            f"texts {options.texts!r} has more than {MAX_TEXTS:,} lines, expected at most so many; embed them with "
            "embed.py, and compare with similarity.py topk --against"
        )
    embed = elmo_udf(spark=spark, **corpus.made.options() | {"level": "document"})
    is_utf8 = F.is_valid_utf8(TEXT)
    rows = documents.select(
        F.make_valid_utf8("id").alias("query_id"),
        F.make_valid_utf8(TEXT).alias("text"),
        embed(F.when(is_utf8, F.col(TEXT))).alias("embedding"),
        is_utf8.alias("is_utf8"),
    )
    line, file = F.substring_index("query_id", ":", -1).cast("long"), F.regexp_extract("query_id", "^(.*):", 1)
    embedded = rows.orderBy(file, line).toArrow()
    has_vector = embedded["embedding"].is_valid()
    rejected = embedded.filter(pc.invert(has_vector))
    readable = rejected.filter(rejected["is_utf8"])["text"].to_pylist()
    blank = sum(not text.strip() for text in readable)
    reasons = {"not_utf8": len(rejected) - len(readable), "blank_text": blank, "no_vector": len(readable) - blank}
    texts = embedded.drop_columns("is_utf8").filter(has_vector)
    vectors = texts["embedding"].combine_chunks().flatten().to_numpy().reshape(len(texts), corpus.made.width)
    vectors = corpus.corrected(vectors)
    directed = vectors.any(axis=1)
    reasons["no_direction"] = int(np.count_nonzero(~directed))
    texts = texts.drop_columns("embedding").filter(pa.array(directed))
    return texts, vectors[directed], {reason: count for reason, count in reasons.items() if count}


def _write(spark: SparkSession, options: QueryOptions, rows: DataFrame) -> int:
    """All answers, as a table or as JSON lines (an object a text); the number of rows."""
    assert options.output is not None
    if not _is_json(options.output):
        with commit.staging(spark, options.output) as folder:
            rows.write.parquet(f"{folder}/table")
            n_rows = spark.read.parquet(f"{folder}/table").count()
            sidecar = {"table": "answers", "embeddings": options.embeddings, "k": options.k}
            commit.put_table(spark, f"{folder}/table", options.output, sidecar, options.mode)
        return n_rows
    n_rows, path = 0, Path(options.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for answer in _by_text(row.asDict() for row in rows.toLocalIterator()):
            file.write(json.dumps(answer, ensure_ascii=False, default=str) + "\n")
            n_rows += len(answer["answers"])
    return n_rows


def _by_text(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of one text after the other -> an object for each text."""
    answer: dict[str, Any] | None = None
    for row in rows:
        asked = {name: row.pop(name) for name in ("query_id", "text")}
        if answer is not None and answer["query_id"] == asked["query_id"]:
            answer["answers"].append(row)
            continue
        if answer is not None:
            yield answer
        answer = asked | {"answers": [row]}
    if answer is not None:
        yield answer


def _is_part_of(file: Path, source: str) -> bool:
    """Whether a file of this machine is one that ``source``, a path or glob, names, or lies in a folder of these."""
    pattern = Path(re.sub("^file:/+", "/", source)).absolute()
    found = [path.resolve() for path in Path("/").glob(str(pattern).lstrip("/"))]
    return any(place in found for place in (file.resolve(), *file.resolve().parents))


def _is_json(path: str) -> bool:
    return Path(path).suffix.lower() in _JSON
