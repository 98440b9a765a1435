"""The job as a command, on executors that are processes of their own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pyspark
import pytest
from pyspark.sql import SparkSession

from elmo_udf import cli
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.spark import internals
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
JVM = os.environ["SPARK_SUBMIT_OPTS"]
CLUSTER = (
    "spark.master=local-cluster[2,2,2048]",
    f"spark.driver.extraJavaOptions={JVM}",
    f"spark.executor.extraJavaOptions={JVM}",
)

ONE_POOL = "spark.executorEnv.OMP_NUM_THREADS=2"
"""As in conf/: without it, Spark starts other workers for tasks with another number of cores."""


def run(root: Path, job: str, *arguments: str, settings: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A job as users start it: ``python jobs/x.py`` with Spark's settings in the environment."""
    submit = " ".join(f"--conf {shlex.quote(setting)}" for setting in (*settings, "spark.ui.enabled=false"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYSPARK", "SPARK"))}
    environment["PYSPARK_SUBMIT_ARGS"] = f"{submit} pyspark-shell"
    command = [sys.executable, str(root / "jobs" / f"{job}.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo"))


@pytest.mark.slow
def test_two_executors_load_the_model_once_each(root: Path, tmp_path: Path, model: str) -> None:
    texts = {f"d{i}": f"Document {i} has a number. It is {i * i}!" for i in range(200)}
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in texts.items()))
    report_path = tmp_path / "report.json"
    done = run(
        root, "embed", "--input", str(tmp_path / "d.jsonl"), "--output", str(tmp_path / "out"), "--model", model,
        "--partitions", "12", "--report", str(report_path), settings=CLUSTER,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(report_path.read_text())
    assert (report["executors"], report["model_loads"], report["tasks"]) == (2, 2, 12)
    assert (report["task_cpus"], report["rows_embedded"]) == (2, 200)
    assert (report["task_gpus"], report["task_slots"], report["devices"]) == (0, 2, {"cpu": 2})
    assert all(name in done.stdout for name in ("executors", "model_loads", "task_cpus", "task_gpus", "devices"))
    assert "[Stage" not in done.stderr, "Spark's bars of progress mix with ours"
    for row in pq.read_table(tmp_path / "out").to_pylist():
        layers = [numpy_elmo.layers(MODEL, sentence)["elmo"] for sentence in Tokenizer()(texts[row["id"]]).sentences]
        np.testing.assert_allclose(row["embedding"], np.concatenate(layers).mean(axis=0), atol=1e-5)


@pytest.mark.slow
def test_one_process_of_an_executor_holds_the_model_whatever_a_session_does(
    root: Path, tmp_path: Path, model: str
) -> None:
    texts = [{"id": f"d{i}", "text": f"Document {i} is here."} for i in range(80)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    submit = " ".join(f"--conf {shlex.quote(setting)}" for setting in (*CLUSTER, ONE_POOL, "spark.ui.enabled=false"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYSPARK", "SPARK"))}
    environment |= {"PYSPARK_SUBMIT_ARGS": f"{submit} pyspark-shell", "PYTHONPATH": str(root)}
    command = [sys.executable, str(root / "tests" / "one_session.py"), str(tmp_path / "d.jsonl"), str(tmp_path), model]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"executors": 2, "loads": [2, 0], "answers": 1, "processes": 2}


def test_a_spark_that_is_not_installed_says_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a cluster pyspark comes from a zip beside Spark's jars, of which Python's metadata knows nothing."""

    def installed(name: str) -> str:
        if name == "pyspark":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(cli, "version", installed)
    assert cli.versions()["pyspark"] == pyspark.__version__
    assert cli.versions()["tensorflow"] == version("tensorflow")


def test_the_long_tests_are_not_among_these(request: pytest.FixtureRequest) -> None:
    """Clusters of daemons and processes that die are for scripts/test --cluster and --faults."""
    folders = {item.path.parent.name for item in request.session.items}
    assert "tests" in folders and not folders & {"cluster", "faults"}


@pytest.mark.slow
def test_a_load_that_comes_again_is_counted(spark: SparkSession, tmp_path: Path, model: str) -> None:
    """Where workers are not reused, every task loads the model."""
    (tmp_path / "d.csv").write_text("id,text\n" + "".join(f"{i},Text {i}.\n" for i in range(30)))
    options = EmbedOptions(input=str(tmp_path / "d.csv"), output=str(tmp_path / "out"), model=model, partitions=2)
    settings = internals.jvm().org.apache.spark.SparkContext.getOrCreate().conf()  # Spark reads this one at every stage
    settings.set("spark.python.worker.reuse", "false")
    try:
        report = embed_corpus(spark, options)
    finally:
        settings.remove("spark.python.worker.reuse")
    assert (report["executors"], report["model_loads"]) == (1, 2)


@pytest.mark.slow
def test_a_mistake_is_one_line_and_exit_code_2(root: Path, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,body\na,b\n")
    arguments = ("--input", str(tmp_path / "d.csv"), "--output", str(tmp_path / "out"))
    done = run(root, "embed", *arguments, "--report", str(tmp_path / "r.json"))
    assert done.returncode == 2
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: text column 'text' is not in input")
    assert "found ['id', 'body']; name another with --text-column" in line
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["error"] == line.removeprefix("error: ")


@pytest.mark.parametrize(
    "job", ["embed", *(pytest.param(job, marks=pytest.mark.slow) for job in ("similarity", "query"))]
)
def test_a_wrong_flag_is_refused_without_starting_spark(root: Path, job: str) -> None:
    done = run(root, job, "--colour=red")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--colour" in done.stderr
