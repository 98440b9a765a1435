"""Logs lines of progress during a training, from the training's own log file."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elmo_udf.spark.progress import EVERY_S, time_left
from elmo_udf.spark.repeated import repeated
from elmo_udf.training.options import TrainOptions

log = logging.getLogger(__name__)


def read_log(path: Path) -> list[dict[str, float]]:
    """Returns the rows of a training's log, without values that were not measured. It leaves out an incomplete line."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in file if line.endswith("\n")]
    return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(lines)]


def keep_log(path: Path, step: int) -> None:
    """Keeps the rows of a log up to ``step``. A training that continues from there writes the following rows again."""
    if path.exists():
        lines = [line for line in path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        kept = [line for line in lines[1:] if int(line.partition(",")[0]) <= step]
        path.write_text("".join(lines[:1] + kept), "utf-8")


@contextmanager
def log_as_it_grows(path: Path, options: TrainOptions, tokens_an_epoch: int) -> Iterator[None]:
    """Logs a line of progress for the newest row of the log file while the block runs, wherever the training runs."""
    n_seen = len(read_log(path))

    def watch() -> None:
        nonlocal n_seen
        rows = read_log(path)
        if len(rows) > n_seen:
            log.info("%s", progress_line(rows, options, tokens_an_epoch))
        n_seen = len(rows)

    with repeated("progress", EVERY_S, watch):
        yield


def progress_line(rows: list[dict[str, float]], options: TrainOptions, tokens_an_epoch: int) -> str:
    """Returns a line with step, loss and speed of the last row, the latest perplexity, and the remaining time."""
    row = rows[-1]
    share = row["tokens"] / (options.epochs * tokens_an_epoch)
    if options.max_hours:
        share = max(share, row["seconds"] / 3600 / options.max_hours)
    measured = [row for row in rows if "perplexity_forward" in row]
    perplexity = f"perplexity {measured[-1]['perplexity_forward']:.1f} forward, " if measured else ""
    perplexity += f"{measured[-1]['perplexity_backward']:.1f} backward, " if measured else ""
    return (
        f"step {row['step']:,.0f}, epoch {row['tokens'] / tokens_an_epoch:.2f}, loss {row['sampled_loss_forward']:.3f} "
        f"forward, {row['sampled_loss_backward']:.3f} backward, {perplexity}{row['tokens_per_s']:,.0f} tokens/s, "
        f"{time_left(min(max(share, 1e-9), 1.0), row['seconds'])}"
    )
