"""Provides ELMo vectors as features in pipelines of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from elmo_udf.errors import UserError
from elmo_udf.in_memory.elmo import Elmo

_MODEL = (
    "model",
    "tokenizer",
    "language",
    "max_sentence_tokens",
    "precision",
    "device",
    "model_sha256",
    "model_max_gib",
)
_shared = lru_cache(maxsize=2)(Elmo)
"""The models that the vectorizers of this process have used last. Copies of a vectorizer share one."""


class ElmoVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns texts into ELMo vectors, as an estimator of scikit-learn.

    It learns nothing: ``fit`` loads and checks the model. A pickle contains the handle of the model and no weights, so
    the model must exist where it is read. The parameters are those of :class:`elmo_udf.Elmo` and of its ``encode``.
    """

    def __init__(
        self,
        model: str = "builtin:mini",
        *,
        layer: str = "elmo",
        pooling: Literal["mean", "max"] = "mean",
        normalize: bool = False,
        missing: Literal["error", "nan"] = "error",
        tokenizer: Literal["words", "whitespace"] = "words",
        language: str = "en",
        max_sentence_tokens: int = 400,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: Literal["auto", "cpu", "gpu"] = "auto",
        model_sha256: str | None = None,
        model_max_gib: float = 16.0,
    ) -> None:
        self.model = model
        self.layer = layer
        self.pooling = pooling
        self.normalize = normalize
        self.missing = missing
        self.tokenizer = tokenizer
        self.language = language
        self.max_sentence_tokens = max_sentence_tokens
        self.precision = precision
        self.device = device
        self.model_sha256 = model_sha256
        self.model_max_gib = model_max_gib

    def fit(self, raw_documents: Iterable[Any], y: object = None) -> ElmoVectorizer:
        """Loads the model, and returns the vectorizer. Raises UserError for parameters that are not valid."""
        self._elmo().encode([], layer=self.layer, pooling=self.pooling, normalize=self.normalize, missing=self.missing)
        return self

    def transform(self, raw_documents: Iterable[Any]) -> np.ndarray:
        """Returns the vectors of texts, float32, shape (number of texts, D).

        Raises UserError for a text without a vector, such as None or an empty string, unless ``missing`` is ``nan``.
        """
        if isinstance(raw_documents, str):
            raise UserError("texts are a single string, expected an iterable of texts; put the string into a list")
        elmo = self._elmo()
        return elmo.encode(
            raw_documents, layer=self.layer, pooling=self.pooling, normalize=self.normalize, missing=self.missing
        )

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Returns the names of the D columns: ``elmo0``, ``elmo1``, ..."""
        return np.array([f"elmo{i}" for i in range(self._elmo().width(self.layer))], dtype=object)

    def _elmo(self) -> Elmo:
        return _shared(**{name: getattr(self, name) for name in _MODEL})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.requires_fit = False
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Returns the same tags for scikit-learn 1.5."""
        return {"X_types": ["string"], "requires_fit": False}
