"""Trains from the first step, or from the last checkpoint, to the last step."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from elmo_udf import npz
from elmo_udf.errors import UserError
from elmo_udf.training.checkpoints import Checkpoints, last_step
from elmo_udf.training.cluster import Alone
from elmo_udf.training.folder import Work, save_arrays
from elmo_udf.training.language_model import LanguageModel
from elmo_udf.training.optimizer import Schedule
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.report import keep_log
from elmo_udf.training.sentences import files_of, sentences, shuffled
from elmo_udf.training.trainer import Trainer
from elmo_udf.training.vocabulary import Vocabulary
from elmo_udf.training.windows import Streams

COLUMNS = (
    "step",
    "tokens",
    "seconds",
    "learning_rate",
    "tokens_per_s",
    "sampled_loss_forward",
    "sampled_loss_backward",
    "perplexity_forward",
    "perplexity_backward",
)
LOG_EVERY_S = 10.0


@dataclass
class Progress:
    """The progress of a training. Checkpoints contain all of it."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = float("inf")
    """The lowest mean perplexity of both directions so far."""
    n_worse: int = 0
    """The number of measurements since then."""
    ended: str = ""
    """The reason why training is over, once it is."""


class Training:
    """The training of one process, in the folder that :func:`elmo_udf.training.corpus.prepare` filled."""

    def __init__(self, work: Work, options: TrainOptions, cluster: Alone) -> None:
        """Builds the model, and restores the last checkpoint that every process of the cluster has."""
        import tensorflow as tf

        tf.random.set_seed(options.seed + cluster.rank)
        self._work, self._options, self._cluster = work, options, cluster
        self._corpus = json.loads(work.corpus.read_text("utf-8"))
        self._vocabulary = Vocabulary.read(work.vocabulary)
        model = LanguageModel(work.network_options(), npz.read(work.initial), options.precision)
        self.trainer = Trainer(model, options, cluster)
        self._checkpoints = Checkpoints(work.checkpoints, self.trainer, cluster.rank)
        position = self._checkpoints.restore(last_step(work.checkpoints, cluster.n_workers))
        self.progress = Progress(**position["progress"]) if position else Progress()
        self.progress.ended = ""  # what ended it then may be allowed now
        if cluster.rank == 0:
            keep_log(work.log, self.progress.step)
        self._streams = self._open_streams(position["streams"] if position else None)
        self._schedule = Schedule(options.learning_rate, options.warmup, options.schedule == "cosine")

    def _open_streams(self, position: dict[str, Any] | None) -> Streams:
        options, cluster = self._options, self._cluster
        files = files_of(self._work.train)[cluster.rank :: cluster.n_workers]
        source = shuffled(files, options.seed, position["n_taken"] if position else 0)
        streams = Streams(source, options.n_streams, options.n_steps)
        if position:
            streams.resume(position)
        return streams

    def run(self) -> Progress:
        """Trains until the epochs or the hours are over, or until the perplexity stops falling."""
        windows, progress = self._streams.windows(self._vocabulary), self.progress
        started, spell = time.monotonic() - progress.seconds, _Spell(progress.tokens)
        while not progress.ended:
            window, share = next(windows), self._share()
            rate = self._schedule.rate(share)
            losses, is_last = self.trainer.step(window, rate, share >= 1)
            spell.add(losses)
            progress.step += 1
            progress.tokens += window.counts.size * self._cluster.n_workers
            progress.seconds = time.monotonic() - started
            measure = is_last or progress.step % self._options.evaluate_every == 0
            if measure or spell.seconds > LOG_EVERY_S:
                speed = (progress.tokens - spell.tokens) / spell.seconds
                perplexities = self._measure(is_last) if measure else None
                if self._cluster.rank == 0:
                    self._write_log(rate, speed, spell.losses(), perplexities)
                if measure:
                    self._checkpoints.save({"progress": vars(progress), "streams": self._streams.position()})
                spell = _Spell(progress.tokens)
        return progress

    def _share(self) -> float:
        """Returns the share of the training that is done, by tokens or by time, whichever is larger."""
        options = self._options
        # Every sentence is one step longer than its tokens: its end is predicted too.
        epoch = self._corpus["n_train_tokens"] + self._corpus["n_train_sentences"]
        by_tokens: float = self.progress.tokens / (options.epochs * epoch)
        return max(by_tokens, self.progress.seconds / 3600 / options.max_hours if options.max_hours else 0.0)

    def _measure(self, is_last: bool) -> np.ndarray | None:
        """Returns the validation perplexity, (2,), in the first process, and saves the best weights so far."""
        options, progress, perplexities = self._options, self.progress, None
        if self._cluster.rank == 0:
            held_out = sentences(files_of(self._work.held_out))
            windows = Streams(held_out, options.n_streams, options.n_steps).windows(self._vocabulary)
            perplexities = self.trainer.perplexity(windows)
            if not np.isfinite(perplexities).all():
                raise UserError(
                    f"perplexity is {perplexities.tolist()} after {progress.step} steps, expected finite numbers; the "
                    "training has diverged; delete the work folder and use a lower --learning-rate"
                )
            progress.n_worse += 1
            if perplexities.mean() < progress.best:
                progress.best, progress.n_worse = float(perplexities.mean()), 0
                arrays = {name: value.numpy() for name, value in self.trainer.model.variables.items()}
                save_arrays(self._work.best, arrays)
        impatient = self.trainer.agree(bool(options.patience and progress.n_worse >= options.patience))
        progress.ended = "all read" if is_last else "perplexity no longer falls" if impatient else ""
        return perplexities

    def _write_log(self, rate: float, speed: float, losses: np.ndarray, perplexities: np.ndarray | None) -> None:
        path, progress = self._work.log, self.progress
        is_new = not path.exists() or not path.stat().st_size
        measured = ("", "") if perplexities is None else (f"{value:.6g}" for value in perplexities)
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(COLUMNS)
            numbers = (progress.step, progress.tokens, round(progress.seconds, 1), f"{rate:.6g}", round(speed, 1))
            writer.writerow([*numbers, *(f"{loss:.6g}" for loss in losses), *measured])


class _Spell:
    """Counts what happened since the last line of the log."""

    def __init__(self, tokens: int) -> None:
        self.tokens, self._started = tokens, time.monotonic()
        self._sum, self._n = np.zeros(2), 0

    def add(self, losses: np.ndarray) -> None:
        """Counts one step."""
        self._sum, self._n = self._sum + losses, self._n + 1

    def losses(self) -> np.ndarray:
        """Returns the mean losses of both directions: (2,)."""
        return self._sum / self._n

    @property
    def seconds(self) -> float:
        """Returns how long it has lasted in seconds."""
        return time.monotonic() - self._started
