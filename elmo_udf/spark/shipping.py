"""Sends a model from the driver to every executor, once: Spark distributes it as one file."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from elmo_udf.models import load_model
from elmo_udf.models.archives import MAX_GIB
from elmo_udf.models.form import NetworkOptions
from elmo_udf.models.store import save
from elmo_udf.spark.fetch import fetcher

log = logging.getLogger(__name__)
_shipped: dict[tuple[str, str, str | None, float], ShippedModel] = {}
_shipping = threading.Lock()
"""Held while a model is looked up, loaded and distributed, so that two threads load it once."""


@dataclass(frozen=True)
class ShippedModel:
    """A model that executors find with ``SparkFiles.get(file_name)``. The driver keeps no weights."""

    handle: str
    fingerprint: str
    note: str
    network: NetworkOptions
    file_name: str
    n_bytes: int


def ship_model(spark: SparkSession, handle: str, sha256: str | None = None, max_gib: float = MAX_GIB) -> ShippedModel:
    """Loads, checks and distributes a model. A second call in the same application does nothing, in any thread.

    Whatever the source is (hub, archive, folder, any Hadoop URI), executors read the same file, which Spark sends to
    each of them once. Raises UserError for a bad handle or a bad model, before any Spark job.
    """
    key = (spark.sparkContext.applicationId, handle, sha256, max_gib)
    with _shipping:
        if key not in _shipped:
            _shipped[key] = _ship(spark, handle, sha256, max_gib)
        return _shipped[key]


def _ship(spark: SparkSession, handle: str, sha256: str | None, max_gib: float) -> ShippedModel:
    model = load_model(handle, sha256, fetcher(spark), max_gib)
    if model.note:
        log.warning("model %s: %s", handle, model.note)
    fingerprint = model.fingerprint()
    name = f"elmo-{fingerprint}.npz"
    if name not in {known.file_name for known in _of_application(spark.sparkContext.applicationId)}:
        folder = tempfile.mkdtemp(prefix="elmo-model-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        save(model, Path(folder) / name)
        spark.sparkContext.addFile(f"{folder}/{name}")
    n_bytes = sum(array.nbytes for array in model.arrays.values())
    return ShippedModel(handle, fingerprint, model.note, model.options, name, n_bytes)


def _of_application(application_id: str) -> list[ShippedModel]:
    return [model for (application, *_), model in _shipped.items() if application == application_id]
