"""The folder of a training, filled as jobs/train.py fills it before the first step."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from pyspark.sql import SparkSession

from elmo_udf.training.corpus import documents_of, prepare
from elmo_udf.training.folder import Work, save_arrays
from elmo_udf.training.initial import initial_arrays
from elmo_udf.training.options import TrainOptions


def prepared(spark: SparkSession, settings: TrainOptions, root: Path) -> Work:
    """The folder ``root`` with sentences, vocabulary and initial weights."""
    work = Work(root)
    work.claim(settings)
    vocabulary, counts = prepare(documents_of(spark, settings), settings, work, None)
    work.network.write_text(json.dumps(dataclasses.asdict(settings.network())))
    save_arrays(work.initial, initial_arrays(settings.network(), len(vocabulary), settings.seed))
    work.corpus.write_text(json.dumps(counts))
    return work
