"""Options of the jobs on pairs of texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import (
    CorrectionOptions,
    InputPath,
    JobOptions,
    ModelOptions,
    OutputOptions,
    PretrainedModel,
    RejectsOptions,
    TableFormat,
    TaskOptions,
    TokenizerOptions,
    option,
)

_CORRECTION = re.compile(r"none|center|(remove|whiten)-([1-9]\d*)")


@dataclass(frozen=True, kw_only=True)
class PairInput(TableFormat, InputPath, section="input"):
    """Where the pairs are."""

    input: str = option("path or URI of a table with two texts a row: a file, a folder or a glob")
    id_column: str | None = option(
        "column that identifies a pair; by default id where there is one, else the file and the row in it, from 1", None
    )
    text_column_a: str = option("column with the first text", "sentence1")
    text_column_b: str = option("column with the second text", "sentence2")


@dataclass(frozen=True, kw_only=True)
class PairsOptions(
    JobOptions, TaskOptions, CorrectionOptions, ModelOptions, OutputOptions, RejectsOptions, PairInput, section="output"
):
    """Options of jobs/pairs.py."""

    output: str = option("path or URI of the table of cosines (Parquet)")
    label_column: str | None = option("column with people's judgement: a score, or 0 and 1", None, section="input")
    plot: str | None = option("draw the cosines and the labels into this PNG file (needs --label-column)", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level != "document":
            raise UserError(f"level is {self.level!r}, expected 'document': a text of a pair has one vector")
        if self.plot is not None and self.label_column is None:
            raise UserError("plot needs labels; expected --label-column beside --plot")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(
    JobOptions, TaskOptions, TokenizerOptions, PretrainedModel, OutputOptions, PairInput, section="evaluation"
):
    """Options of jobs/evaluate.py."""

    output: str = option("path or URI of the table of correlations (Parquet)")
    label_column: str = option("column with people's judgement of a pair, a number", "score", section="input")
    compare_model: tuple[str, ...] = option("handles of other models to evaluate beside it", (), section="model")
    layers: tuple[str, ...] = option("layers to evaluate; by default all, and elmo, the model's mix of them", ())
    poolings: tuple[str, ...] = option("of mean and max", ("mean", "max"))
    corrections: tuple[str, ...] = option(
        "of none, center, remove-N and whiten-D, fit on the texts of the input",
        ("none", "center", "remove-1", "remove-2", "whiten-64"),
    )
    fit_mix: bool = option("choose the mix of layers that does best on --train, and evaluate it on the input", False)
    train: str | None = option("scored pairs with the input's columns, to fit the mix on", None)
    mix_correction: Literal["none", "center"] = option("correction in force while the mix is fit", "center")
    tfidf: bool = option("also the cosine of TF-IDF vectors (pyspark.ml), fit on the texts of the input", False)
    vectors: str | None = option("also the mean of static word vectors: a file in word2vec's text format", None)
    plot: str | None = option("draw the table as bars into this PNG file", None, section="output")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fit_mix != (self.train is not None):
            raise UserError("--fit-mix and --train go together: give both, or neither")
        if not self.corrections or not self.poolings:
            raise UserError("corrections and poolings need a value each; expected one or more of those in --help")
        for pooling in self.poolings:
            if pooling not in ("mean", "max"):
                raise UserError(f"pooling {pooling!r} is unknown; expected mean or max")
        for name in self.corrections:
            correction_named(name)

    def model_options(self, handle: str) -> ModelOptions:
        """The options with which the texts are embedded by the model of a handle."""
        return ModelOptions.of(self, model=handle, model_sha256=self.model_sha256 if handle == self.model else None)


def correction_named(name: str) -> CorrectionOptions:
    """The options that have this ``correction_name``. Raises UserError for another name."""
    found = _CORRECTION.fullmatch(name)
    if found is None:
        raise UserError(
            f"correction {name!r} is unknown; expected none, center, remove-N or whiten-D, such as remove-2"
        )
    kind, number = found[1], int(found[2] or 0)
    return CorrectionOptions(
        center=name == "center",
        remove_components=number if kind == "remove" else 0,
        whiten=number if kind == "whiten" else None,
    )
