"""The files of conf/: the TOML files equal their dataclasses, and Spark knows and takes every property."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.comparison.options import CompareOptions
from elmo_udf.errors import UserError
from elmo_udf.evaluation.options import EvaluateOptions, PairsOptions
from elmo_udf.flags import parse, read_toml
from elmo_udf.options import EmbedOptions, QueryOptions, SimilarityOptions
from elmo_udf.study.options import StudyOptions
from elmo_udf.words.options import SensesOptions

JOBS = {
    "classify": ClassifyOptions,
    "clean": CleanOptions,
    "compare": CompareOptions,
    "embed": EmbedOptions,
    "evaluate": EvaluateOptions,
    "pairs": PairsOptions,
    "query": QueryOptions,
    "sentiment_study": StudyOptions,
    "senses": SensesOptions,
    "similarity": SimilarityOptions,
}


@pytest.fixture(scope="module")
def writer(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("conf_writer", root / "scripts" / "conf.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_job_has_a_file_and_every_file_a_job(root: Path, writer: ModuleType) -> None:
    in_conf = {path.stem for path in (root / "conf").glob("*.toml")}
    jobs = {path.stem for path in (root / "jobs").glob("*.py")}
    assert in_conf == jobs == set(JOBS)
    assert writer.OPTIONS == JOBS


@pytest.mark.parametrize("job", JOBS)
def test_file_is_the_one_that_the_options_make(root: Path, writer: ModuleType, job: str) -> None:
    committed = (root / "conf" / f"{job}.toml").read_text("utf-8")
    assert committed == writer.toml(job), "the options have changed: run python scripts/conf.py"


@pytest.mark.parametrize("job", JOBS)
def test_file_holds_the_defaults(root: Path, job: str) -> None:
    defaults = {f.name: f.default for f in fields(JOBS[job]) if f.default is not MISSING and f.default is not None}
    assert read_toml(JOBS[job], str(root / "conf" / f"{job}.toml")) == defaults


@pytest.mark.parametrize("job", JOBS)
def test_every_option_can_be_given_in_the_file(root: Path, tmp_path: Path, job: str) -> None:
    """The lines that are commented out are right as well once the comment sign is taken away."""
    text = (root / "conf" / f"{job}.toml").read_text("utf-8")
    everything = tmp_path / "everything.toml"
    everything.write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE), "utf-8")
    assert read_toml(JOBS[job], str(everything)).keys() == {f.name for f in fields(JOBS[job])}


def test_what_else_is_positional_can_be_in_the_file(tmp_path: Path) -> None:
    config = tmp_path / "similarity.toml"
    config.write_text('kind = "pairs"\nembeddings = "vectors"\noutput = "pairs"\n', "utf-8")
    assert parse(SimilarityOptions, ["--config", str(config)]).kind == "pairs"
    assert parse(SimilarityOptions, ["topk", "--config", str(config)]).kind == "topk"
    with pytest.raises(UserError, match=r"missing topk\|pairs\|matrix, --embeddings; give"):
        parse(SimilarityOptions, ["--output", "pairs"])


PROBE = """
import json, sys
from pyspark.sql import SparkSession
names = sys.argv[1:]
session = SparkSession.builder.getOrCreate()
entry = session.sparkContext._jvm.org.apache.spark.internal.config.ConfigEntry
known = {row.key for row in session.sql("SET -v").collect()}
known |= {name for name in names if entry.findEntry(name) is not None}
values = {name: session.sparkContext.getConf().get(name) for name in names}
n_rows = session.range(10).groupBy("id").count().count()
print("probe: " + json.dumps({"known": sorted(known & set(names)), "values": values, "n_rows": n_rows}))
session.stop()
"""


def properties(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def probe(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a session with conf/local.conf says of its properties, and of one that does not exist."""
    script = tmp_path_factory.mktemp("probe") / "probe.py"
    script.write_text(PROBE, "utf-8")
    command = [str(Path(sys.executable).parent / "spark-submit"), "--properties-file", str(root / "conf/local.conf")]
    command += ["--conf", "spark.ui.enabled=false", str(script), *properties(root / "conf/local.conf")]
    done = subprocess.run([*command, "spark.drivr.memory"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = next(line for line in done.stdout.splitlines() if line.startswith("probe: "))
    return dict(json.loads(said.removeprefix("probe: ")))


def test_spark_knows_every_property(root: Path, probe: dict[str, Any]) -> None:
    names = set(properties(root / "conf" / "local.conf"))
    assert set(probe["known"]) == names - {"spark.master"}  # spark-submit's own, not among Spark's entries


def test_a_session_starts_with_every_property(root: Path, probe: dict[str, Any]) -> None:
    assert probe["values"] == {**properties(root / "conf" / "local.conf"), "spark.drivr.memory": None}
    assert probe["n_rows"] == 10


def test_every_property_has_its_reason(root: Path) -> None:
    paragraphs = (root / "conf" / "local.conf").read_text("utf-8").split("\n\n")
    for paragraph in paragraphs:
        assert paragraph.startswith("#"), f"a comment that says why comes first: {paragraph!r}"
