"""docs/schedule.md: the DAG parses under the Airflow of PyPI, its jobs do their work; the line of cron is right."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.flags import parse
from elmo_udf.lake.validate import validate_table
from elmo_udf.similarity.job import compare_tables
from tests.markdown import blocks, commands, job_command

AIRFLOW = ("apache-airflow==3.3.2", "apache-airflow-providers-apache-spark==6.3.4")
DAYS = {
    "2026-01-30": ["The harbour froze.", "The harbour froze over.", "Bread was dear."],
    "2026-01-31": ["Two ships came in.", "Nobody counted them.", "Bread was cheap again."],
}
WORK: dict[str, Any] = {"embed": embed_corpus, "similarity": compare_tables, "validate": validate_table}


@pytest.fixture(scope="module")
def tasks(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Of each day: what Airflow makes of docs/airflow_dag.py, in the order in which it runs."""
    sys.path.insert(0, str(root / "scripts" / "benchmarks"))
    try:
        from environments import Environment
    finally:
        sys.path.pop(0)
    python = Environment("airflow", AIRFLOW).python()
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    shutil.copy(root / "docs" / "airflow_dag.py", home / "dags")
    variables = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    script = root / "tests" / "cluster" / "read_dag.py"
    found = {}
    for day in DAYS:
        done = subprocess.run(
            [python, script, home / "dags", day], env=variables, cwd=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
        said = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))[6:])
        assert (said["errors"], said["dags"]) == ({}, ["elmo"])
        found[day] = said["tasks"]
    return found


def options_of(root: Path, job: str, arguments: list[str]) -> Any:
    """The arguments as the job itself takes them."""
    return parse(runpy.run_path(str(root / "scripts" / "conf.py"))["OPTIONS"][job], arguments)


def test_one_job_after_the_other(tasks: dict[str, list[dict[str, Any]]]) -> None:
    for day, listed in tasks.items():
        assert [(task["id"], task["after"]) for task in listed] == [
            ("embed", []),
            ("similarity", ["embed"]),
            ("validate", ["similarity"]),
        ]
        assert [task["name"] for task in listed] == [f"{task['id']}-{day}" for task in listed]


def test_jobs_files_and_arguments_are_real(root: Path, tasks: dict[str, list[dict[str, Any]]]) -> None:
    for listed in tasks.values():
        for task in listed:
            assert task["archives"] == "/opt/elmo/environment.tar.gz#environment"
            for name in (task["application"], task["properties_file"]):
                assert (root / name.removeprefix("/opt/elmo/")).is_file()
            options_of(root, task["id"], task["arguments"])


def test_days_are_embedded_compared_and_valid_and_can_be_run_again(
    root: Path, tmp_path: Path, spark: SparkSession, tasks: dict[str, list[dict[str, Any]]]
) -> None:
    """The arguments that Airflow gives, with another place for the corpus and a model that is not trained."""
    for day, texts in DAYS.items():
        folder = tmp_path / "articles" / f"day={day}"
        folder.mkdir(parents=True)
        table = pa.table({"id": [f"{day}-{i}" for i in range(len(texts))], "text": texts})
        pq.write_table(table, folder / "a.parquet")
    for day in [*DAYS, *DAYS]:
        reports = {}
        for task in tasks[day]:
            arguments = [word.replace("hdfs:///corpus", str(tmp_path)) for word in task["arguments"]]
            options = options_of(root, task["id"], arguments)
            if task["id"] == "embed":
                options = replace(options, model="builtin:untrained")
            reports[task["id"]] = WORK[task["id"]](spark, options)
        assert reports["validate"].get("status") == "ok", reports["validate"]
    found = spark.read.parquet(str(tmp_path / "vectors"))
    assert {str(row.day): row["count"] for row in found.groupBy("day").count().collect()} == dict.fromkeys(DAYS, 3)


def test_the_line_of_cron(root: Path) -> None:
    page = (root / "docs" / "schedule.md").read_text("utf-8")
    lines = [
        line for block in blocks(page) for line in block.code.splitlines() if re.match(r"[\d*]+( [\d*]+){4} ", line)
    ]
    assert len(lines) == 1
    command = lines[0].split(maxsplit=5)[5]
    assert re.findall(r"(?<!\\)%", command) == [], "cron takes a bare % for the end of the line"
    jobs = [job_command(words) for words in commands(command.replace("\\%", "%"))]
    (started,) = (job for job in jobs if job is not None)
    options = options_of(root, *started)
    assert (started[0], options.mode) == ("embed", "incremental")
    subprocess.run(["bash", "-n", "-c", command.replace("\\%", "%")], check=True)
