"""The DataFrame of one run: every input row becomes rows of the table, or one row of the rejects."""

from __future__ import annotations

from pyspark import Accumulator
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding import records
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.plan import Plan
from elmo_udf.embedding.records import embedded_batches, row_fields
from elmo_udf.embedding.stats import WorkerStats
from elmo_udf.spark.inputs.columns import MALFORMED
from elmo_udf.spark.inputs.documents import TEXT, kept_columns
from elmo_udf.spark.outputs.outcomes import DETAIL, EMBEDDED, OUTCOME

_BLANK = r"(?U)^\s*$"
_CARRIED = ("id", "content_hash", "_reason", "_detail")


def checked_documents(documents: DataFrame) -> DataFrame:
    """Every row of the input with its ``content_hash``, and in ``_reason`` and ``_detail`` why it is rejected, or NULL.

    Columns: id, TEXT (NULL where the row is rejected), content_hash, _reason, _detail and those to keep. Of the good
    rows that share an id one is left.
    """
    kept = kept_columns(documents)
    checked = _first_of_each_id(with_reasons(documents), kept)
    text = F.when(F.col("_reason").isNull(), F.col(TEXT)).alias(TEXT)
    return checked.select("id", text, *_CARRIED[1:], *kept)


def embedded_rows(
    checked: DataFrame, plan: Plan, options: EmbedOptions, stats: Accumulator[WorkerStats], n_tasks: int, at: Column
) -> DataFrame:
    """The columns of the embedding table, OUTCOME and DETAIL, of :func:`checked_documents`.

    ``at`` becomes ``embedded_at``.
    """
    carried = [*_CARRIED, *kept_columns(checked)]
    together = _equal_texts_together(checked, n_tasks).select(*carried, TEXT)
    schema = T.StructType([together.schema[name] for name in carried] + row_fields(options.level))
    schema = schema.add(records.REASON, "string").add(records.DETAIL, "string")
    embed = embedded_batches(TEXT, plan.model.file_name, options, plan.layout, stats, schema.names)
    rows = together.mapInArrow(embed, schema, profile=plan.stage.profile)
    by_spark = F.col("_reason").isNotNull()  # where the network was given no text
    rows = rows.withColumn(DETAIL, F.when(by_spark, F.col("_detail")).otherwise(F.col(records.DETAIL)))
    rows = rows.withColumn(OUTCOME, F.coalesce("_reason", records.REASON, F.lit(EMBEDDED)))
    rows = rows.withColumn("model", F.when(F.col(OUTCOME) == EMBEDDED, F.lit(plan.model.fingerprint)))
    return _in_order(rows.withColumn("embedded_at", at), plan, options, OUTCOME, DETAIL)


def _equal_texts_together(checked: DataFrame, n_tasks: int) -> DataFrame:
    """Documents spread over ``n_tasks`` by their text, equal texts one after the other: the UDF embeds these once."""
    # Rows that are rejected have no text to embed; what is said of them keeps them from all meeting in one task.
    text = F.when(F.col("_reason").isNull(), F.col("content_hash"))
    spread = checked.withColumn("_text_key", F.coalesce(text, F.col("id").cast("string"), F.col("_detail")))
    return spread.repartition(n_tasks, "_text_key").sortWithinPartitions("_text_key")


def empty_table(spark: SparkSession, plan: Plan, options: EmbedOptions) -> DataFrame:
    """The embedding table without a row."""
    kept = [plan.documents.schema[name] for name in kept_columns(plan.documents)]
    fields = [plan.documents.schema["id"], *row_fields(options.level), *kept]
    schema = T.StructType(fields).add("content_hash", "string").add("model", "string").add("embedded_at", "timestamp")
    return _in_order(spark.createDataFrame([], schema), plan, options)


