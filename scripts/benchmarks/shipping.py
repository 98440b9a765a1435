"""What it takes to bring a model of the published size to executors, and what it takes of them.

    python scripts/benchmarks/shipping.py [--quick]

The driver reads a model folder with random weights (374 MB; --quick: a smaller network), checks it, and ships it to
two executors of one core, each a process of this machine that stands for a machine of its own. Then a few documents are
embedded twice: the first time each executor loads the model, the second time it is there. Memory is that of the Python
processes, from /proc; the JVMs beside them never see the weights. Leave the machine alone for the minute that it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from environments import machine
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.spark.profile import Stage, embedding_stage
from elmo_udf.spark.shipping import ship_model

RESULTS = Path(__file__).parent / "results" / "shipping.json"
EXECUTORS = 2
N_DOCUMENTS = 64


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small network; results are not written")
    parser.add_argument("--make", nargs=2, metavar=("SIZE", "FOLDER"), help="only write a model of that size")
    arguments = parser.parse_args()
    if arguments.make:
        make_model(arguments.make[0], Path(arguments.make[1]))
        return
    size = "small" if arguments.quick else "original"
    with tempfile.TemporaryDirectory(prefix="elmo-shipping-") as name:
        figures = measure(Path(name), size)
    result = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("elmo-udf", "pyspark", "tensorflow", "h5py")},
        "sizes": {"network": size, "executors": EXECUTORS, "cores_each": 1, "documents": N_DOCUMENTS},
        "figures": figures,
        "bars": {
            "loads_per_executor": figures["model_loads"] / EXECUTORS,
            "fetches_per_executor": figures["model_files_fetched"] / EXECUTORS,
            "worker_memory_by_model_size": round(figures["worker_model_mib"] / figures["model_mib"], 2),
        },
    }
    print(json.dumps(result, indent=2))
    if not arguments.quick:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


def make_model(size: str, folder: Path) -> None:
    """Write the model; in a process of its own, whose memory is not measured."""
    from published import published_model

    from elmo_udf.models.writing import write_allennlp

    write_allennlp(published_model(size), folder)


def measure(folder: Path, size: str) -> dict[str, Any]:
    """All figures: seconds, MiB and counts."""
    model = folder / "elmo"
    subprocess.run([sys.executable, __file__, "--make", size, str(model)], check=True)
    lines = (json.dumps({"id": i, "text": f"Ship {i} carries a model. It is {i * i} miles away."}) for i in range(64))
    (folder / "d.jsonl").write_text("\n".join(lines) + "\n")
    spark = start(folder)
    stage = embedding_stage(spark)
    idle, _ = look(spark, stage)  # starts a worker an executor
    before, started = memory("VmRSS"), time.perf_counter()
    shipped = ship_model(spark, str(model))
    figures: dict[str, Any] = {
        "model_mib": round(shipped.n_bytes / 2**20, 1),
        "driver_read_check_write_s": round(time.perf_counter() - started, 2),
        "driver_peak_mib": round(memory("VmHWM") - before),
        "driver_afterwards_mib": round(memory("VmRSS") - before),
    }
    _, figures["fetch_s"] = look(spark, stage)  # files are fetched before the first task that comes after them
    first, figures["first_run_s"] = embed(spark, folder, str(model), "first")
    busy, _ = look(spark, stage)
    second, figures["second_run_s"] = embed(spark, folder, str(model), "second")
    figures |= {
        "model_loads": first["model_loads"],
        "model_loads_of_second_run": second["model_loads"],
        "model_load_s": first["model_load_s"],
        "worker_peak_mib": round(max(worker["VmHWM"] for worker in busy.values())),
        "worker_mib": round(max(worker["VmRSS"] for worker in busy.values())),
        "worker_without_mib": round(max(worker["VmRSS"] for worker in idle.values())),
        "worker_model_mib": round(max(worker["VmRSS"] for worker in busy.values()) - tensorflow_mib()),
        "model_files_fetched": len(list(folder.glob("spark/**/*_cache"))),
    }
    spark.stop()
    return figures


def start(folder: Path) -> SparkSession:
    """Two executors with one core each, and all of Spark's temporary files in the folder ``spark``."""
    (folder / "spark").mkdir()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["SPARK_LOCAL_DIRS"] = str(folder / "spark")
    builder = SparkSession.builder.master(f"local-cluster[{EXECUTORS},1,1024]").appName("shipping")
    for setting in ("spark.ui.enabled=false", "spark.ui.showConsoleProgress=false", "spark.executor.memory=1g"):
        builder = builder.config(*setting.split("="))
    spark = builder.getOrCreate()
    deadline = time.monotonic() + 60
    while spark.sparkContext.defaultParallelism < EXECUTORS and time.monotonic() < deadline:
        time.sleep(0.1)
    spark.sparkContext.parallelize(range(EXECUTORS), EXECUTORS).count()
    return spark


def look(spark: SparkSession, stage: Stage) -> tuple[dict[int, dict[str, float]], float]:
    """Memory of each Python worker (MiB), by process, and the seconds that it took to ask."""
    started = time.perf_counter()
    tasks = spark.range(8 * EXECUTORS, numPartitions=8 * EXECUTORS)  # an RDD would have workers of its own
    found = tasks.mapInArrow(_look, "process int, VmHWM double, VmRSS double", profile=stage.profile).collect()
    return {row.process: row.asDict() for row in found}, round(time.perf_counter() - started, 2)


def _look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """In a worker; long enough that all executors get some of the tasks, and all their workers."""
    for _ in batches:
        time.sleep(0.3)
        lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
        found = {line[0][:-1]: int(line[1]) / 1024 for line in lines if line[0] in ("VmRSS:", "VmHWM:")}
        columns = [pa.array([os.getpid()], pa.int32()), pa.array([found["VmHWM"]]), pa.array([found["VmRSS"]])]
        yield pa.RecordBatch.from_arrays(columns, ["process", "VmHWM", "VmRSS"])


def embed(spark: SparkSession, folder: Path, model: str, name: str) -> tuple[dict[str, Any], float]:
    """The report of embedding the documents, and its seconds."""
    started = time.perf_counter()
    options = EmbedOptions(
        input=str(folder / "d.jsonl"), output=str(folder / name), model=model, partitions=4 * EXECUTORS
    )
    report = embed_corpus(spark, options)
    return report, round(time.perf_counter() - started, 2)


def memory(field: str) -> float:
    """A figure of this process, in MiB, such as VmRSS (now) or VmHWM (at most)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / 1024


def tensorflow_mib() -> float:
    """What a Python process takes in which TensorFlow has started, and nothing else was done."""
    code = "from elmo_udf.network.runtime import start_tensorflow as s; import pandas, pyarrow; s(1).zeros([2]) + 1; "
    code += "print(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(next(line for line in done.stdout.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


if __name__ == "__main__":
    main()
