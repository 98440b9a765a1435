"""Makes the part of the report about the result of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elmo_udf.embedding.run import Run
    from elmo_udf.spark.outputs.outcomes import Counts


def results(run: Run, counts: Counts, rejected: dict[str, int]) -> dict[str, Any]:
    """Returns the part of the report that is known after the work. ``counts`` are those of what was written.

    ``rejected`` has the numbers of rows of the input by the reason of their rejection.
    """
    from elmo_udf.embedding.device import used_devices  # imports pyspark

    stats, seconds = run.stats.value, run.stage_s.get("embedding_s", 0.0)
    return {
        "rows_embedded": counts.n_embedded,
        "rows_rejected": sum(rejected.values()),
        "rejected_by_reason": rejected,
        "n_rows_written": counts.n_rows,
        "n_commits": run.n_commits,
        "n_tokens": counts.n_tokens,
        "n_truncated": counts.n_truncated,
        "n_sentence_cuts": stats.n_cuts,
        "n_empty_parts": stats.n_empty,
        "n_repeated_texts": stats.n_repeated_texts,
        "repeated_tokens": round(1 - stats.n_new_words / stats.n_tokens, 4) if stats.n_tokens else 0.0,
        "padding": 0.0,  # sentences are read side by side, and one that has ended takes no further part
        "tokens_per_s": round(counts.n_tokens / seconds, 1) if seconds else 0.0,
        "embedding_s": round(seconds, 3),
        "stages": {stage: round(value, 3) for stage, value in run.stage_s.items()},
        "model_loads": len(stats.loads),
        "executors": len({load.executor for load in stats.loads}),
        "devices": used_devices(stats),
        "model_load_s": round(max((load.seconds for load in stats.loads), default=0.0), 3),
        "input": run.options.input,
        "output": run.options.output,
        "rejects": run.options.rejects_path,
    }