def _in_order(rows: DataFrame, plan: Plan, options: EmbedOptions, *more: str) -> DataFrame:
    """The columns of the embedding table in their order, with the metadata on ``embedding``."""
    counts = ("n_tokens", "n_sentences", "n_truncated")
    positions = [f.name for f in row_fields(options.level) if f.name not in ("embedding", *counts)]
    embedding = F.col("embedding").alias("embedding", metadata=plan.metadata.as_dict())
    kept = [F.col(ours).alias(name) for ours, name in zip(kept_columns(rows), options.carried_columns, strict=True)]
    return rows.select("id", *positions, embedding, *counts, "content_hash", "model", "embedded_at", *kept, *more)


def with_reasons(documents: DataFrame, needs_id: bool = True) -> DataFrame:
    """``content_hash``, and what is wrong with a row as far as Spark can tell, in ``_reason`` and ``_detail``.

    ``needs_id``: whether a row without an id, or with one that can't be read, is wrong too.
    """
    text = F.col(TEXT)
    if isinstance(documents.schema[TEXT].dataType, T.ArrayType):
        text = F.to_json(TEXT)
        blank = F.lit(False)  # lists of tokens may be empty in many ways: the tokenizer tells
    else:
        blank = text.rlike(_BLANK)
    checks = [
        (F.col(MALFORMED).isNotNull(), "malformed_record", F.make_valid_utf8(F.substring(F.col(MALFORMED), 1, 200))),
        *([(F.col("id").isNull(), "null_id", F.lit("the id is NULL"))] if needs_id else []),
        *[
            (~_is_utf8(F.col(name), documents.schema[name].dataType), "not_utf8", F.lit(f"the {what} is not UTF-8"))
            for name, what in [*([("id", "id")] if needs_id else []), (TEXT, "text")]
        ],
        (F.col(TEXT).isNull(), "null_text", F.lit("the text is NULL")),
        (blank, "blank_text", F.format_string("the text is %d characters of white space", F.length(text))),
    ]
    is_string = isinstance(documents.schema["id"].dataType, T.StringType)
    return (
        documents.withColumn("content_hash", F.sha2(text, 256))
        .withColumn("_reason", F.coalesce(*[F.when(found, F.lit(reason)) for found, reason, _ in checks]))
        .withColumn("_detail", F.coalesce(*[F.when(found, detail) for found, _, detail in checks]))
        .withColumn("id", F.make_valid_utf8("id") if is_string else F.col("id"))  # in the rejects, all can be read
    )


def _is_utf8(column: Column, kind: T.DataType) -> Column:
    """Whether all strings in it are valid UTF-8, which Spark does not ask of a file, and Python does. True for NULL."""
    if isinstance(kind, T.ArrayType):
        return F.coalesce(F.forall(column, lambda item: _is_utf8(item, kind.elementType)), F.lit(True))
    return F.coalesce(F.is_valid_utf8(column), F.lit(True)) if isinstance(kind, T.StringType) else F.lit(True)


def _first_of_each_id(documents: DataFrame, kept: list[str]) -> DataFrame:
    """Of the good rows that share an id the one with the smallest content hash stays, the others get a reason.

    Where the texts are equal too, a hash of the columns ``kept`` decides, and so never the order of the input.
    """
    good = F.col("_reason").isNull()
    # Rows that are rejected already compete with none; their hash keeps them from all meeting in one task.
    apart = F.when(~good, F.coalesce(F.col("content_hash"), F.lit(MALFORMED)))
    ties = [F.xxhash64(F.to_json(F.struct(*kept)))] if kept else []  # as JSON: maps can be neither compared nor hashed
    order = Window.partitionBy("id", "_apart").orderBy("content_hash", *ties)
    kept_hash = F.first("content_hash").over(order)
    detail = F.concat(F.lit("another row of this id is kept, with content hash "), kept_hash)
    is_duplicate: Column = good & (F.row_number().over(order) > 1)
    return (
        documents.withColumn("_apart", apart)
        .withColumn("_duplicate", is_duplicate)
        .withColumn("_detail", F.when(F.col("_duplicate"), detail).otherwise(F.col("_detail")))
        .withColumn("_reason", F.when(F.col("_duplicate"), F.lit("duplicate_id")).otherwise(F.col("_reason")))
    )
