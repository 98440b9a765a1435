"""A model comes to an executor once and is read there once, whatever its handle; on a standalone cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.standalone import Cluster, standalone, submit
from tests.make_models import random_model
from tests.model_files import write_folder

LOOK = """
import json, sys
from pyspark.sql import SparkSession
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions

spark = SparkSession.builder.getOrCreate()
source, model, output = sys.argv[1:]
reports = []
for name in ("first", "second"):
    options = EmbedOptions(input=source, output=f"{output}/{name}", model=model, partitions=8)
    reports.append(embed_corpus(spark, options))

def look(rows):  # while the application lives: its folders go with it
    import os, pathlib
    from pyspark import SparkFiles
    for _ in rows:
        folders = {folder for name in ("SPARK_EXECUTOR_DIRS", "SPARK_LOCAL_DIRS") for folder in
                   os.environ.get(name, "").split(os.pathsep) if folder}
        fetched = {str(path.resolve()): path.stat().st_size for folder in folders
                   for path in pathlib.Path(folder).rglob("*_cache")}
        yield os.path.abspath(SparkFiles.getRootDirectory()), fetched, sorted(os.listdir(SparkFiles.getRootDirectory()))

found = spark.sparkContext.parallelize(range(16), 16).mapPartitions(look).collect()
print("FOUND " + json.dumps({"reports": reports, "executors": found}, default=str))
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One machine, with two cores."""
    with standalone(tmp_path_factory.mktemp("one"), n_workers=1, cores=2) as running:
        yield running


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["path", "shared storage"])
def test_an_executor_fetches_and_reads_the_model_once(
    root: Path, tmp_path: Path, cluster: Cluster, documents: Path, scheme: str
) -> None:
    model = write_folder(random_model(11), tmp_path / "elmo")
    (tmp_path / "look.py").write_text(LOOK)
    two = ("spark.executor.cores=1", "spark.executor.memory=1g", "spark.scheduler.minRegisteredResourcesRatio=1.0")
    done = submit(root, cluster, tmp_path / "look.py", documents, f"{scheme}{model}", tmp_path / "out", settings=two)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))[6:])
    first, second = found["reports"]
    assert (first["executors"], first["model_loads"], first["task_cpus"]) == (2, 2, 1)
    assert second["model_loads"] == 0, "the workers have it"
    name = f"elmo-{first['fingerprint']}.npz"
    assert len({folder for folder, *_ in found["executors"]}) == 2
    assert all(name in files for *_, files in found["executors"])
    fetched = {path for _, paths, _ in found["executors"] for path in paths}
    assert len(fetched) == 2, "one an executor: Spark's cache of fetched files is not shared by executors"


def test_an_executor_has_all_cores_of_a_machine_where_nothing_is_said(
    root: Path, tmp_path: Path, cluster: Cluster, documents: Path
) -> None:
    """Without spark.executor.cores the job asks the executors themselves."""
    arguments = ("--input", documents, "--output", tmp_path / "out", "--report", tmp_path / "r.json")
    done = submit(root, cluster, "jobs/embed.py", *arguments, "--partitions", 4)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["executors"], report["model_loads"], report["task_cpus"], report["task_slots"]) == (1, 1, 2, 1)
