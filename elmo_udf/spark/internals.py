"""Wraps everything that the project uses of Spark beyond its public interface, each use in a small function.

Another version of Spark may have other names. So no other module uses them, and tests/test_spark_internals.py has a
test for each function, which says what is gone. (``spark.python.daemon.module`` has its own place: ``daemon`` starts
``pyspark.daemon.manager`` before anything else is imported.) All were seen in PySpark 4.1.0 and 4.3.0.
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
    """A table that consists only of some columns of files, as Spark's plan describes it."""

    sources: dict[str, str]
    """The name in the files of each column of the table, by its name in the table."""
    format: str
    """Spark's class that reads them, such as ``parquet.ParquetFileFormat``."""
    in_files: set[str]
    """The names of the columns in the files, without partition columns."""
    options: set[str]
    """The names of the reader's options, in lower case."""
    java: Any
    """Spark's own object."""


def active_context() -> SparkContext | None:
    """Returns the context of this process, whichever thread created it, or None (``_active_spark_context``)."""
    context: SparkContext | None = SparkContext._active_spark_context
    return context


def start_jvm() -> None:
    """Starts the JVM or joins that of spark-submit, so that SparkConf sees its properties (``_ensure_initialized``)."""
    SparkContext._ensure_initialized()


def jvm() -> Any:
    """Returns Java's classes by their full names (``SparkContext._jvm``). The JVM must be running."""
    return SparkContext._jvm


def jvm_process() -> subprocess.Popen[bytes]:
    """Returns the process of the JVM that this process has started (``SparkContext._gateway.proc``)."""
    process: subprocess.Popen[bytes] = SparkContext._gateway.proc  # type: ignore[union-attr]  # None without a session
    return process


def jvm_cores() -> int:
    """Returns the number of processors according to the JVM, which respects the limits of a container.

    os.cpu_count returns the number of the machine.
    """
    start_jvm()
    return int(jvm().java.lang.Runtime.getRuntime().availableProcessors())


def hadoop_configuration(spark: SparkSession) -> Any:
    """Returns Hadoop's Configuration of the session's context (``_jsc.hadoopConfiguration``)."""
    return spark.sparkContext._jsc.hadoopConfiguration()


def hadoop_path(path: str) -> Any:
    """Returns Hadoop's Path. Raises Py4JError if the text is not a path."""
    return jvm().org.apache.hadoop.fs.Path(path)


def encoding_of_names() -> str:
    """Returns the encoding in which the driver's JVM writes names of files (its property ``sun.jnu.encoding``)."""
    return str(jvm().java.lang.System.getProperty("sun.jnu.encoding"))


def glob_filter(pattern: str) -> Any:
    """Returns Hadoop's filter of names by a pattern: ``accept`` takes a Path, whose last part counts."""
    return jvm().org.apache.hadoop.fs.GlobFilter(pattern)


def executor_cores(spark: SparkSession) -> list[int]:
    """Returns the number of cores of each executor that has registered with the driver (``statusStore``)."""
    listed = spark.sparkContext._jsc.sc().statusStore().executorList(True)
    return [executor.totalCores() for executor in _items(listed) if executor.id() != "driver"]


def bytes_shuffled_and_spilled(spark: SparkSession) -> tuple[int, int]:
    """Returns the sums over all stages of the application so far (``statusStore``)."""
    empty = jvm().java.util.ArrayList()
    no_quantiles = SparkContext._gateway.new_array(jvm().double, 0)  # type: ignore[union-attr]  # None without a session
    store = spark.sparkContext._jsc.sc().statusStore()
    stages = list(_items(store.stageList(empty, False, False, no_quantiles, empty)))
    spilled = sum(stage.diskBytesSpilled() + stage.memoryBytesSpilled() for stage in stages)
    return sum(stage.shuffleWriteBytes() for stage in stages), spilled


@contextmanager
def silenced(loggers: Sequence[str]) -> Iterator[None]:
    """Silences Log4j's loggers with these names while the block runs, unless the user has configured them.

    If that is impossible, nothing changes.
    """
    with afterwards(_silence(loggers)):
        yield


def _silence(loggers: Sequence[str]) -> Callable[[], None]:
    """Returns a function that ends the silence."""
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
    """Returns the files if a table consists only of columns of files, otherwise None (``_jdf``, Catalyst's plan)."""
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
    """Returns the URIs of the files that Spark would read, or None if they are more than ``most``."""
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
    """Returns the parent of a Param of pyspark.ml that is declared in a class (``Params._dummy``)."""
    from pyspark.ml.param import Params

    return Params._dummy()


def _class(of: Any) -> str:
    return str(of.getClass().getName())


def _items(of: Any) -> Iterator[Any]:
    """Yields the items of a Scala Seq."""
    return (of.apply(i) for i in range(of.size()))
