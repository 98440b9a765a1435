"""Answers a file of texts, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.udf import elmo_udf
from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.similarity.queries.answers_file import write_rows
from elmo_udf.similarity.queries.corpus import Corpus
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.similarity.queries.search import nearest_to_each
from elmo_udf.spark.inputs.documents import TEXT, read_documents
from elmo_udf.spark.outputs.transaction import Transaction

MAX_TEXTS = 100_000


def answer_texts(work: Transaction, options: QueryOptions, corpus: Corpus) -> dict[str, Any]:
    """Answers all lines of ``options.texts``, many in each pass over the table. Returns counts for the report.

    Lines without a vector are counted by reason. Raises UserError for more than MAX_TEXTS lines.
    """
    spark = work.spark
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
    return report | {"output": options.output, "rows_out": write_rows(work, options, rows)}


def _embedded(
    spark: SparkSession, options: QueryOptions, corpus: Corpus
) -> tuple[pa.Table, np.ndarray, dict[str, int]]:
    """Returns ``query_id`` and ``text`` of lines with a vector, their corrected vectors (n, D), and other counts."""
    assert options.texts is not None
    documents = read_documents(spark, InputOptions(input=options.texts, input_format="text"))
    n = documents.limit(MAX_TEXTS + 1).count()
    if n > MAX_TEXTS:
        raise UserError(
            f"texts {options.texts!r} has more than {MAX_TEXTS:,} lines, expected at most that many; embed them with "
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
