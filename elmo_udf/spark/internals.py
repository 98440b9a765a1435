"""All that is used of Spark beside its public interface, each use as a small function.

Another version of Spark may have other names. So no other module uses them, and tests/test_spark_internals.py has a
test for each, which says what is gone. (``spark.python.daemon.module`` has one of its own: ``daemon`` starts
``pyspark.daemon.manager``, before anything else is imported.) All were seen in PySpark 4.1.0 and 4.3.0.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.cleanup import afterwards

if TYPE_CHECKING:
    from pyspark.ml.param import Params

log = logging.getLogger(__name__)

_PLANS = "org.apache.spark.sql.catalyst.plans.logical."
_SOURCES = "org.apache.spark.sql.execution.datasources."


@dataclass(frozen=True)
class Relation:
    """The files that a table is nothing but some columns of, as Spark's plan names them."""

    sources: dict[str, str]
    """Name in the files of each column of the table, by its name there."""
    format: str
    """The class of Spark that reads them, such as ``parquet.ParquetFileFormat``."""
    in_files: set[str]
    """Names of the columns that the files hold, those that are folders left out."""
    options: set[str]
    """Names of the reader's options, in lower case."""
    java: Any
    """Spark's own object."""


def active_context() -> SparkContext | None:
    """The context of this process, whichever thread has made it; None without one (``_active_spark_context``)."""
    context: SparkContext | None = SparkContext._active_spark_context
    return context


def start_jvm() -> None:
    """Start the JVM or join that of spark-submit, so that SparkConf sees its properties (``_ensure_initialized``)."""
    SparkContext._ensure_initialized()


def jvm() -> Any:
    """Java's classes by their full names (``SparkContext._jvm``); the JVM must run."""
    return SparkContext._jvm


def jvm_process() -> subprocess.Popen[bytes]:
    """The process of the JVM that this process has started (``SparkContext._gateway.proc``)."""
    process: subprocess.Popen[bytes] = SparkContext._gateway.proc  # type: ignore[union-attr]  # None without a session
    return process


def jvm_cores() -> int:
    """Processors as the JVM counts them: what a container leaves it, where os.cpu_count says what the machine has."""
    start_jvm()
    return int(jvm().java.lang.Runtime.getRuntime().availableProcessors())


def hadoop_configuration(spark: SparkSession) -> Any:
    """Hadoop's Configuration of the session's context (``_jsc.hadoopConfiguration``)."""
    return spark.sparkContext._jsc.hadoopConfiguration()


def hadoop_path(path: str) -> Any:
    """Hadoop's Path; raises Py4JError for a text that is none."""
    return jvm().org.apache.hadoop.fs.Path(path)


def executor_cores(spark: SparkSession) -> list[int]:
    """Cores of each executor that has registered with the driver (``statusStore``)."""
    listed = spark.sparkContext._jsc.sc().statusStore().executorList(True)
    return [executor.totalCores() for executor in _items(listed) if executor.id() != "driver"]


def bytes_shuffled_and_spilled(spark: SparkSession) -> tuple[int, int]:
    """Of all stages of the application so far (``statusStore``)."""
    empty = jvm().java.util.ArrayList()
    no_quantiles = SparkContext._gateway.new_array(jvm().double, 0)  # type: ignore[union-attr]  # None without a session
    store = spark.sparkContext._jsc.sc().statusStore()
    stages = list(_items(store.stageList(empty, False, False, no_quantiles, empty)))
    spilled = sum(stage.diskBytesSpilled() + stage.memoryBytesSpilled() for stage in stages)
    return sum(stage.shuffleWriteBytes() for stage in stages), spilled


@contextmanager
def silenced(loggers: Sequence[str]) -> Iterator[None]:
    """Log4j's loggers of these names say nothing while the block runs, unless the user has configured them.

    Where that can't be, they say what they say.
    """
    with afterwards(_silence(loggers)):
        yield


def _silence(loggers: Sequence[str]) -> Callable[[], None]:
    """What makes them speak again."""
    try:
        log4j = jvm().org.apache.logging.log4j
        context = log4j.LogManager.getContext(False)
        names = [name for name in loggers if not context.getConfiguration().getLoggers().containsKey(name)]
        for name in names:
            log4j.core.config.Configurator.setLevel(name, log4j.Level.OFF)
    except Exception as error:
        log.debug("Spark's loggers can't be silenced: %s", error)
        return lambda: None

    def as_before() -> None:
        for name in names:  # any level of their own, also the one before, takes them out of Spark's filter for shells
            context.getConfiguration().removeLogger(name)
        context.updateLoggers()

    return as_before


def relation_of(table: DataFrame) -> Relation | None:
    """The files that a table is nothing but columns of; None for another table (``_jdf``, Catalyst's plan)."""
    plan, sources = table._jdf.queryExecution().optimizedPlan(), {name: name for name in table.columns}
    if len(sources) < len(table.columns):  # two columns of one name
        return None
    if _class(plan) == f"{_PLANS}Project":
        for expression in _items(plan.projectList()):
            child = expression.child() if _class(expression).endswith(".Alias") else expression
            if not _class(child).endswith(".AttributeReference"):
                return None
            sources[expression.name()] = child.name()
        plan = plan.child()
    if _class(plan) != f"{_SOURCES}LogicalRelation" or _class(plan.relation()) != f"{_SOURCES}HadoopFsRelation":
        return None
    relation = plan.relation()
    return Relation(
        sources,
        _class(relation.fileFormat()).removeprefix(_SOURCES),
        set(relation.dataSchema().fieldNames()) - set(relation.partitionSchema().fieldNames()),
        {key.lower() for key in _items(relation.options().keys().toSeq())},
        relation,
    )


def files_of(relation: Relation, most: int) -> list[str] | None:
    """URIs of the files that Spark would read; None where they are more than ``most``."""
    no_filter = jvm().org.apache.spark.api.python.PythonUtils.toSeq([])
    # Not all files that lie there: none that is empty, none beside the folders of a table that has some.
    listed = relation.java.location().listFiles(no_filter, no_filter)
    if listed.size() > most:
        return None
    folders = list(_items(listed))
    if sum(folder.files().size() for folder in folders) > most:
        return None
    return [file.fileStatus().getPath().toUri().toString() for folder in folders for file in _items(folder.files())]


def no_params() -> Params:
    """The parent of a Param of pyspark.ml that is declared in a class (``Params._dummy``)."""
    from pyspark.ml.param import Params

    return Params._dummy()


def _class(of: Any) -> str:
    return str(of.getClass().getName())


def _items(of: Any) -> Iterator[Any]:
    """What is in a Seq of Scala's."""
    return (of.apply(i) for i in range(of.size()))
