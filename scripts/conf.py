"""Writes conf/*.toml from the dataclasses of options: each option of a job with its sentence and default or preset.

python scripts/conf.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from toml_template import template
from training_presets import PRESETS

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.dedup.options import DedupOptions
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.evaluation.options import EvaluateOptions, PairsOptions
from elmo_udf.lake.options import CompactOptions, ValidateOptions
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.study.options import StudyOptions
from elmo_udf.tfidf.options import CompareOptions
from elmo_udf.training.options import TrainOptions
from elmo_udf.words.options import SensesOptions

CONF = Path(__file__).resolve().parents[1] / "conf"
OPTIONS: dict[str, type] = {
    "classify": ClassifyOptions,
    "clean": CleanOptions,
    "compact": CompactOptions,
    "compare": CompareOptions,
    "dedup": DedupOptions,
    "embed": EmbedOptions,
    "evaluate": EvaluateOptions,
    "pairs": PairsOptions,
    "query": QueryOptions,
    "sentiment_study": StudyOptions,
    "senses": SensesOptions,
    "similarity": SimilarityOptions,
    "train": TrainOptions,
    "validate": ValidateOptions,
}
"""Options of each job, by the job's name."""
FILES: dict[str, tuple[str, dict[str, Any]]] = {job: (job, {}) for job in OPTIONS if job != "train"} | {
    f"train-{name}": ("train", preset) for name, preset in PRESETS.items()
}
"""The job of each file of conf/, and the options in which it differs from the defaults."""


def toml(name: str) -> str:
    """Returns the text of ``conf/NAME.toml``."""
    job, preset = FILES[name]
    title = f"The options of jobs/{job}.py, for --config conf/{name}.toml. scripts/conf.py writes this file."
    return template(OPTIONS[job], title, preset)


def main() -> int:
    """Writes all files and prints their paths."""
    for name in FILES:
        path = CONF / f"{name}.toml"
        path.write_text(toml(name), "utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
