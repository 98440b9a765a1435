"""Implements jobs/train.py as one function."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.embedding.work import operations_a_token
from elmo_udf.errors import UserError
from elmo_udf.models.options import NetworkOptions
from elmo_udf.spark.fetch import fetcher
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.training.cluster import Alone
from elmo_udf.training.corpus import documents_of, prepare
from elmo_udf.training.folder import Work, save_arrays, write_text
from elmo_udf.training.initial import initial_arrays
from elmo_udf.training.loop import Progress, Training
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.report import log_as_it_grows
from elmo_udf.training.result import check_output, read_result, write_result
from elmo_udf.training.vocabulary import Vocabulary
from elmo_udf.training.workers import check_workers, train_in_tasks


def train(spark: SparkSession, options: TrainOptions) -> dict[str, Any]:
    """Trains a model on ``options.input`` and writes it to the folder ``options.output``. Returns the report.

    Sentences and checkpoints are in ``options.work_path`` during training; the same command continues from there.
    Raises UserError if the input can't be used for training, or if something would be overwritten.
    """
    folders = {"output": _folder("output", options.output), "work": _folder("work", options.work_path)}
    outputs = [Output(name, str(path)) for name, path in folders.items()]
    read = {"input": options.input, "initial": options.initial}
    return in_transaction(
        spark, Written.of(options, outputs, read), lambda run: _train(run, options, folders["output"], folders["work"])
    )


def _train(run: Transaction, options: TrainOptions, output: Path, folder: Path) -> dict[str, Any]:
    spark, work = run.spark, Work(folder)
    check_output(output, options.mode)
    check_workers(spark, options)
    documents = documents_of(spark, options)
    network, vocabulary, arrays = _start(spark, options)
    planned = {
        "output": str(output),
        "work": str(work.root),
        "operations_a_token": 3 * operations_a_token(network),  # forward once, backward twice
        "workers": options.workers,
    }
    if options.dry_run:
        return planned
    work.claim(options)
    if not work.corpus.exists():
        vocabulary, prepared = prepare(documents, options, work, vocabulary)
        write_text(work.network, json.dumps(dataclasses.asdict(network)))
        save_arrays(work.initial, initial_arrays(network, len(vocabulary), options.seed) | arrays)
        write_text(work.corpus, json.dumps(prepared, indent=2) + "\n")  # last: what is there now is whole
    counts: dict[str, Any] = json.loads(work.corpus.read_text("utf-8"))
    with log_as_it_grows(work.log, options, counts["n_train_tokens"] + counts["n_train_sentences"]):
        progress = _run(spark, work, options)
    staged = Path(run.folder("output").removeprefix("file:")) / "result"
    fingerprint = write_result(work, staged, str(output), options.whiten).fingerprint()
    run.put_folder("output", f"file:{staged}", {"table": "trained model"})
    run.remove("work")
    return planned | counts | _results(progress) | {"fingerprint": fingerprint}


def _results(progress: Progress) -> dict[str, Any]:
    """Returns the part of the report that is known after training."""
    return {
        "steps": progress.step,
        "tokens_read": progress.tokens,
        "training_s": round(progress.seconds, 3),
        "best_perplexity": round(progress.best, 3),
        "ended": progress.ended,
    }


def _folder(name: str, path: str) -> Path:
    """Returns the path as a local one, because TensorFlow's checkpoints and HDF5 can't be written to other places."""
    found = re.fullmatch(r"(?:([A-Za-z][A-Za-z0-9+.-]+):(?://(?=/))?)?(.*)", path, re.DOTALL)
    assert found is not None  # all of it is optional
    scheme, where = found.groups()
    if scheme not in (None, "file"):
        raise UserError(
            f"{name} {path!r} is on a file system {scheme!r}, expected a folder on this machine, or one that all "
            "machines mount; copy the model afterwards"
        )
    return Path(where).resolve()


def _start(spark: SparkSession, options: TrainOptions) -> tuple[NetworkOptions, Vocabulary | None, dict[str, Any]]:
    """Returns the sizes of the network, and the words and the weights of the model from which training continues."""
    if options.initial is None:
        return options.network(), None, {}
    model, softmax, vocabulary = read_result(options.initial, fetcher(spark))
    return model.options, vocabulary, {**model.arrays, **softmax}


def _run(spark: SparkSession, work: Work, options: TrainOptions) -> Progress:
    """Trains in this process, or in Spark tasks if there are several workers."""
    if options.workers > 1:
        return train_in_tasks(spark, work, options)
    from elmo_udf.network.runtime import start_tensorflow

    start_tensorflow()
    return Training(work, options, Alone()).run()
