"""Writes conf/*.toml: every option of a job, at its default and with its sentence, from the dataclass of the options.

python scripts/conf.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.comparison.options import CompareOptions
from elmo_udf.evaluation.options import EvaluateOptions, PairsOptions
from elmo_udf.flags import template
from elmo_udf.options import EmbedOptions, QueryOptions, SimilarityOptions
from elmo_udf.study.options import StudyOptions
from elmo_udf.words.options import SensesOptions

CONF = Path(__file__).resolve().parents[1] / "conf"
OPTIONS: dict[str, type] = {
    "classify": ClassifyOptions,
    "clean": CleanOptions,
    "compare": CompareOptions,
    "embed": EmbedOptions,
    "evaluate": EvaluateOptions,
    "pairs": PairsOptions,
    "query": QueryOptions,
    "sentiment_study": StudyOptions,
    "senses": SensesOptions,
    "similarity": SimilarityOptions,
}
"""Options of each job that has a file, by the job's name."""


def toml(job: str) -> str:
    """The text of ``conf/JOB.toml``."""
    return template(OPTIONS[job], f"Options of jobs/{job}.py, for --config conf/{job}.toml; made by scripts/conf.py")


def main() -> int:
    """Write all files and say which."""
    for job in OPTIONS:
        path = CONF / f"{job}.toml"
        path.write_text(toml(job), "utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
