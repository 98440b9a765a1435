"""Runs every network of every repeat as a Spark task of its own, which receives only the texts of its repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import Accumulator, AccumulatorParam, Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.spark.progress import Pace
from elmo_udf.study.draws import draw
from elmo_udf.study.options import StudyOptions
from elmo_udf.study.static_vectors import StaticVectors
from elmo_udf.study.tokens import pieces
from elmo_udf.study.trial import NETWORKS, Gathered, run_trial

RESULT = (
    "repeat bigint, network string, learning_rate double, n_epochs int, best_epoch int, validation_loss double, "
    "validation_accuracy double, test_accuracy double, seconds double"
)


class Count(AccumulatorParam[int]):
    """Counts the trials that are done."""

    def zero(self, value: int) -> int:
        """Returns zero."""
        return 0

    def addInPlace(self, value1: int, value2: int) -> int:
        """Returns the sum."""
        return value1 + value2


def draws(ids: pa.Table, options: StudyOptions) -> pa.Table:
    """Returns a row for each text of each repeat: id, label, repeat, number (its position in ``ids``) and part."""
    tables = []
    for repeat in range(options.repeats):
        for part, positions in draw(len(ids), options.sizes, repeat, options.seed).items():
            rows = ids.take(pa.array(positions))
            for name, values in (("repeat", repeat), ("part", part)):
                rows = rows.append_column(name, pa.array([values] * len(positions)))
            tables.append(rows.append_column("number", pa.array(positions)))
    return pa.concat_tables(tables)


def trial_rows(texts: DataFrame, table: DataFrame, drawn: DataFrame, repeats: int) -> DataFrame:
    """Returns the rows that the trials read, one partition per trial.

    Args:
        texts: A table with id and text (sentences of tokens).
        table: The token vectors.
        drawn: The rows of :func:`draws`.

    A row is either a text (``tokens``) or a piece of its vectors (``vectors``). The static networks get no vectors.
    ELMo's networks come first, because they take longer.
    """
    numbers = F.sequence(F.lit(0), F.lit(len(NETWORKS) - 1))
    tokens = texts.withColumn("tokens", F.flatten("text")).join(F.broadcast(drawn), "id")
    tokens = tokens.withColumn("network", F.explode(numbers)).withColumn("vectors", F.lit(None).cast("binary"))
    tokens = tokens.withColumn("sentence_index", F.lit(0)).withColumn("token_index", F.lit(0))
    vectors = pieces(table, drawn.select("id", "repeat", "number"))
    vectors = vectors.withColumn("network", F.lit(NETWORKS.index("static+elmo")))
    rows = tokens.select(*COLUMNS).unionByName(vectors.select(*COLUMNS[:6]), allowMissingColumns=True)
    trial = (F.lit(len(NETWORKS) - 1) - F.col("network")) * repeats + F.col("repeat")
    return rows.repartitionById(repeats * len(NETWORKS), trial.cast("int"))


COLUMNS = ("network", "repeat", "number", "sentence_index", "token_index", "vectors", "part", "label", "tokens")


def results(
    spark: SparkSession,
    rows: DataFrame,
    static: StaticVectors,
    width: int,
    done: Accumulator[int],
    options: StudyOptions,
) -> DataFrame:
    """Runs the trials. Returns rows of RESULT.

    ``width`` is that of ELMo's vectors. ``done`` counts the trials that have ended.
    """
    shared = spark.sparkContext.broadcast(static)
    return rows.mapInArrow(_trials(shared, width, done, options), RESULT)


def _trials(
    shared: Broadcast[StaticVectors], width: int, done: Accumulator[int], options: StudyOptions
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        gathered, trials = gather(batches, shared.value, width)
        for network, repeat in trials:  # one; none where a partition is empty
            elmo_width = width if NETWORKS[network] == "static+elmo" else 0
            parts = gathered.examples(shared.value, elmo_width)
            found = run_trial(parts, NETWORKS[network], repeat, context.cpus() if context else 1, options)
            done.add(1)
            yield pa.RecordBatch.from_pylist(found, schema=_ARROW)

    return run


_ARROW = pa.schema(
    [
        ("repeat", pa.int64()),
        ("network", pa.string()),
        ("learning_rate", pa.float64()),
        ("n_epochs", pa.int32()),
        ("best_epoch", pa.int32()),
        ("validation_loss", pa.float64()),
        ("validation_accuracy", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("seconds", pa.float64()),
    ]
)


def gather(
    batches: Iterator[pa.RecordBatch], static: StaticVectors, width: int
) -> tuple[Gathered, set[tuple[int, int]]]:
    """Returns the texts of a partition, and the trials (network, repeat) in it. Vectors stay in Arrow's buffers."""
    gathered, trials = Gathered(), set[tuple[int, int]]()
    for batch in batches:
        columns: dict[str, Any] = {name: batch.column(name) for name in COLUMNS if name != "vectors"}
        values = {name: column.to_pylist() for name, column in columns.items()}
        vectors = batch.column("vectors")
        for i, number in enumerate(values["number"]):
            trials.add((values["network"][i], values["repeat"][i]))
            if vectors[i].is_valid:
                rows = np.frombuffer(vectors[i].as_buffer(), np.float32).reshape(-1, width)
                gathered.pieces[number].append((values["sentence_index"][i], values["token_index"][i], rows))
            else:
                part, label, tokens = (values[name][i] for name in ("part", "label", "tokens"))
                gathered.texts[number] = part, label, static.rows_of(tokens)
    return gathered, trials


def progress_line(pace: Pace[int], n_trials: int) -> str:
    """Returns a line with the number of finished trials, and the remaining time at the speed of the last minutes."""
    left = pace.left(float, n_trials)
    return f"trained {pace.done} of {n_trials} networks ({pace.done / n_trials:.0%}){left}"
