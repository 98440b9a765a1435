"""The files of conf/: the TOML files equal their dataclasses, and Spark knows and takes every property."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from training_presets import PRESETS

import conf
from elmo_udf.errors import UserError
from elmo_udf.flags import parse, read_toml
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.spark import internals
from elmo_udf.training.options import TrainOptions

JOBS = conf.OPTIONS
FILES = {name: job for name, (job, _) in conf.FILES.items()}


def test_every_job_has_a_file_and_every_file_a_job(root: Path) -> None:
    assert {path.stem for path in (root / "conf").glob("*.toml")} == set(FILES)
    assert {job: job for job in JOBS if job != "train"} | {f"train-{name}": "train" for name in PRESETS} == FILES
    scripts = {path.stem: path.read_text("utf-8") for path in (root / "jobs").glob("*.py")}
    assert {job: re.findall(r"run_job\(\w+, (\w+),", text) for job, text in scripts.items()} == {
        job: [options.__name__] for job, options in JOBS.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_file_is_the_one_that_the_options_make(root: Path, name: str) -> None:
    committed = (root / "conf" / f"{name}.toml").read_text("utf-8")
    assert committed == conf.toml(name), "the options have changed: run python scripts/conf.py"


@pytest.mark.parametrize("name", FILES)
def test_file_holds_the_defaults_or_the_preset(root: Path, name: str) -> None:
    options = JOBS[FILES[name]]
    defaults = {f.name: f.default for f in fields(options) if f.default is not MISSING and f.default is not None}
    assert read_toml(options, str(root / "conf" / f"{name}.toml")) == defaults | PRESETS.get(name[6:], {})


@pytest.mark.parametrize("name", FILES)
def test_every_option_can_be_given_in_the_file(root: Path, tmp_path: Path, name: str) -> None:
    """The lines that are commented out are right as well once the comment sign is taken away."""
    text = (root / "conf" / f"{name}.toml").read_text("utf-8")
    everything = tmp_path / "everything.toml"
    everything.write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE), "utf-8")
    assert read_toml(JOBS[FILES[name]], str(everything)).keys() == {f.name for f in fields(JOBS[FILES[name]])}


def test_published_sizes(root: Path) -> None:
    """Parameters of an LSTM layer and of the characters, as allennlp.org counted them: 13.6 and 93.6 million in all."""
    from elmo_udf.models.form import array_shapes

    for name, millions in (("small", 13.6), ("original", 93.6)):
        values = read_toml(TrainOptions, str(root / "conf" / f"train-{name}.toml"))
        network = TrainOptions(input="x", output="y", **values).network()
        assert sum(math.prod(shape) for _, shape in array_shapes(network)) / 1e6 == pytest.approx(millions, abs=0.05)


def test_what_else_is_positional_can_be_in_the_file(tmp_path: Path) -> None:
    config = tmp_path / "similarity.toml"
    config.write_text('kind = "pairs"\nembeddings = "vectors"\noutput = "pairs"\n', "utf-8")
    assert parse(SimilarityOptions, ["--config", str(config)]).kind == "pairs"
    assert parse(SimilarityOptions, ["topk", "--config", str(config)]).kind == "topk"
    with pytest.raises(UserError, match=r"missing topk\|pairs\|matrix\|groups, --embeddings; give"):
        parse(SimilarityOptions, ["--output", "pairs"])


def properties(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


PROPERTIES = ("local", *(f"{kind}{gpu}" for kind in ("standalone", "yarn", "kubernetes") for gpu in ("", "-gpu")))
ONLY_SUBMIT = {"spark.master"}
"""Of spark-submit itself, and not among Spark's entries."""
THREADS = "spark.executorEnv.OMP_NUM_THREADS"
"""A variable of executors: https://spark.apache.org/docs/latest/configuration.html#runtime-environment"""
OF_A_RESOURCE = re.compile(r"spark\.(driver|executor|task|worker)\.resource\.\w+\.(amount|discoveryScript|vendor)")
"""https://spark.apache.org/docs/latest/configuration.html#custom-resource-scheduling-and-configuration-overview"""


