"""Brings a model from the driver to every executor, once: one file that Spark distributes."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from elmo_udf.models import load_model
from elmo_udf.models.form import NetworkOptions
from elmo_udf.models.store import save
from elmo_udf.spark.fetch import fetcher

log = logging.getLogger(__name__)
_shipped: dict[tuple[str, str, str | None], ShippedModel] = {}


@dataclass(frozen=True)
class ShippedModel:
    """A model that executors find by ``SparkFiles.get(file_name)``; the driver keeps no weights."""

    handle: str
    fingerprint: str
    note: str
    network: NetworkOptions
    file_name: str
    n_bytes: int


def ship_model(spark: SparkSession, handle: str, sha256: str | None = None) -> ShippedModel:
    """Load, check and distribute a model; a second call in the same application does nothing.

    Whatever the source (hub, archive, folder, any Hadoop URI), executors read one canonical file, which Spark itself
    brings to each of them once. Raises UserError for a bad handle or a bad model, before any Spark job.
    """
    key = (spark.sparkContext.applicationId, handle, sha256)
    if key not in _shipped:
        model = load_model(handle, sha256, fetcher(spark))
        if model.note:
            log.warning("model %s: %s", handle, model.note)
        fingerprint = model.fingerprint()
        folder = tempfile.mkdtemp(prefix="elmo-model-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / f"elmo-{fingerprint}.npz"
        if path.name not in {known.file_name for known in _of_application(key[0])}:
            save(model, path)
            spark.sparkContext.addFile(str(path))
        n_bytes = sum(array.nbytes for array in model.arrays.values())
        _shipped[key] = ShippedModel(handle, fingerprint, model.note, model.options, path.name, n_bytes)
    return _shipped[key]


def _of_application(application_id: str) -> list[ShippedModel]:
    return [model for (application, _, _), model in _shipped.items() if application == application_id]
