"""ELMo vectors for large corpora on Spark, and exact cosine similarity between documents.

``Elmo`` embeds a list of texts in this process. ``elmo_udf`` embeds a column of texts on Spark. A name is imported when
it is first used, so importing a text function loads neither Spark nor TensorFlow.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elmo_udf.version import __version__

if TYPE_CHECKING:
    from elmo_udf.embedding.udf import elmo_udf, register
    from elmo_udf.errors import UserError
    from elmo_udf.in_memory.elmo import Elmo
    from elmo_udf.in_memory.vectorizer import ElmoVectorizer
    from elmo_udf.models import load_model
    from elmo_udf.network.engine import Network
    from elmo_udf.similarity.compare import compare
    from elmo_udf.spark.tables import read_embeddings

_HOMES = {
    "Elmo": "elmo_udf.in_memory.elmo",
    "ElmoVectorizer": "elmo_udf.in_memory.vectorizer",
    "UserError": "elmo_udf.errors",
    "Network": "elmo_udf.network.engine",
    "compare": "elmo_udf.similarity.compare",
    "elmo_udf": "elmo_udf.embedding.udf",
    "load_model": "elmo_udf.models",
    "read_embeddings": "elmo_udf.spark.tables",
    "register": "elmo_udf.embedding.udf",
}

__all__ = [
    "Elmo",
    "ElmoVectorizer",
    "Network",
    "UserError",
    "__version__",
    "compare",
    "elmo_udf",
    "load_model",
    "read_embeddings",
    "register",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """The package, which has the name of its best known function."""

    def __call__(self, *arguments: object, **options: object) -> None:
        raise TypeError(
            "elmo_udf is the package here, not the function; write `from elmo_udf import elmo_udf` for the function "
            "that makes a pandas UDF, or `from elmo_udf import Elmo` for vectors without Spark"
        )


sys.modules[__name__].__class__ = _Package
