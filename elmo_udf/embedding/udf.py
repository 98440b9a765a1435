"""The pandas UDF, for DataFrames, for SQL and for the job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.device import check_device
from elmo_udf.embedding.documents import EmbeddedDocument, embed_documents
from elmo_udf.embedding.loaded import encoder_in_worker
from elmo_udf.embedding.records import RECORD, to_frame
from elmo_udf.embedding.stats import WorkerStats
from elmo_udf.errors import UserError
from elmo_udf.options import ModelOptions
from elmo_udf.spark.shipping import ShippedModel, ship_model
from elmo_udf.text.languages import language_note

if TYPE_CHECKING:
    from pyspark import Accumulator

log = logging.getLogger(__name__)

_VECTOR = T.ArrayType(T.FloatType(), False)
_TOKEN = T.StructType(
    [
        T.StructField("sentence_index", T.IntegerType()),
        T.StructField("token_index", T.IntegerType()),
        T.StructField("token", T.StringType()),
        T.StructField("embedding", _VECTOR),
    ]
)
_TYPES = {"document": _VECTOR, "sentence": T.ArrayType(_VECTOR, False), "token": T.ArrayType(_TOKEN, False)}

_OUTPUT_DOCUMENTS = 1024
"""Documents in a batch that goes back to Spark, fewer where they have many rows."""

_OUTPUT_BYTES = 2**26


def elmo_udf(model: str = "builtin:mini", *, spark: SparkSession | None = None, **options: Any) -> Callable[..., Any]:
    """A pandas UDF from a text column (or an array of tokens, or of tokenized sentences) to ELMo vectors.

    ``model`` is a model handle; ``options`` are those of :class:`~elmo_udf.options.ModelOptions` (layer, pooling,
    level, tokenizer, language, max_sentence_tokens, normalize, precision, device, model_sha256). The column's type is
    array<float> at level document; array<array<float>> at level sentence; array<struct<sentence_index, token_index,
    token, embedding>> at level token. A NULL text, or one without a token, gives NULL.

    The model is loaded, checked and distributed by this call, on the driver; each Python worker loads it before its
    first batch and keeps it. Raises UserError for bad options and bad models.
    """
    settings = model_options(model=model, **options)
    check_device(_session(spark), settings.device, settings.precision)
    shipped = ship_model(_session(spark), settings.model, settings.model_sha256)
    shipped.network.width(settings.layer)  # refuses a layer that is not there
    return _pandas_udf(shipped, settings, _to_series(settings.level), _TYPES[settings.level])


def record_udf(
    shipped: ShippedModel, options: ModelOptions, stats: Accumulator[WorkerStats] | None = None
) -> Callable[..., Any]:
    """The same UDF for the job: RECORD structs with the counts and the reason of a rejection beside the vectors."""
    return _pandas_udf(shipped, options, lambda documents: to_frame(documents, options.level), RECORD, stats)


def register(spark: SparkSession, name: str = "elmo", model: str = "builtin:mini", **options: Any) -> None:
    """Make ``SELECT elmo(text) FROM ...`` available to SQL, with the options of :func:`elmo_udf`."""
    spark.udf.register(name, elmo_udf(model, spark=spark, **options))


def model_options(**values: Any) -> ModelOptions:
    """ModelOptions from keyword arguments, with the same checks as the flags. Raises UserError."""
    from elmo_udf.flags import check_values

    return ModelOptions(**check_values(ModelOptions, values, "elmo_udf"))


def _session(spark: SparkSession | None) -> SparkSession:
    session = spark or SparkSession.getActiveSession()
    if session is None:
        raise UserError("elmo_udf found no active Spark session, and needs one; make one, or pass spark=")
    return session


def _pandas_udf(
    shipped: ShippedModel,
    options: ModelOptions,
    to_pandas: Callable[[list[EmbeddedDocument]], Any],
    return_type: T.DataType,
    stats: Accumulator[WorkerStats] | None = None,
) -> Callable[..., Any]:
    file_name = shipped.file_name
    if note := language_note(options.tokenizer, options.language):
        log.warning("%s", note)

    def embed(batches: Iterator[pd.Series]) -> Iterator[Any]:
        # before the first batch is asked for
        encoder, load = encoder_in_worker(file_name, options.precision, options.device)
        if stats is not None and load is not None:
            stats.add(WorkerStats(loads=frozenset({load})))
        texts = (None if _is_null(text) else text for batch in batches for text in _texts(batch))
        embedded = embed_documents(texts, encoder, options)
        n_words = encoder.n_words_computed
        while batch := _take(embedded):
            if stats is not None:
                n_tokens = sum(document.tokenized.n_tokens for document in batch)
                n_cuts = sum(document.tokenized.n_cuts for document in batch)
                n_repeated = sum(document.repeats for document in batch)
                n_new_words = encoder.n_words_computed - n_words
                stats.add(WorkerStats(len(batch), n_tokens, n_cuts, n_repeated, n_new_words))
                n_words = encoder.n_words_computed
            yield to_pandas(batch)

    pandas_type = pd.DataFrame if isinstance(return_type, T.StructType) else pd.Series
    embed.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pandas_type]}  # type: ignore[valid-type]  # of a variable
    udf: Callable[..., Any] = F.pandas_udf(embed, return_type)  # type: ignore[call-overload]  # its stubs know no hints
    return udf


def _texts(batch: pd.Series) -> pd.Series:
    """The batch, which Arrow has made of one type. Raises UserError for a column that is not text or tokens."""
    found: Any = next((value for value in batch if not _is_null(value)), None)
    while isinstance(found, (list, np.ndarray)):
        found = next((item for item in found if item is not None), None)
    kind = type(found).__name__ if found is not None and not isinstance(found, str) else None
    if isinstance(batch, pd.DataFrame):
        kind = "struct"
    elif pd.api.types.is_numeric_dtype(batch.dtype):
        kind = str(batch.dtype)
    if kind is not None:
        raise UserError(
            f"elmo_udf got a column of {kind}, expected string, array<string> (a tokenized sentence) or "
            "array<array<string>>; name another column, or cast it to string"
        )
    return batch


def _is_null(text: Any) -> bool:
    """NULL reaches a pandas UDF as None, as a float NaN (pandas 3's str) or as pandas.NA."""
    return text is None or text is pd.NA or isinstance(text, float)


def _take(documents: Iterator[EmbeddedDocument]) -> list[EmbeddedDocument]:
    """The next documents, up to a number and a size of their vectors."""
    batch: list[EmbeddedDocument] = []
    n_bytes = 0
    for document in islice(documents, _OUTPUT_DOCUMENTS):
        batch.append(document)
        n_bytes += document.vectors.nbytes
        if n_bytes >= _OUTPUT_BYTES:
            break
    return batch


def _to_series(level: str) -> Callable[[list[EmbeddedDocument]], pd.Series]:
    def of_document(document: EmbeddedDocument) -> Any:
        if document.reason is not None:
            return None
        if level == "document":
            return document.vectors[0]
        if level == "sentence":
            return list(document.vectors)
        positions = ((i, j, token) for i, s in enumerate(document.tokenized.sentences) for j, token in enumerate(s))
        return [
            {"sentence_index": i, "token_index": j, "token": token, "embedding": vector}
            for (i, j, token), vector in zip(positions, document.vectors, strict=True)
        ]

    return lambda documents: pd.Series([of_document(document) for document in documents], dtype=object)
