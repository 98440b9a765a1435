"""Makes the DataFrame of one run: every row of the input becomes rows of the table, or one row of the rejects."""

from __future__ import annotations

from pyspark import Accumulator
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding import records
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.plan import Plan
from elmo_udf.embedding.reasons import first_of_each_id, with_reasons
from elmo_udf.embedding.records import embedded_batches, row_fields
from elmo_udf.embedding.stats import WorkerStats
from elmo_udf.spark.inputs.documents import TEXT, kept_columns
from elmo_udf.spark.outputs.outcomes import DETAIL, EMBEDDED, OUTCOME

_CARRIED = ("id", "content_hash", "_reason", "_detail")


def checked_documents(documents: DataFrame) -> DataFrame:
    """Returns every row of the input with its ``content_hash``, and with the reason if it is rejected.

    The columns are id, TEXT (NULL if the row is rejected), content_hash, _reason and _detail (NULL if it is good) and
    those to keep. If several good rows share an id, one of them stays good.
    """
    kept = kept_columns(documents)
    # Where texts are equal too, the columns to keep decide; as JSON, for maps can be neither compared nor hashed.
    ties = [F.xxhash64(F.to_json(F.struct(*kept)))] if kept else []
    said = F.lit("another row of this id is kept, with content hash ")
    checked = first_of_each_id(
        with_reasons(documents),
        ["content_hash", *ties],
        lambda rows: F.concat(said, F.first("content_hash").over(rows)),
    )
    text = F.when(F.col("_reason").isNull(), F.col(TEXT)).alias(TEXT)
    return checked.select("id", text, *_CARRIED[1:], *kept)


def embedded_rows(
    checked: DataFrame, plan: Plan, options: EmbedOptions, stats: Accumulator[WorkerStats], n_tasks: int, at: Column
) -> DataFrame:
    """Returns the embedding table with OUTCOME and DETAIL, made from :func:`checked_documents`.

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
    """Returns the documents distributed to ``n_tasks`` by their text.

    Equal texts are consecutive, and embedded once.
    """
    # Rows that are rejected have no text to embed; what is said of them keeps them from all meeting in one task.
    text = F.when(F.col("_reason").isNull(), F.col("content_hash"))
    spread = checked.withColumn("_text_key", F.coalesce(text, F.col("id").cast("string"), F.col("_detail")))
    return spread.repartition(n_tasks, "_text_key").sortWithinPartitions("_text_key")


def empty_table(spark: SparkSession, plan: Plan, options: EmbedOptions) -> DataFrame:
    """Returns the embedding table without rows."""
    kept = [plan.documents.schema[name] for name in kept_columns(plan.documents)]
    fields = [plan.documents.schema["id"], *row_fields(options.level), *kept]
    schema = T.StructType(fields).add("content_hash", "string").add("model", "string").add("embedded_at", "timestamp")
    return _in_order(spark.createDataFrame([], schema), plan, options)


def _in_order(rows: DataFrame, plan: Plan, options: EmbedOptions, *more: str) -> DataFrame:
    """Returns the columns of the embedding table in order, with the metadata on ``embedding``."""
    counts = ("n_tokens", "n_sentences", "n_truncated")
    positions = [f.name for f in row_fields(options.level) if f.name not in ("embedding", *counts)]
    embedding = F.col("embedding").alias("embedding", metadata=plan.metadata.as_dict())
    kept = [F.col(ours).alias(name) for ours, name in zip(kept_columns(rows), options.carried_columns, strict=True)]
    return rows.select("id", *positions, embedding, *counts, "content_hash", "model", "embedded_at", *kept, *more)
