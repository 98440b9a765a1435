"""Provides the pandas UDF for DataFrames and SQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.device import check_device
from elmo_udf.embedding.documents import EmbeddedDocument
from elmo_udf.embedding.layout import Layout, View
from elmo_udf.embedding.worker import embed_in_worker
from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix
from elmo_udf.options import ModelOptions
from elmo_udf.spark.shipping import ShippedModel, ship_model
from elmo_udf.text.languages import language_note

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
_TYPES = {
    "document": _VECTOR,
    "sentence": T.ArrayType(_VECTOR),  # NULL at the place of an empty sentence
    "token": T.ArrayType(_TOKEN, False),
}


def elmo_udf(
    model: str = "builtin:mini",
    *,
    layer: str = "elmo",
    pooling: Literal["mean", "max"] = "mean",
    level: Literal["document", "sentence", "token"] = "document",
    normalize: bool = False,
    tokenizer: Literal["words", "whitespace"] = "words",
    language: str = "en",
    max_sentence_tokens: int = 400,
    precision: Literal["float32", "bfloat16"] = "float32",
    device: Literal["auto", "cpu", "gpu"] = "auto",
    model_sha256: str | None = None,
    model_max_gib: float = 16.0,
    spark: SparkSession | None = None,
) -> Callable[..., Any]:
    """Returns a pandas UDF that maps texts to ELMo vectors.

    The UDF takes a column of texts (string), of tokenized sentences (array<string>), or of documents in tokenized
    sentences (array<array<string>>). The type of its result is array<float> at level document, array<array<float>> at
    level sentence, where the place of an empty sentence is NULL, and array<struct<sentence_index, token_index, token,
    embedding>> at level token. The result is NULL if the text is NULL or has no token.

    This call loads and checks the model on the driver, and sends it to the executors. Each Python worker loads it
    before its first batch and keeps it.

    Args:
        model: A model handle.
        layer: The layer of the network: elmo (the mix of all layers), word_emb, lstm_outputs1, lstm_outputs2, ...
        pooling: How the vectors of the tokens of a document or sentence are combined.
        level: What gets a vector: every document, sentence or token.
        normalize: Whether every vector is scaled to unit length.
        tokenizer: ``words`` finds sentences and separates punctuation from words. ``whitespace`` takes each text as one
            sentence and splits it at spaces.
        language: The ISO 639 code of the language whose rules the tokenizer ``words`` uses.
        max_sentence_tokens: The tokenizer ``words`` cuts sentences that have more tokens.
        precision: The type of the weights and of the matrix products.
        device: Where the network runs. ``auto`` uses a GPU if TensorFlow sees one.
        model_sha256: The SHA-256 that the file or folder of the model must have.
        model_max_gib: The largest size that the model may have, in GiB.
        spark: The session that sends the model to its executors. By default it is the active session.

    Raises UserError for options and models that are not valid.
    """
    options = model_options(
        model=model,
        layer=layer,
        pooling=pooling,
        level=level,
        normalize=normalize,
        tokenizer=tokenizer,
        language=language,
        max_sentence_tokens=max_sentence_tokens,
        precision=precision,
        device=device,
        model_sha256=model_sha256,
        model_max_gib=model_max_gib,
    )
    return vector_udf(_session(spark), options)


def vector_udf(spark: SparkSession, options: ModelOptions, mix: Mix | None = None) -> Callable[..., Any]:
    """Returns the UDF of :func:`elmo_udf` for these options.

    With ``mix``, the vectors are the mixed means of the layers, instead of ``options.layer``. ``options`` then has
    pooling mean and no normalize, so that the mix of means is the mean of mixed tokens.
    """
    check_device(spark, options.device, options.precision)
    shipped = ship_model(spark, options.model, options.model_sha256, options.model_max_gib)
    network = shipped.network
    if mix is None:
        layout = Layout.of(network, [options.layer], [options.pooling], options.level)
        view = layout.view(options.layer, options.pooling)
    else:
        layout = Layout.of(network, network.layer_names, level=options.level)
        view = layout.mixed("elmo", network, mix.shares)
    return _pandas_udf(shipped, options, layout, _to_series(view, options.level), _TYPES[options.level])


def register(spark: SparkSession, name: str = "elmo", model: str = "builtin:mini", **options: Any) -> None:
    """Makes the UDF available to SQL, as in ``SELECT elmo(text) FROM articles``.

    Args:
        spark: The session whose SQL gets the function.
        name: The name of the function.
        model: A model handle.
        options: The options of :func:`elmo_udf.elmo_udf`.
    """
    spark.udf.register(name, elmo_udf(model, spark=spark, **options))


def model_options(**values: Any) -> ModelOptions:
    """Returns ModelOptions from keyword arguments, with the same checks as for flags. Raises UserError if one fails."""
    from elmo_udf.flags import check_values

    return ModelOptions(**check_values(ModelOptions, values, "elmo_udf"))


def _session(spark: SparkSession | None) -> SparkSession:
    session = spark or SparkSession.getActiveSession()
    if session is None:
        raise UserError("elmo_udf needs a Spark session and found no active one; create one, or pass spark=")
    return session


def _pandas_udf(
    shipped: ShippedModel,
    options: ModelOptions,
    layout: Layout,
    to_series: Callable[[list[EmbeddedDocument]], pd.Series],
    return_type: T.DataType,
) -> Callable[..., Any]:
    file_name = shipped.file_name
    if note := language_note(options.tokenizer, options.language):
        log.warning("%s", note)

    def embed(batches: Iterator[pd.Series]) -> Iterator[Any]:
        texts = (None if _is_null(text) else text for batch in batches for text in _texts(batch))
        for documents in embed_in_worker(texts, file_name, options, layout):
            yield to_series(documents)

    embed.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pd.Series]}
    udf: Callable[..., Any] = F.pandas_udf(embed, return_type)  # type: ignore[call-overload]  # its stubs know no hints
    return udf


def _texts(batch: pd.Series) -> pd.Series:
    """Returns the batch, in which Arrow has made all values of one type.

    Raises UserError if it is not text or tokens.
    """
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
    """Returns whether the text is NULL, which reaches a pandas UDF as None, as NaN (pandas 3's str) or as pandas.NA."""
    return text is None or text is pd.NA or isinstance(text, float)


def _to_series(view: View, level: str) -> Callable[[list[EmbeddedDocument]], pd.Series]:
    def of_document(document: EmbeddedDocument) -> Any:
        if document.reason is not None:
            return None
        vectors = view.of(document.vectors)
        if level == "document":
            return vectors[0]
        tokenized = document.tokenized
        if level == "sentence":
            at = dict(zip((i for i, _ in tokenized.places()), vectors, strict=True))
            return [at.get(i) for i in range(max(at) + 1)]  # NULL at the place of an empty sentence
        places = zip(tokenized.places(), tokenized.sentences, strict=True)
        positions = ((i, j, token) for (i, js), tokens in places for j, token in zip(js, tokens, strict=True))
        return [
            {"sentence_index": i, "token_index": j, "token": token, "embedding": vector}
            for (i, j, token), vector in zip(positions, vectors, strict=True)
        ]

    return lambda documents: pd.Series([of_document(document) for document in documents], dtype=object)
