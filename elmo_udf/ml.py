"""Stages for pipelines of pyspark.ml: one cleans texts, and one turns them into ELMo vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from inspect import signature
from typing import Any

from pyspark import keyword_only
from pyspark.ml import Transformer
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from elmo_udf.cleaning.columns import clean_column
from elmo_udf.cleaning.options import CleaningOptions
from elmo_udf.cleaning.steps import DEFAULT_PUNCTUATION, STEPS
from elmo_udf.embedding.udf import model_options, vector_udf
from elmo_udf.errors import UserError
from elmo_udf.models.form import Mix
from elmo_udf.options import ModelOptions, OptionGroup
from elmo_udf.spark.inputs.columns import quoted
from elmo_udf.spark.internals import no_params
from elmo_udf.spark.shipping import ShippedModel, ship_model


def _param(name: str, doc: str, convert: Any) -> Any:
    return Param(no_params(), name, doc, typeConverter=convert)


def _option(name: str, options_class: type[OptionGroup], option: str, convert: Any = TypeConverters.toString) -> Any:
    """Returns a param that has the help of an option as its doc."""
    help_of = {item.name: item.metadata["help"] for item in fields(options_class)}
    return _param(name, help_of[option], convert)


class _Stage(Transformer, HasInputCol, HasOutputCol, DefaultParamsReadable[Any], DefaultParamsWritable):
    """A transformer whose state is its params, so that pyspark.ml can save and load it."""

    _input_kwargs: dict[str, Any]  # what keyword_only keeps of a call

    def _start(self) -> None:
        """Sets the defaults that the signature of the class has, and the params that were given."""
        defaults = {name: one.default for name, one in signature(type(self)).parameters.items()}
        self._setDefault(**{name: value for name, value in defaults.items() if value is not None})
        self._set(**{name: value for name, value in self._input_kwargs.items() if value is not None})

    def setParams(self, **params: Any) -> Any:
        """Sets params by their names."""
        return self._set(**params)

    def setInputCol(self, value: str) -> Any:
        """Sets the column with the text."""
        return self._set(inputCol=value)

    def setOutputCol(self, value: str) -> Any:
        """Sets the name of the new column."""
        return self._set(outputCol=value)


class TextCleaner(_Stage):
    """Adds a column of cleaned texts, by the steps of jobs/clean.py. NULL stays NULL."""

    steps: Any = _option("steps", CleaningOptions, "steps", TypeConverters.toListString)
    language: Any = _option("language", CleaningOptions, "language")
    punctuation: Any = _option("punctuation", CleaningOptions, "punctuation")
    punctuationBecomes: Any = _option("punctuationBecomes", CleaningOptions, "punctuation_becomes")

    @keyword_only
    def __init__(
        self,
        *,
        inputCol: str | None = None,
        outputCol: str | None = None,
        steps: Sequence[str] = STEPS,
        language: str = "en",
        punctuation: str = DEFAULT_PUNCTUATION,
        punctuationBecomes: str = "space",
    ) -> None:
        super().__init__()
        self._start()

    def _transform(self, dataset: DataFrame) -> DataFrame:
        options = CleaningOptions(
            steps=tuple(self.getOrDefault(self.steps)),
            language=self.getOrDefault(self.language),
            punctuation=self.getOrDefault(self.punctuation),
            punctuation_becomes=self.getOrDefault(self.punctuationBecomes),
        )
        return dataset.withColumn(self.getOutputCol(), clean_column(quoted(self.getInputCol()), options))


_OPTIONS = {
    **{"model": "modelHandle", "model_sha256": "modelSha256", "layer": "poolingLayer"},
    **{"max_sentence_tokens": "maxSentenceTokens", "model_max_gib": "modelMaxGib"},
    **{name: name for name in ("pooling", "tokenizer", "language", "normalize", "precision")},
}
"""The param of the embedder for each of the ModelOptions."""


class ElmoEmbedder(_Stage):
    """Adds a column with one ELMo vector per document.

    The input column contains texts, or what else :func:`elmo_udf.elmo_udf` takes. A stage that was saved finds its
    model by ``modelHandle``; set it again if it is a path on another machine.
    """

    modelHandle: Any = _option("modelHandle", ModelOptions, "model")
    modelSha256: Any = _option("modelSha256", ModelOptions, "model_sha256")
    modelMaxGib: Any = _option("modelMaxGib", ModelOptions, "model_max_gib", TypeConverters.toFloat)
    fingerprint: Any = _param("fingerprint", "Refuse a model with another fingerprint.", TypeConverters.toString)
    poolingLayer: Any = _option("poolingLayer", ModelOptions, "layer")
    layerWeights: Any = _param(
        "layerWeights",
        "Mix the layers with these weights instead of the model's. There is one weight per layer, word_emb first. The "
        "vector is scale · Σ softmax(weights)_j · layer_j. It needs poolingLayer elmo, pooling mean and no normalize.",
        TypeConverters.toListFloat,
    )
    scale: Any = _param("scale", "Multiply the mix of layerWeights by this number.", TypeConverters.toFloat)
    pooling: Any = _option("pooling", ModelOptions, "pooling")
    tokenizer: Any = _option("tokenizer", ModelOptions, "tokenizer")
    language: Any = _option("language", ModelOptions, "language")
    maxSentenceTokens: Any = _option("maxSentenceTokens", ModelOptions, "max_sentence_tokens", TypeConverters.toInt)
    normalize: Any = _option("normalize", ModelOptions, "normalize", TypeConverters.toBoolean)
    precision: Any = _option("precision", ModelOptions, "precision")
    outputType: Any = _param(
        "outputType", "Write vectors of pyspark.ml (vector) or arrays of floats (array).", TypeConverters.toString
    )
    handleInvalid: Any = _param(
        "handleInvalid",
        "Choose what happens to a text that is NULL or has no token: error fails, skip leaves out the row, and keep "
        "writes NULL.",
        TypeConverters.toString,
    )

    @keyword_only
    def __init__(
        self,
        *,
        inputCol: str | None = None,
        outputCol: str | None = None,
        modelHandle: str = "builtin:mini",
        modelSha256: str | None = None,
        modelMaxGib: float = 16.0,
        fingerprint: str | None = None,
        poolingLayer: str = "elmo",
        layerWeights: Sequence[float] | None = None,
        scale: float = 1.0,
        pooling: str = "mean",
        tokenizer: str = "words",
        language: str = "en",
        maxSentenceTokens: int = 400,
        normalize: bool = False,
        precision: str = "float32",
        outputType: str = "vector",
        handleInvalid: str = "error",
    ) -> None:
        super().__init__()
        self._start()

    @classmethod
    def of_options(cls, options: ModelOptions, fingerprint: str, mix: Mix | None = None, **params: Any) -> ElmoEmbedder:
        """Returns the stage that makes the same vectors as a job with these options."""
        own: dict[str, Any] = {} if mix is None else {"layerWeights": list(mix.weights), "scale": mix.scale}
        own |= {param: getattr(options, name) for name, param in _OPTIONS.items()}
        return cls(fingerprint=fingerprint, **own, **params)

    def setModelHandle(self, value: str) -> ElmoEmbedder:
        """Sets the path or the handle of the model."""
        stage: ElmoEmbedder = self._set(modelHandle=value)
        return stage

    def setHandleInvalid(self, value: str) -> ElmoEmbedder:
        """Sets what happens to texts without a token."""
        stage: ElmoEmbedder = self._set(handleInvalid=value)
        return stage

    def _transform(self, dataset: DataFrame) -> DataFrame:
        self._check()
        vector = self._vector(dataset)
        if self.getOrDefault(self.outputType) == "vector":
            vector = F.when(vector.isNotNull(), array_to_vector(vector))
        name, invalid = self.getOutputCol(), self.getOrDefault(self.handleInvalid)
        if invalid == "error":
            found = f"a text of column {self.getInputCol()} is NULL or has no token; clean the table, or set "
            vector = F.coalesce(vector, F.raise_error(F.lit(f"{found}handleInvalid to skip or keep")))
        rows = dataset.withColumn(name, vector)
        return rows.where(quoted(name).isNotNull()) if invalid == "skip" else rows

    def _vector(self, dataset: DataFrame) -> Column:
        """Returns array<float>, which is NULL if the text has no token."""
        spark, text = dataset.sparkSession, quoted(self.getInputCol())
        options = model_options(**self._options())
        shipped = ship_model(spark, options.model, options.model_sha256, options.model_max_gib)
        if self.isDefined(self.fingerprint) and shipped.fingerprint != self.getOrDefault(self.fingerprint):
            raise UserError(
                f"model {options.model!r} has fingerprint {shipped.fingerprint}, expected "
                f"{self.getOrDefault(self.fingerprint)}; set modelHandle to the model that the stage was made with"
            )
        udf: Any = vector_udf(spark, options, self._mix(shipped))
        # not deterministic, or Spark would copy it into each expression that uses the vector, and embed anew
        column: Column = udf.asNondeterministic()(text)
        return column

    def _mix(self, shipped: ShippedModel) -> Mix | None:
        """Returns the mix of ``layerWeights`` and ``scale``, or None if they are not set.

        Raises UserError if weights are missing.
        """
        if not self.isDefined(self.layerWeights):
            return None
        names, weights = shipped.network.layer_names, self.getOrDefault(self.layerWeights)
        if len(weights) != len(names):
            raise UserError(f"layerWeights has {len(weights)} numbers, expected one per layer: {', '.join(names)}")
        return Mix(tuple(weights), self.getOrDefault(self.scale))

    def _options(self) -> dict[str, Any]:
        return {name: self.getOrDefault(param) for name, param in _OPTIONS.items() if self.isDefined(param)}

    def _check(self) -> None:
        model_options(**self._options())
        for param, known in ((self.outputType, ("vector", "array")), (self.handleInvalid, ("error", "skip", "keep"))):
            if self.getOrDefault(param) not in known:
                raise UserError(
                    f"{param.name} is {self.getOrDefault(param)!r}, expected one of {', '.join(known)}; set it"
                )
        linear = self.getOrDefault(self.pooling) == "mean" and not self.getOrDefault(self.normalize)
        if self.isDefined(self.layerWeights) and not (linear and self.getOrDefault(self.poolingLayer) == "elmo"):
            raise UserError(
                "layerWeights mix pooled layers, which is the pooled mix only with poolingLayer elmo, pooling mean and "
                "normalize False; set these, or leave out layerWeights"
            )
