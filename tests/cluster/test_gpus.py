"""GPUs that Spark gives to executors. They are pretended: Spark's part is real, and TensorFlow finds none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.standalone import BARE, Cluster, standalone, submit

NVIDIA_SMI = """#!/bin/sh
[ "$*" = "--query-gpu=index --format=csv,noheader" ] && printf '3\\n5\\n'
"""
ONE_EACH = ("spark.executor.cores=1", "spark.executor.memory=1g", "spark.executor.resource.gpu.amount=1")
PROPERTIES = "conf/standalone-gpu.conf"
EMBED = "jobs/embed.py"
WHERE = """
import json, os, sys
from pyspark.sql import SparkSession
from elmo_udf.embedding.device import see_devices
from elmo_udf.spark.profile import embedding_stage

spark = SparkSession.builder.getOrCreate()
spark.range(1).count()
stage = embedding_stage(spark)

def look(batches):
    import pyarrow
    from pyspark import TaskContext
    for batch in batches:
        given, loaded = TaskContext.get().resources()["gpu"].addresses, "tensorflow" in sys.modules
        found = json.dumps([os.getpid(), given, os.environ.get("CUDA_VISIBLE_DEVICES"), loaded])
        yield pyarrow.RecordBatch.from_pydict({"found": [found]})

rounds = []
for _ in range(2):
    rounds.append(sorted([seen.process, seen.addresses, seen.n_visible] for seen in see_devices(spark, stage)))
later = spark.range(20, numPartitions=20).mapInArrow(look, "found string", profile=stage.profile).collect()
later = [json.loads(row.found) for row in later]
print("FOUND " + json.dumps({"rounds": rounds, "later": later, "slots": stage.slots, "gpus": stage.gpus}))
"""


@pytest.fixture(scope="module")
def cluster(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A worker with two cores and the GPUs 3 and 5, of which scripts/discover-gpus tells Spark."""
    folder = tmp_path_factory.mktemp("gpus")
    (folder / "bin").mkdir()
    (folder / "bin" / "nvidia-smi").write_text(NVIDIA_SMI)
    (folder / "bin" / "nvidia-smi").chmod(0o755)
    resource = "-Dspark.worker.resource.gpu"
    options = f"{resource}.amount=2 {resource}.discoveryScript={root / 'scripts' / 'discover-gpus'}"
    environment = {"PATH": f"{folder / 'bin'}:{BARE['PATH']}", "SPARK_WORKER_OPTS": options}
    with standalone(folder, n_workers=1, cores=2, environment=environment) as running:
        yield running


def test_a_gpu_an_executor_and_a_task_a_gpu(root: Path, tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "where.py").write_text(WHERE)
    done = submit(root, cluster, tmp_path / "where.py", settings=ONE_EACH, properties=PROPERTIES)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))[6:])
    first, second = found["rounds"]
    assert (found["slots"], found["gpus"]) == (2, 1)
    assert sorted(address for _, address, _ in first) == ["3", "5"]
    assert first == second, "the same workers, each with the GPU that it had"
    assert {n_visible for _, _, n_visible in first} == {0}
    gpu_of = {process: address for process, address, _ in first}
    assert {process for process, *_ in found["later"]} == gpu_of.keys(), "and no other worker was started"
    for process, addresses, visible, loaded in found["later"]:
        assert (addresses, visible, loaded) == ([gpu_of[process]], gpu_of[process], True)


def test_auto_goes_on_with_a_warning(root: Path, tmp_path: Path, cluster: Cluster, documents: Path) -> None:
    arguments = ("--input", documents, "--output", tmp_path / "out", "--report", tmp_path / "r.json")
    done = submit(root, cluster, EMBED, *arguments, "--partitions", 8, settings=ONE_EACH, properties=PROPERTIES)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["executors"], report["model_loads"], report["devices"]) == (2, 2, {"cpu": 2})
    assert (report["task_cpus"], report["task_gpus"], report["task_slots"]) == (1, 1, 2)
    assert report["rows_embedded"] == 40
    warnings = [line for line in done.stdout.splitlines() if "WARNING" in line and "sees no GPU" in line]
    assert len(warnings) == 1
    assert (
        "in 2 of 2 Python workers" in warnings[0] and "device is auto, so the work continues on the CPU" in warnings[0]
    )


def test_gpu_is_one_line_before_any_work(root: Path, tmp_path: Path, cluster: Cluster, documents: Path) -> None:
    arguments = ("--input", documents, "--output", tmp_path / "out", "--model", "no-such-model", "--device", "gpu")
    done = submit(root, cluster, EMBED, *arguments, settings=ONE_EACH, properties=PROPERTIES)
    assert done.returncode == 2, done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: device is gpu, and TensorFlow sees no GPU in 2 of 2 Python workers (")
    assert "was given GPU " in line and line.endswith("by --device auto or cpu")
    assert not (tmp_path / "out").exists()


def test_several_gpus_an_executor_are_refused(root: Path, tmp_path: Path, cluster: Cluster, documents: Path) -> None:
    two = ("spark.executor.cores=2", "spark.executor.memory=1g", "spark.executor.resource.gpu.amount=2")
    arguments = ("--input", documents, "--output", tmp_path / "out", "--device", "cpu")
    done = submit(root, cluster, EMBED, *arguments, settings=two, properties=PROPERTIES)
    assert done.returncode == 2, done.stderr[-3000:]
    assert "error: spark.executor.resource.gpu.amount is 2, expected 1: " in done.stdout
