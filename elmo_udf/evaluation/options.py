"""The options of the jobs on pairs of texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options import (
    CorrectionOptions,
    DocumentModelOptions,
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

    input: str | tuple[str, ...] = option(
        "Read the table with two texts per row from this path or URI: a file, a folder or a glob."
    )
    id_column: str | None = option(
        "Identify the pairs by this column. By default, it is id if there is such a column; otherwise the file and"
        " the number of the row identify a pair.",
        None,
    )
    text_column_a: str = option("Read the first text of a pair from this column.", "sentence1")
    text_column_b: str = option("Read the second text of a pair from this column.", "sentence2")


@dataclass(frozen=True, kw_only=True)
class PairsOptions(
    JobOptions,
    TaskOptions,
    CorrectionOptions,
    DocumentModelOptions,
    OutputOptions,
    RejectsOptions,
    PairInput,
    section="output",
):
    """The options of jobs/pairs.py."""

    output: str = option("Write the table of cosines (Parquet) to this path or URI.")
    label_column: str | None = option(
        "Read people's judgement of a pair from this column: a score, or 0 and 1.", None, section="input"
    )
    threshold: float | None = option(
        "Count pairs with at least this cosine as positive, such as the best_threshold of a run on other pairs, "
        "instead of choosing the threshold on these pairs. This needs labels that are 0 and 1.",
        None,
        at_least=-1,
        at_most=1,
        section="evaluation",
    )
    plot: str | None = option(
        "Draw the cosines and the labels, and write the picture to this PNG file. This needs --label-column.", None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag, value in (("--plot", self.plot), ("--threshold", self.threshold)):
            if value is not None and self.label_column is None:
                raise UserError(f"{flag} needs labels; expected --label-column too; name the column with the labels")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(
    JobOptions, TaskOptions, TokenizerOptions, PretrainedModel, OutputOptions, PairInput, section="evaluation"
):
    """The options of jobs/evaluate.py."""

    output: str = option("Write the table of correlations (Parquet) to this path or URI.")
    label_column: str = option("Read people's score of a pair, a number, from this column.", "score", section="input")
    compare_model: tuple[str, ...] = option("Also evaluate the models with these handles.", (), section="model")
    layers: tuple[str, ...] = option(
        "Evaluate these layers. By default, evaluate all layers, and elmo, the model's mix of them.", ()
    )
    poolings: tuple[str, ...] = option("Evaluate these poolings: mean, max or both.", ("mean", "max"))
    corrections: tuple[str, ...] = option(
        "Evaluate these corrections, fitted on the texts of the input: none, center, remove-N or whiten-D.",
        ("none", "center", "remove-1", "remove-2", "whiten-64"),
    )
    fit_mix: bool = option(
        "Find the mix of layers that agrees best with the scores of --train, and evaluate it on the input.", False
    )
    train: str | None = option("Fit the mix on these scored pairs, which have the same columns as the input.", None)
    mix_correction: Literal["none", "center"] = option("Apply this correction while the mix is fitted.", "center")
    tfidf: bool = option(
        "Also evaluate the cosine of TF-IDF vectors (pyspark.ml), fitted on the texts of the input.", False
    )
    vectors: str | None = option(
        "Also evaluate the mean of static word vectors, from a file in the text format of word2vec.", None
    )
    plot: str | None = option("Draw the table as a bar chart, and write it to this PNG file.", None, section="output")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fit_mix != (self.train is not None):
            raise UserError("--fit-mix and --train go together: give both, or neither")
        if not self.corrections or not self.poolings:
            raise UserError("corrections or poolings is empty; expected at least one of each; --help shows them")
        for pooling in self.poolings:
            if pooling not in ("mean", "max"):
                raise UserError(f"pooling {pooling!r} is unknown; expected mean or max")
        for name in self.corrections:
            correction_named(name)

    def model_options(self, handle: str) -> ModelOptions:
        """Returns the options with which the model of a handle embeds the texts."""
        return ModelOptions.of(self, model=handle, model_sha256=self.model_sha256 if handle == self.model else None)


def correction_named(name: str) -> CorrectionOptions:
    """Returns the options whose ``correction_name`` is ``name``. Raises UserError for an unknown name."""
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