@pytest.fixture(scope="module")
def entries(spark: SparkSession) -> Any:
    """Spark's registry of settings, by name; with those of YARN and Kubernetes, which register when they are loaded."""
    jvm: Any = internals.jvm()
    for name in ("org.apache.spark.deploy.yarn.config.package$", "org.apache.spark.deploy.k8s.Config$"):
        jvm.java.lang.Class.forName(name)
    return jvm.org.apache.spark.internal.config.ConfigEntry


def test_every_properties_file_is_here(root: Path) -> None:
    assert {path.stem for path in (root / "conf").glob("*.conf")} == set(PROPERTIES)


@pytest.mark.parametrize("name", PROPERTIES)
def test_spark_reads_the_file_as_it_is_meant(root: Path, spark: SparkSession, name: str) -> None:
    path = root / "conf" / f"{name}.conf"
    reader: Any = internals.jvm()
    found = scala_map(reader.org.apache.spark.util.Utils.getPropertiesFromFile(str(path)))
    assert found == properties(path) and found


def scala_map(values: Any) -> dict[str, str]:
    """A map of Scala's as one of Python's."""
    names = values.keysIterator()
    found = {}
    while names.hasNext():
        name = names.next()
        found[name] = values.apply(name)
    return found


def empty_conf(spark: SparkSession) -> Any:
    """A SparkConf of the JVM with nothing in it."""
    jvm: Any = internals.jvm()
    return jvm.org.apache.spark.SparkConf(False)


@pytest.mark.parametrize("name", PROPERTIES)
def test_spark_knows_every_property_and_takes_its_value(
    root: Path, spark: SparkSession, entries: Any, name: str
) -> None:
    """Whether a session starts with those of local.conf, and has them then, test_readme.py sees."""
    conf = empty_conf(spark)
    for key, value in properties(root / "conf" / f"{name}.conf").items():
        if key not in (*ONLY_SUBMIT, THREADS) and not OF_A_RESOURCE.fullmatch(key):
            entry = entries.findEntry(key)
            assert entry is not None, f"Spark knows no {key}"
            conf.set(key, value).get(entry)  # fails where the value is not of the setting's type


def test_what_spark_does_not_know_is_found(spark: SparkSession, entries: Any) -> None:
    assert entries.findEntry("spark.drivr.memory") is None
    assert entries.findEntry("spark.yarn.maxAppAttempts") is not None
    assert entries.findEntry("spark.kubernetes.container.image") is not None
    wrong = empty_conf(spark).set("spark.executor.cores", "many")
    with pytest.raises(Exception, match=r"'many' in the config \"spark\.executor\.cores\" is invalid"):
        wrong.get(entries.findEntry("spark.executor.cores"))


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_has_its_reason(root: Path, name: str) -> None:
    paragraphs = (root / "conf" / f"{name}.conf").read_text("utf-8").split("\n\n")
    for paragraph in paragraphs:
        assert paragraph.startswith("#"), f"a comment that says why comes first: {paragraph!r}"


@pytest.mark.parametrize("kind", ["standalone", "yarn", "kubernetes"])
def test_a_file_for_gpus_differs_in_what_is_about_gpus(root: Path, kind: str) -> None:
    with_gpus, without = (properties(root / "conf" / f"{kind}{gpu}.conf") for gpu in ("-gpu", ""))
    changed = {key for key in without.keys() | with_gpus.keys() if without.get(key) != with_gpus.get(key)}
    added = {key for key in changed if ".resource.gpu." in key}
    assert with_gpus["spark.executor.resource.gpu.amount"] == "1"
    assert changed - added <= {"spark.executor.cores", "spark.cores.max", THREADS}
    assert all(found[THREADS] == found["spark.executor.cores"] for found in (with_gpus, without))
