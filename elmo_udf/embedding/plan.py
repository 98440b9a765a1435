"""Plans a run: resolves and checks everything before any document is embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.carried import check_carried, flags_of
from elmo_udf.embedding.device import check_device
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.work import count_tasks
from elmo_udf.errors import UserError
from elmo_udf.spark.complaints import reading
from elmo_udf.spark.inputs.columns import MALFORMED
from elmo_udf.spark.inputs.documents import TEXT, read_documents
from elmo_udf.spark.inputs.undecoded import as_undecoded, is_doubtful
from elmo_udf.spark.metadata import TableMetadata
from elmo_udf.spark.profile import Stage, embedding_stage
from elmo_udf.spark.shipping import ShippedModel, ship_model


@dataclass(frozen=True)
class Plan:
    """The model, the documents and the tasks of one run."""

    model: ShippedModel
    layout: Layout
    documents: DataFrame
    n_rows: int
    n_characters: int
    stage: Stage
    n_tasks: int
    metadata: TableMetadata

    @property
    def id_type(self) -> T.DataType:
        """The type of the input's ids, which the tables keep."""
        return self.documents.schema["id"].dataType

    def tasks_for(self, n_characters: int, options: EmbedOptions) -> int:
        """Returns the number of tasks for so many characters of these documents."""
        return options.partitions or count_tasks(n_characters, self.model.network, self.stage.cpus, self.stage.slots)

    def report(self) -> dict[str, Any]:
        """Returns the part of the report that is known before the work."""
        return {
            "model": self.model.handle,
            "fingerprint": self.model.fingerprint,
            "model_note": self.model.note,
            "model_bytes": self.model.n_bytes,
            "layer": self.metadata.layer,
            "width": self.metadata.width,
            "rows_in": self.n_rows,
            "n_characters": self.n_characters,
            "tasks": self.n_tasks,
            "task_cpus": self.stage.cpus,
            "task_gpus": self.stage.gpus,
            "task_slots": self.stage.slots,
        }


def make_plan(spark: SparkSession, options: EmbedOptions, layers: Sequence[str] = ()) -> Plan:
    """Loads the model, reads the schema and counts the rows. Raises UserError if something is wrong with either.

    Args:
        layers: The layers that form a vector side by side, instead of ``options.layer``.
    """
    documents = read_documents(spark, options, flags_of(options))
    check_carried(documents, options)
    check_device(spark, options.device, options.precision)
    model = ship_model(spark, options.model, options.model_sha256, options.model_max_gib)
    layout = Layout.of(model.network, layers or [options.layer], [options.pooling], options.level)
    n_rows, n_characters, n_doubtful = _survey(documents, options)
    if not n_rows:
        raise UserError(f"input {options.input!r} has no rows, expected at least one document; check path and format")
    if n_doubtful:
        documents = as_undecoded(spark, documents, options)
    metadata = TableMetadata.of_options(options, model.fingerprint, layout.row_width)
    plan = Plan(model, layout, documents, n_rows, n_characters, embedding_stage(spark), 0, metadata)
    return replace(plan, n_tasks=plan.tasks_for(n_characters, options))


def n_characters_of(documents: DataFrame) -> Column:
    """Returns the number of characters of a text. For tokens, it is that of their JSON form."""
    is_tokens = isinstance(documents.schema[TEXT].dataType, T.ArrayType)
    return F.length(F.to_json(TEXT) if is_tokens else F.col(TEXT))


def _survey(documents: DataFrame, options: EmbedOptions) -> tuple[int, int, int]:
    """Returns the number of rows, of characters in their texts, and of rows with U+FFFD, in one cheap pass."""
    # The column of malformed lines is read too: Spark parses only what is asked for, and would not notice them.
    counts = F.count("*"), F.sum(n_characters_of(documents)), F.count_if(is_doubtful(documents)), F.count(MALFORMED)
    with reading(f"input {options.input!r}", "files of one format and with the same columns"):
        n_rows, n_characters, n_doubtful, _ = documents.select(*counts).collect()[0]
    return n_rows, n_characters or 0, n_doubtful
