"""Provides the Spark session of a job, and says how many tasks fit where."""

from __future__ import annotations

import locale
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import SparkConf
from pyspark.sql import SparkSession

from elmo_udf.cleanup import afterwards
from elmo_udf.errors import UserError
from elmo_udf.spark import daemon, internals
from elmo_udf.spark.launch import launch_options
from elmo_udf.version import __version__

log = logging.getLogger(__name__)

_BARS = "spark.ui.showConsoleProgress"
_DAEMON = "spark.python.daemon.module"
_BATCH_BYTES = "spark.sql.execution.arrow.maxBytesPerBatch"
_PREFERRED = {
    _BARS: "false",  # jobs have a progress line of their own
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # INT96, the default, is deprecated and has no zone
    "spark.sql.maxConcurrentOutputFileWriters": "16",  # no sort by outcome before the write
}


def job_session(name: str, whole_machine: bool) -> tuple[SparkSession, bool]:
    """Returns a session for a job, and whether this call created it. Only then does the job stop it.

    It changes no setting of the user: master, properties and Python. It adds settings that are not set: workers use the
    driver's interpreter, and in local mode they start with our daemon. With ``whole_machine``, a task takes all cores
    in local mode, where Spark refuses profiles.
    """
    if SparkSession.getActiveSession() is not None or internals.active_context() is not None:
        return SparkSession.builder.getOrCreate(), False  # of this thread, or of another one
    log.info("elmo_udf %s: %s starts", __version__, name)
    by_python = "PYSPARK_GATEWAY_PORT" not in os.environ  # else by spark-submit
    with launch_options(), _names_in_utf8():
        internals.start_jvm()
    conf = SparkConf()
    # pyspark itself reads this variable only; spark-submit alone turns the property into it
    os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", None) or sys.executable)
    builder = SparkSession.builder.appName(conf.get("spark.app.name", None) or name)
    cores = local_cores(conf.get("spark.master", "local[*]") or "local[*]")
    if whole_machine and cores and not conf.contains("spark.task.cpus"):
        builder = builder.config("spark.task.cpus", str(cores))
    # Not by spark-submit, whose Python files workers find only after they have started.
    own_daemon = by_python and cores and os.environ["PYSPARK_PYTHON"] == sys.executable and daemon.is_installed()
    if own_daemon and not conf.contains(_DAEMON):
        builder = builder.config(_DAEMON, daemon.__name__)
    for setting, value in _PREFERRED.items():
        # Without spark-submit, pyspark poses as a shell, for which Spark itself asks for the bars of progress.
        by_launcher = by_python and setting == _BARS and _BARS not in os.environ.get("PYSPARK_SUBMIT_ARGS", "")
        if by_launcher or not conf.contains(setting):
            builder = builder.config(setting, value)
    return builder.getOrCreate(), True


@contextmanager
def _names_in_utf8() -> Iterator[None]:
    """While the block runs, started processes take names of files to be in UTF-8, as Python does under LC_ALL=C."""
    before = os.environ.get("LC_ALL")
    if sys.getfilesystemencoding() == "utf-8" and locale.getlocale(locale.LC_CTYPE)[1] != "UTF-8":
        os.environ["LC_ALL"] = "C.UTF-8"
    yield
    if before is None:
        os.environ.pop("LC_ALL", None)
    else:
        os.environ["LC_ALL"] = before


def local_cores(master: str | None) -> int | None:
    """Returns the number of cores of a ``local`` master, or None for any other."""
    found = re.fullmatch(r"local(?:\[(\*|\d+)(?:,\s*\d+)?\])?", master or "")
    if not found:
        return None
    if found[1] == "*":
        return internals.jvm_cores()
    return int(found[1] or 1)


def executor_cores(spark: SparkSession) -> int:
    """Returns the number of cores of the smallest executor. In local mode this is the driver."""
    conf = spark.sparkContext.getConf()
    if (cores := local_cores(spark.sparkContext.master)) is not None:
        return cores
    if (set_by_user := conf.get("spark.executor.cores", None)) is not None:
        return int(set_by_user)
    # Standalone without spark.executor.cores: an executor takes all cores of its worker, so ask those that run.
    if not (cores_seen := internals.executor_cores(spark)):
        spark.range(1).count()  # when it is done, there is one
        cores_seen = internals.executor_cores(spark)
    if not cores_seen:
        raise UserError("no executor is registered and spark.executor.cores is not set; set spark.executor.cores")
    return min(cores_seen)


def task_cpus(spark: SparkSession) -> int:
    """Returns the number of cores that Spark gives to a task without a profile."""
    return int(spark.sparkContext.getConf().get("spark.task.cpus", "1"))


def task_slots(spark: SparkSession) -> int:
    """Returns the number of tasks that can run at once on the current executors (at least 1)."""
    return max(1, spark.sparkContext.defaultParallelism // task_cpus(spark))


@contextmanager
def small_batches(spark: SparkSession) -> Iterator[None]:
    """While the block runs, Spark sends tables to Python in batches of some MiB.

    By default it sends 10,000 rows, which are 40 MiB of vectors. With memory that stays in the cache, a first pass over
    vectors is a quarter faster, and workers are smaller.
    """
    if spark.conf.get(_BATCH_BYTES, None) is not None:  # the user's choice
        yield
        return
    spark.conf.set(_BATCH_BYTES, "4m")
    with afterwards(lambda: spark.conf.unset(_BATCH_BYTES)):
        yield
