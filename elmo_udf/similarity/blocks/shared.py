"""Creates the folder for blocks, which driver and executors must share."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.similarity.blocks.files import Folder, new_name
from elmo_udf.similarity.kernels.cost import Cluster
from elmo_udf.spark import changes, files
from elmo_udf.spark.session import local_cores


def shared_folder(spark: SparkSession, path: str, cluster: Cluster) -> Folder:
    """Creates a folder for blocks. Raises UserError if driver and executors don't share it."""
    changes.make_folder(spark, path)
    folder = Folder(str(files.hadoop_path(spark, path)[1].toString()))
    on_this_machine = local_cores(spark.sparkContext.master) is not None  # where every task sees what the driver sees
    check_folder(spark, folder, 0 if on_this_machine else min(cluster.slots, 64))
    return folder


def check_folder(spark: SparkSession, folder: Folder, n_tasks: int) -> None:
    """Raises UserError unless tasks can read what the driver writes to ``folder``, and the driver what they write."""
    probe = f"probe-{new_name()}"

    def echo(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        error = ""
        for number in (number for batch in batches for number in batch.column(0).to_pylist()):
            try:
                _write(folder, f"{probe}-{number}", _read(folder, probe))
            except (OSError, UserError) as caught:
                error = f"{socket.gethostname()}: {caught}"
        yield pa.record_batch({"error": pa.array([error])})

    try:
        _write(folder, probe, b"elmo")
        # Spark itself, by Hadoop's file systems, must see what is written by pyarrow's.
        errors = [] if files.exists(spark, f"{folder.uri}/{probe}") else ["driver: Spark does not see it"]
        if n_tasks and not errors:
            numbers = spark.range(0, n_tasks, 1, n_tasks)
            errors = [row.error for row in numbers.mapInArrow(echo, "error string").collect()]
        if not any(errors):
            for number in range(n_tasks):
                _read(folder, f"{probe}-{number}")
    except OSError as caught:
        errors = [f"driver: {caught}"]
    if any(errors):
        raise UserError(
            f"folder {folder.uri!r}, where blocks go, is not shared by the driver and all executors "
            f"({' '.join(max(errors).split())}); write the output to storage that all of them can reach"
        )


def _write(folder: Folder, name: str, content: bytes) -> None:
    file_system, root = folder.open()
    with file_system.open_output_stream(f"{root}/{name}") as stream:
        stream.write(content)


def _read(folder: Folder, name: str) -> bytes:
    file_system, root = folder.open()
    with file_system.open_input_stream(f"{root}/{name}") as stream:
        content: bytes = stream.read()
    return content
