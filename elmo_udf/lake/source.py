"""Compares a table with the documents that it was made from."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.rows import checked_documents
from elmo_udf.errors import UserError
from elmo_udf.lake.checks import Check
from elmo_udf.lake.options import ValidateOptions
from elmo_udf.spark import files
from elmo_udf.spark.inputs.documents import read_documents
from elmo_udf.spark.outputs.additions import rejects_schema
from elmo_udf.spark.tables import read_rows

_FOUND_WHILE_EMBEDDING = ("blank_text", "too_large", "non_finite_vector")
"""Reasons for a rejection that Spark can't derive from the text alone."""


def source_checks(spark: SparkSession, rows: DataFrame, options: ValidateOptions) -> list[Check]:
    """Returns checks that the table and the rejects contain each row of the source, with its text, and no others."""
    documents = checked_documents(read_documents(spark, options.source_options()))
    ours, theirs = rows.schema["id"].dataType, documents.schema["id"].dataType
    if ours != theirs:
        found, expected = theirs.simpleString(), ours.simpleString()
        return [Check("source_ids", False, f"ids of type {found}", f"ids of type {expected}")]
    version = F.max(F.struct("embedded_at", "content_hash"))["content_hash"].alias("embedded")
    table = rows.groupBy("id").agg(version, F.lit(True).alias("in_table"))
    good = documents.where("_reason IS NULL").select("id", "content_hash", F.lit(True).alias("in_source"))
    rejects = _rejects(spark, rows, options)
    late = rejects.where(F.col("reason").isin(*_FOUND_WHILE_EMBEDDING)).select("id").distinct()
    both = good.join(table, "id", "full").join(late.withColumn("rejected", F.lit(True)), "id", "left")
    counts = both.agg(
        F.count_if("in_source").alias("n_good"),
        F.count_if(F.expr("in_source AND in_table IS NULL AND rejected IS NULL")).alias("missing"),
        F.count_if(F.expr("in_source AND in_table AND content_hash <> embedded")).alias("changed"),
        F.count_if(F.expr("in_table AND in_source IS NULL")).alias("gone"),
        F.count_if(F.expr("in_source AND (in_table OR rejected)")).alias("accounted"),
    ).collect()[0]
    rejected = documents.where("_reason IS NOT NULL").select("id", "_reason", "_detail")
    n_rejected, n_unlisted = rejected.count(), rejected.exceptAll(rejects.select("id", "reason", "detail")).count()
    n_source, n_accounted = counts.n_good + n_rejected, counts.accounted + n_rejected - n_unlisted
    return [
        Check("source_rows", n_source == n_accounted, f"{n_accounted:,} in the table or rejected", f"{n_source:,}"),
        Check.none("missing", counts.missing, "documents of the source in neither table nor rejects"),
        Check.none("changed", counts.changed, "documents whose text is another now"),
        Check.none("not_in_source", counts.gone, "documents of the table that the source has not"),
        Check.none("rejects", n_unlisted, "rejected rows of the source that the rejects table has not"),
    ]


def _rejects(spark: SparkSession, rows: DataFrame, options: ValidateOptions) -> DataFrame:
    """Returns the rejects table, which is empty if there is none."""
    if files.exists(spark, options.rejects_path):
        return read_rows(spark, options.rejects_path)
    if options.rejects is not None:
        raise UserError(f"rejects {options.rejects!r} does not exist; expected a table of embed.py; check the path")
    return spark.createDataFrame([], rejects_schema(rows.schema["id"].dataType))
