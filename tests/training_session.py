"""Trainings with workers, one after the other in one session of Spark; a process of its own, with two slots.

Arguments: the text, a folder, the options as JSON. Prints a JSON object: the report of each training by its name.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path

from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.training.job import train
from elmo_udf.training.options import TrainOptions

killed: list[int] = []


def kill_once(checkpoints: Path) -> None:
    """Kill the process of rank 1 as soon as it has left a checkpoint."""
    while not list(checkpoints.glob("1/ckpt-*.index")):
        time.sleep(0.02)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0")
        if b"elmo_udf.training.process" in words and rank_of(words) == 1:
            killed.append(int(path.parent.name))
            os.kill(killed[-1], signal.SIGKILL)
            return


def rank_of(words: list[bytes]) -> int:
    asked = next(word for word in words if word.endswith(b"asked"))
    return int(pickle.loads(Path(os.fsdecode(asked)).read_bytes()).rank)


def wild(settings: dict[str, object]) -> dict[str, object]:
    """Settings with which no training converges."""
    return settings | {"learning_rate": 1e30, "optimizer": "adagrad"}


def main(text: str, folder: Path, settings: dict[str, object]) -> None:
    spark = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    reports = {}
    for name in ("first", "second", "failed once"):
        options = TrainOptions(input=text, output=str(folder / name / "model"), workers=2, **settings)  # type: ignore[arg-type]
        if name == "failed once":
            checkpoints = Path(options.work_path) / "checkpoints"
            threading.Thread(target=kill_once, args=(checkpoints,), daemon=True).start()
        reports[name] = train(spark, options)
    diverging = TrainOptions(input=text, output=str(folder / "diverging" / "model"), workers=2, **wild(settings))  # type: ignore[arg-type]
    try:
        train(spark, diverging)
    except UserError as error:
        reports["diverging"] = {"error": str(error)}
    spark.stop()
    assert killed, "no process was killed: this test has lost its point"
    print(json.dumps(reports, default=str))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
