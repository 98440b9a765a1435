"""Collects what Python workers report to the driver while they embed."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark import Accumulator, AccumulatorParam, SparkContext

from elmo_udf.embedding.loaded import Load
from elmo_udf.spark.progress import Pace


@dataclass(frozen=True)
class WorkerStats:
    """Sums over finished tasks. Loads are a set, so a task that runs twice does not count its load twice."""

    n_documents: int = 0
    n_tokens: int = 0
    n_cuts: int = 0
    n_empty: int = 0
    """The number of empty tokens and sentences in lists of tokens."""
    n_repeated_texts: int = 0
    """The number of documents whose text had been embedded for another one."""
    n_new_words: int = 0
    """The number of tokens whose context-free vector was computed. Those of all other tokens were known."""
    loads: frozenset[Load] = frozenset()

    def __add__(self, other: WorkerStats) -> WorkerStats:
        return WorkerStats(
            self.n_documents + other.n_documents,
            self.n_tokens + other.n_tokens,
            self.n_cuts + other.n_cuts,
            self.n_empty + other.n_empty,
            self.n_repeated_texts + other.n_repeated_texts,
            self.n_new_words + other.n_new_words,
            self.loads | other.loads,
        )


class _Sum(AccumulatorParam[WorkerStats]):
    def zero(self, value: WorkerStats) -> WorkerStats:
        return WorkerStats()

    def addInPlace(self, value1: WorkerStats, value2: WorkerStats) -> WorkerStats:
        return value1 + value2


def stats_accumulator(context: SparkContext) -> Accumulator[WorkerStats]:
    """Returns a Spark accumulator of WorkerStats. Spark adds the part of a task when the task ends."""
    return context.accumulator(WorkerStats(), _Sum())


def progress_line(pace: Pace[WorkerStats], n_documents: int) -> str:
    """Returns a line with the finished share, the speed of the last minutes, and the remaining time at that speed."""
    stats = pace.done
    share = min(1.0, stats.n_documents / max(1, n_documents))
    speed = pace.rate(lambda done: done.n_tokens)
    left = pace.left(lambda done: done.n_documents, n_documents)
    return (
        f"embedded {stats.n_documents:,} of {n_documents:,} documents ({share:.0%}), {stats.n_tokens:,} tokens, "
        f"{speed:,.0f} tokens/s{left}"
    )
