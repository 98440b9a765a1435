"""ELMo vectors for large corpora on Spark, and exact cosine similarity between documents.

A name is imported when it is first used, so importing a text function loads neither Spark nor TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elmo_udf.version import __version__

if TYPE_CHECKING:
    from elmo_udf.embedding.udf import elmo_udf, register
    from elmo_udf.errors import UserError
    from elmo_udf.models import load_model
    from elmo_udf.network.engine import Network
    from elmo_udf.similarity.compare import compare
    from elmo_udf.spark.tables import read_embeddings

_HOMES = {
    "UserError": "elmo_udf.errors",
    "Network": "elmo_udf.network.engine",
    "compare": "elmo_udf.similarity.compare",
    "elmo_udf": "elmo_udf.embedding.udf",
    "load_model": "elmo_udf.models",
    "read_embeddings": "elmo_udf.spark.tables",
    "register": "elmo_udf.embedding.udf",
}

__all__ = ["Network", "UserError", "__version__", "compare", "elmo_udf", "load_model", "read_embeddings", "register"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
