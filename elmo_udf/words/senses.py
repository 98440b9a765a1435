"""Implements jobs/senses.py as one function."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.plots.paths import check_png
from elmo_udf.spark.metadata import metadata_of
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.spark.tables import read_embeddings
from elmo_udf.words.find import collect, find
from elmo_udf.words.options import SensesOptions
from elmo_udf.words.report import Separation


def separate_senses(spark: SparkSession, options: SensesOptions) -> dict[str, Any]:
    """Clusters the occurrences of ``options.word``, writes and draws them with their clusters. Returns the report.

    Raises UserError if the table is of another level, if it does not contain the word often enough, or if the output
    can't be written.
    """
    if options.plot:
        check_png(options.plot)
    read = {"table of --embeddings": options.embeddings}
    written = Written.of(options, [Output("output", options.output, ("senses",))], read, ["plot"])
    return in_transaction(spark, written, lambda work: _separate(work, options))


def _separate(work: Transaction, options: SensesOptions) -> dict[str, Any]:
    spark = work.spark
    table = read_embeddings(spark, options.embeddings)
    made = metadata_of(table, "embedding")
    assert made is not None  # read_embeddings refuses other tables
    found = find(table, options)
    n_found = found.count()
    if n_found <= options.k:
        raise UserError(
            f"word {options.word!r} occurs {n_found} times in table {options.embeddings!r}, expected more than k, "
            "which is "
            f"{options.k}; give another word (one token, as in the table), or a larger table"
        )
    n_used = min(n_found, options.max_occurrences)
    about: dict[str, Any] = {
        "model": made.model,
        "fingerprint": made.fingerprint,
        "layer": made.layer,
        "word": options.word,
    }
    about |= {"occurrences": n_found, "occurrences_used": n_used, "k": options.k}
    if options.dry_run:
        return about
    separation = Separation.of(collect(table, found, options.max_occurrences), options)
    staged = f"{work.folder('output')}/table"
    spark.createDataFrame(separation.table()).coalesce(1).write.parquet(staged)
    sidecar = {"table": "senses", **about, "vectors": made.as_dict()}
    work.put_table("output", staged, sidecar)
    if options.plot:
        of = f"{n_used:,} occurrences" if n_used == n_found else f"{n_used:,} of {n_found:,} occurrences"
        title = f"“{options.word}” in its sentences: {of}, k-means with k = {options.k}"
        separation.draw(work.staged_files()["plot"], f"{title}\nELMo: {made.model}, layer {made.layer}")
    work.put_files()
    return about | {"output": options.output, "plot": options.plot} | separation.report(options.examples)
