"""What is used of Spark beside its public interface: each use works with the Spark that is installed.

A test that fails here says which name is gone. ``pyspark.daemon.manager`` has its test in test_spark_daemon.py.
"""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext
from pyspark.ml.param import Param, TypeConverters
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from elmo_udf.spark import internals
from tests.conftest import ROOT
from tests.test_imports import MODULES

ALONE = """
import sys
from elmo_udf.spark import internals
if sys.argv[1] == "start":
    assert internals.active_context() is None
    internals.start_jvm()
    assert internals.jvm().java.lang.System.getProperty("java.version")
    process = internals.jvm_process()
    process.stdin.close()
    assert process.wait(60) is not None
if sys.argv[1] == "executors":
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.master("local-cluster[2,3,1024]").config("spark.ui.enabled", "false").getOrCreate()
    spark.range(100).repartition(12).count()
    assert set(internals.executor_cores(spark)) == {3}, internals.executor_cores(spark)
"""


def alone(what: str) -> None:
    done = subprocess.run([sys.executable, "-c", ALONE, what], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_jvm_is_started_and_ends_with_its_input() -> None:
    alone("start")


@pytest.mark.slow
def test_cores_of_registered_executors(spark: SparkSession) -> None:
    alone("executors")
    assert internals.executor_cores(spark) == []


def test_the_context_of_this_process(spark: SparkSession) -> None:
    assert internals.active_context() is spark.sparkContext


def test_processors_of_the_jvm(spark: SparkSession) -> None:
    local = SparkContext.getOrCreate().defaultParallelism
    assert local >= 1 and internals.jvm_cores() >= 1


def test_hadoop_s_configuration_and_paths(spark: SparkSession) -> None:
    assert internals.hadoop_configuration(spark).get("fs.defaultFS")
    assert internals.hadoop_path("hdfs://host/a//b/").toString() == "hdfs://host/a/b"
    accepted = [internals.glob_filter("*.{csv,tsv}").accept(internals.hadoop_path(f"/{n}")) for n in ("a.tsv", "a.txt")]
    assert accepted == [True, False]


def test_hadoop_s_filter_of_names(spark: SparkSession) -> None:
    accepts = internals.glob_filter("a*.csv").accept
    assert accepts(internals.hadoop_path("/x/ab.csv")) and not accepts(internals.hadoop_path("/x/b.csv"))


def test_bytes_shuffled_and_spilled(spark: SparkSession) -> None:
    spark.range(1000).repartition(3).count()
    shuffled, spilled = internals.bytes_shuffled_and_spilled(spark)  # of the last thousand stages of the session
    assert shuffled > 0 and spilled >= 0


def test_loggers_are_silent_for_a_while(spark: SparkSession) -> None:
    log4j = internals.jvm().org.apache.logging.log4j
    logger = log4j.LogManager.getLogger("org.apache.spark.executor.Executor")
    before = logger.getLevel().toString()
    with internals.silenced(["org.apache.spark.executor.Executor"]):
        assert logger.getLevel().toString() == "OFF"
    assert logger.getLevel().toString() == before != "OFF"


def test_loggers_that_cannot_be_silenced_speak(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(internals, "jvm", lambda: None)
    with caplog.at_level(logging.DEBUG), internals.silenced(["org.apache.spark.executor.Executor"]):
        pass
    assert "can't be silenced" in caplog.text


def test_the_files_of_a_table(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(3).withColumn("day", F.lit(1)).write.partitionBy("day").parquet(str(tmp_path / "t"))
    table = spark.read.option("mergeSchema", "true").parquet(str(tmp_path / "t"))
    relation = internals.relation_of(table.select(F.col("id").alias("number")))
    assert relation is not None
    assert relation.sources == {"number": "id"}
    assert relation.format == "parquet.ParquetFileFormat"
    assert relation.in_files == {"id"} and "mergeschema" in relation.options
    names = sorted(path.name for path in (tmp_path / "t" / "day=1").glob("*.parquet"))
    assert sorted(Path(uri).name for uri in internals.files_of(relation, 1000) or ()) == names != []
    assert internals.files_of(relation, 0) is None


def test_the_parent_of_a_param() -> None:
    param = Param(internals.no_params(), "name", "doc", typeConverter=TypeConverters.toString)
    assert param.parent == "undefined"


NAMES = {"queryExecution", "statusStore", "LogManager", "java_gateway", "pyspark.daemon"}
"""Names that are Spark's own, or those of what it is made of, without beginning with an underscore."""


def private_uses(tree: ast.Module) -> set[str]:
    """Private names but those of classes in the same file and of other libraries; Java's classes; and NAMES."""
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    libraries = {
        alias.asname or alias.name
        for node in imported
        for alias in node.names
        if not (getattr(node, "module", None) or alias.name).startswith(("pyspark", "py4j", "elmo_udf"))
    }
    assigned = [
        (ast.unparse(node.targets[0]), ast.unparse(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    ]
    own = {
        "self",
        "cls",
        "super()",
        *classes,
        *libraries,
        *(name for name, value in assigned if value.split(".")[0] in libraries),  # objects of other libraries
    }
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if node.attr in NAMES or (node.attr.startswith("_") and not node.attr.startswith("__")):
                found |= {ast.unparse(node)} if ast.unparse(node.value) not in own else set()
            if ast.unparse(node).startswith(("org.apache", "java.")) or ".org.apache" in ast.unparse(node):
                found.add(ast.unparse(node))
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            package = node.module.split(".")[0]
            names = [alias.name for alias in node.names if alias.name.startswith("_")]
            if package in ("pyspark", "py4j") and (names or NAMES & {node.module, node.module.split(".")[-1]}):
                found.add(f"{node.module} {names}")
    return found


def test_no_other_module_uses_private_names() -> None:
    for module, path in MODULES.items():
        found = private_uses(ast.parse(path.read_text("utf-8")))
        if module == "elmo_udf.spark.internals":
            assert found
        elif module == "elmo_udf.spark.daemon":
            assert found == {"pyspark.daemon []"}
        else:
            assert not found, f"{module}: {found}"


SPARK_S = {"_jvm", "_jsc", "_jdf", "_jsparkSession", "_gateway", "_sc", "_active_spark_context", "_ensure_initialized"}


BREAK_IT = {"conftest.py", "test_hang.py"}
"""These break a session, and make one anew where another is broken."""


@pytest.mark.parametrize("folder", ["tests", "scripts", "jobs"])
def test_tests_and_scripts_use_them_through_that_module_too(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        nodes: list[Any] = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Attribute)]
        found = {node.attr for node in nodes} & SPARK_S
        assert not found or path.name in BREAK_IT, f"{path}: {found}"
