"""Implements jobs/sentiment_study.py as one function."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.plots.paths import check_png
from elmo_udf.spark import files
from elmo_udf.spark.fetch import fetcher
from elmo_udf.spark.metadata import TableMetadata
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written, given
from elmo_udf.spark.progress import watched
from elmo_udf.spark.shipping import ship_model
from elmo_udf.spark.tables import read_embeddings
from elmo_udf.study.options import StudyOptions
from elmo_udf.study.results import accuracies, draw_plots, summarized
from elmo_udf.study.static_vectors import StaticVectors, read_vectors, width_of_vectors
from elmo_udf.study.texts import LabelledTexts, labelled_texts, tokenized
from elmo_udf.study.tokens import check_tokens, keep_tokens
from elmo_udf.study.trial import NETWORKS
from elmo_udf.study.trials import Count, draws, progress_line, results, trial_rows


@dataclass(frozen=True)
class Plan:
    """What is known and checked before any work."""

    texts: LabelledTexts
    vectors: Path
    static_width: int
    made: TableMetadata
    """The metadata of the table of token vectors."""

    def report(self, options: StudyOptions) -> dict[str, Any]:
        """Returns the part of the report that is known before the work."""
        n_rejected = sum(self.texts.rejected.values())
        return {
            "model": options.model,
            "fingerprint": self.made.fingerprint,
            "layer": options.layer,
            "static_width": self.static_width,
            "elmo_width": self.made.width,
            "rows_in": self.texts.n_rows,
            "rows_usable": self.texts.n_rows - n_rejected,
            "rows_rejected": n_rejected,
            "rejected_by_reason": self.texts.rejected,
            "label_0": self.texts.label_names[0],
            "label_1": self.texts.label_names[1],
            "repeats": options.repeats,
            "texts_of_a_repeat": dict(zip(("training", "validation", "test"), options.sizes, strict=True)),
        }


def sentiment_study(spark: SparkSession, options: StudyOptions) -> dict[str, Any]:
    """Trains both networks in every repeat, and writes the table of results and the pictures. Returns the report.

    Raises UserError before any work if something is wrong with the input, the vectors, the model or an output.
    """
    for path in (options.plot, options.paired_plot):
        if path is not None:
            check_png(path)
    outputs = [
        Output("output", options.output, ("study",)),
        Output("tokens", options.tokens_path, ("embeddings",), mode="append"),
        Output("rejects of --tokens", f"{options.tokens_path.rstrip('/')}-rejects", ("rejects",), mode="append"),
    ]
    read = {"input": options.input} | given(options, "vectors", "model")
    written = Written.of(options, outputs, read, ["plot", "paired_plot"])
    return in_transaction(spark, written, lambda work: _study(work, options))


def _study(work: Transaction, options: StudyOptions) -> dict[str, Any]:
    spark = work.spark
    plan = _plan(spark, options)
    if options.dry_run:
        return plan.report(options)
    folder = work.folder("output")
    drawn = _written(spark, spark.createDataFrame(draws(plan.texts.ids, options)), f"{folder}/draws")
    chosen = plan.texts.table.join(F.broadcast(drawn.select("id").distinct()), "id", "left_semi")
    texts = _written(spark, tokenized(chosen, options), f"{folder}/texts")
    static, coverage = _static_vectors(texts, plan.vectors)
    started = time.perf_counter()
    kept = keep_tokens(work, texts, plan.made, options)
    embedded = time.perf_counter()
    table = _train(spark, texts, drawn, static, plan, folder, options)
    trained = time.perf_counter()
    rows = [row.asDict() for row in table.collect()]
    sidecar = {"table": "study"} | {name: vars(options)[name] for name in vars(options) if name != "report"}
    work.put_table("output", f"{folder}/table", sidecar)
    draw_plots(accuracies(rows), work.staged(options))
    work.put_files()
    seconds = {"embedding_s": round(embedded - started, 3), "training_s": round(trained - embedded, 3)}
    places = {"output": options.output, "tokens": options.tokens_path}
    return plan.report(options) | kept | coverage | summarized(rows, options) | seconds | places


def _plan(spark: SparkSession, options: StudyOptions) -> Plan:
    uri = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", options.vectors)
    vectors = fetcher(spark)(options.vectors) if uri else Path(options.vectors)
    static_width = width_of_vectors(vectors)
    texts = labelled_texts(spark, options)
    model = ship_model(spark, options.model, options.model_sha256, options.model_max_gib)
    width = model.network.width(options.layer)
    made = TableMetadata.of_options(options.embedding("texts", "error"), model.fingerprint, width)
    if files.list_names(spark, options.tokens_path):
        check_tokens(spark, made, options)
    return Plan(texts, vectors, static_width, made)


def _written(spark: SparkSession, table: DataFrame, path: str) -> DataFrame:
    """Writes the table to ``path``, so that it is computed once. Returns the written table."""
    table.write.parquet(path)
    return spark.read.parquet(path)


def _static_vectors(texts: DataFrame, path: Path) -> tuple[StaticVectors, dict[str, Any]]:
    """Returns the vectors of the words in the texts, and the number of tokens that have one."""
    words = texts.select(F.explode(F.flatten("text")).alias("token")).groupBy("token").count()
    counts = Counter({row.token: row["count"] for row in words.collect()})
    static = read_vectors(path, {form for token in counts for form in (token, token.lower())})
    n_found = sum(n for token, n in counts.items() if static.row(token))
    return static, {
        "n_tokens": counts.total(),
        "n_tokens_with_static_vector": n_found,
        "n_words": len(counts),
        "n_static_words": static.n_words,
        "n_static_words_repeated": static.n_repeated,
    }


def _train(
    spark: SparkSession,
    texts: DataFrame,
    drawn: DataFrame,
    static: StaticVectors,
    plan: Plan,
    folder: str,
    options: StudyOptions,
) -> DataFrame:
    """Trains the networks. Returns the sorted table of results, which is written inside of ``folder``."""
    done = spark.sparkContext.accumulator(0, Count())
    n_trials = len(NETWORKS) * options.repeats
    tokens = read_embeddings(spark, options.tokens_path)
    rows = trial_rows(texts, tokens, drawn, options.repeats)
    with watched(done, lambda pace: progress_line(pace, n_trials)):
        trained = results(spark, rows, static, plan.made.width, done, options)
        unordered = _written(spark, trained, f"{folder}/trials")
    order = ("repeat", "network", "learning_rate")
    return _written(spark, unordered.coalesce(1).sortWithinPartitions(*order), f"{folder}/table").orderBy(*order)
