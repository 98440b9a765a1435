"""Checks a table against its schema, its numbers, its own metadata, and the documents that it was made from."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.records import row_fields
from elmo_udf.errors import LaterFormat, UserError
from elmo_udf.formats import SIDECAR
from elmo_udf.lake.checks import COUNTED, Check, counting
from elmo_udf.lake.options import ValidateOptions
from elmo_udf.lake.source import source_checks
from elmo_udf.spark import files
from elmo_udf.spark.metadata import MAY_DIFFER, TableMetadata, metadata_of
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Written
from elmo_udf.spark.tables import read_rows, read_sidecar
from elmo_udf.spark.versions import POSITIONS, newest_rows


def validate_table(spark: SparkSession, options: ValidateOptions) -> dict[str, Any]:
    """Makes every check. Returns the report, whose ``status`` is ``failed`` if a check does not pass.

    Raises UserError if there is no table, or if the source can't be read.
    """
    read = {"table": options.embeddings, "source": options.source, "rejects": options.rejects_path}
    return in_transaction(spark, Written.of(options, [], read, mode="overwrite"), lambda work: _validate(work, options))


def _validate(work: Transaction, options: ValidateOptions) -> dict[str, Any]:
    spark, path = work.spark, options.embeddings
    if not files.exists(spark, path):
        raise UserError(f"table {path!r} does not exist; expected an embedding table; check the path")
    try:
        rows = read_rows(spark, path)
    except LaterFormat:
        raise
    except UserError as error:
        return _report(options, [Check("readable", False, str(error), "Parquet files")], {})
    made = metadata_of(rows, "embedding")
    if made is None:
        found = f"columns {', '.join(rows.columns)}, no metadata of embed.py on embedding"
        return _report(options, [Check("schema", False, found, "a table of embed.py")], {})
    checks = [_schema_check(rows, made), _sidecar_check(spark, path, made)]
    if options.dry_run or not checks[0].passed:
        return _report(options, checks, {})
    sizes: dict[str, Any] = {}
    try:
        checks += _vector_checks(rows, made) + _row_checks(rows, made, sizes)
        if options.source is not None:
            checks += source_checks(spark, rows, options)
    except Exception as error:
        if isinstance(error, UserError) or "FAILED_READ_FILE" not in str(error):
            raise
        checks.append(Check("readable", False, str(error).splitlines()[0][:200], "every file can be read"))
    return _report(options, checks, sizes)


def _report(options: ValidateOptions, checks: list[Check], sizes: dict[str, Any]) -> dict[str, Any]:
    passed = all(check.passed for check in checks)
    return {
        "status": "ok" if passed else "failed",
        "embeddings": options.embeddings,
        **sizes,
        "n_checks": len(checks),
        "n_failed": sum(not check.passed for check in checks),
        "checks": [check.row() for check in checks],
    }


def _schema_check(rows: DataFrame, made: TableMetadata) -> Check:
    """Checks that the columns of the level exist, in any order. There may be others, which the table kept."""
    expected = {field.name: field.dataType.simpleString() for field in row_fields(made.level)}
    expected |= {"content_hash": "string", "model": "string", "embedded_at": "timestamp"}
    found = {field.name: field.dataType.simpleString() for field in rows.schema}
    wrong = [f"{name} {found.get(name, 'missing')}" for name, kind in expected.items() if found.get(name) != kind]
    wrong += [] if "id" in found else ["id missing"]
    return Check("schema", not wrong, ", ".join(wrong) or "as expected", "the columns of embed.py and their types")


def _sidecar_check(spark: SparkSession, path: str, made: TableMetadata) -> Check:
    """Checks that ``_elmo.json`` agrees with the metadata of the column, except where rows may differ."""
    said = read_sidecar(spark, path)
    if said is None:
        return Check("metadata", False, f"no {SIDECAR}", f"{SIDECAR} beside the data")
    expected = {name: value for name, value in made.as_dict().items() if name not in MAY_DIFFER}
    unlike = [f"{name} {said.get(name)!r}" for name, value in expected.items() if said.get(name) != value]
    return Check("metadata", not unlike, ", ".join(unlike) or "equal", f"{SIDECAR} as the column's metadata")


def _vector_checks(rows: DataFrame, made: TableMetadata) -> list[Check]:
    schema = T.StructType([T.StructField(name, T.LongType()) for name in COUNTED])
    counts = rows.select("embedding").mapInArrow(counting(made.width, made.normalize), schema)
    found = counts.agg(*(F.sum(name).alias(name) for name in COUNTED)).collect()[0].asDict()
    names = COUNTED if made.normalize else COUNTED[:-1]
    return [Check.none(name, found[name] or 0, "vectors" if name != "null_values" else "values") for name in names]


def _row_checks(rows: DataFrame, made: TableMetadata, sizes: dict[str, Any]) -> list[Check]:
    """Checks the columns beside the vectors, and that ids are unique. It adds sizes for the report to ``sizes``."""
    keys = ["id", *(name for name in POSITIONS if name in rows.columns)]
    required = [*keys, "n_tokens", "n_sentences", "n_truncated", "content_hash", "model", "embedded_at"]
    is_null = F.lit(False)
    for name in required:
        is_null |= F.col(name).isNull()
    is_off = (F.col("n_tokens") < 1) | (F.col("n_sentences") < 1) | (F.col("n_truncated") < 0)
    counts = rows.agg(
        F.count("*").alias("n_rows"),
        F.count_if(is_null).alias("nulls"),
        F.count_if(is_off | (F.col("n_truncated") > F.col("n_tokens"))).alias("off"),
        F.count_if(F.col("model") != made.fingerprint).alias("other_model"),
        F.count_if(~F.col("content_hash").rlike("^[0-9a-f]{64}$")).alias("no_hash"),
    ).collect()[0]
    newest = newest_rows(rows).select(*keys)
    n_newest, n_documents = newest.agg(F.count("*"), F.countDistinct("id")).collect()[0]
    n_twice = newest.groupBy(*keys).count().where("count > 1").count()
    sizes |= {"n_rows": counts.n_rows, "n_documents": n_documents, "n_rows_superseded": counts.n_rows - n_newest}
    return [
        Check.none("nulls", counts.nulls, "rows with a NULL"),
        Check.none("counts", counts.off, "rows whose counts of tokens can't be"),
        Check.none("content_hash", counts.no_hash, "rows without a SHA-256"),
        Check.none("fingerprint", counts.other_model, f"rows of another model than {made.fingerprint}"),
        Check.none("duplicates", n_twice, "keys with several newest rows"),
    ]
