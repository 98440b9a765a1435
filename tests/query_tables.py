"""Embedding tables of a few sentences, and their cosines by numpy: for tests of queries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
TEXTS = {
    "a": "They sat on the bank of the river.",
    "b": "The bank raised its rates.",
    "c": "He banked on it.",
    "d": "The bank raised its rates.",
}


def embedded(spark: SparkSession, folder: Path, *levels: str) -> dict[str, str]:
    """Paths: ``csv``, ``model``, and by its level each table."""
    model = str(write_folder(MODEL, folder / "elmo"))
    (folder / "d.csv").write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in TEXTS.items()))
    paths = {"csv": str(folder / "d.csv"), "model": model}
    for level in levels:
        paths[level] = str(folder / level)
        embed_corpus(spark, EmbedOptions(input=paths["csv"], output=paths[level], model=model, level=level))
    return paths


def cosines(rows: list[dict[str, object]], vector: np.ndarray) -> np.ndarray:
    matrix = np.array([row["embedding"] for row in rows], np.float64)
    return np.round(matrix @ vector / np.linalg.norm(matrix, axis=1) / np.linalg.norm(vector), 6)
