"""The options of jobs/classify.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.cleaning.options import CleaningOptions
from elmo_udf.errors import UserError
from elmo_udf.options import DocumentColumns, JobOptions, ModelOptions, OutputOptions, TableFormat, option


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(
    JobOptions, ModelOptions, CleaningOptions, OutputOptions, DocumentColumns, TableFormat, section="classification"
):
    """Options of jobs/classify.py."""

    train: str = option(
        "path or URI of labelled documents: an embedding table that kept the label, or texts", section="input"
    )
    label_column: str = option(
        "column with the label of a document; rows where it is NULL are left out", section="input"
    )
    output: str = option("folder for the pipeline (model), metrics.json, pictures and predictions.csv")
    test: str | None = option(
        "documents without label, of the same kind as --train; predictions.csv has theirs", None, section="input"
    )
    text_column: str = option("column with the text", "text")
    embedding_column: str = option(
        "column with the vector; a table that has it is not embedded anew", "embedding", section="input"
    )
    steps: tuple[str, ...] = option("how texts are cleaned before they are embedded: the --steps of clean.py", ())
    seed: int = option("of the split, the folds and the folds of the tuning", 42, at_least=0)
    test_size: float = option(
        "share of the rows that is held out: those of scikit-learn's train_test_split(random_state=seed) on the rows "
        "in the order of their ids (by number, where all ids are whole numbers)",
        0.2,
    )
    folds: int = option("also cross-validate on all labelled rows, in so many folds (0: no)", 0)
    regularization: tuple[str, ...] = option(
        "strengths of the L2 penalty to choose from, by F1 in folds of the training rows; one: no choice",
        ("0.00001", "0.0001", "0.001", "0.01", "0.1"),
    )
    tuning_folds: int = option("folds of the training rows for that choice", 3, at_least=2)
    max_iterations: int = option("of the logistic regression", 100, at_least=1)
    class_weights: Literal["none", "balanced"] = option("balanced: rows of rarer classes count for more", "none")
    positive_label: str | None = option(
        "of two classes, the one that F1 and areas are about; by default the last", None
    )
    learn_mix: bool = option("fit the weights of the layers (s and γ) to the task, and report both mixes", False)
    tfidf: bool = option("also try TF-IDF with a logistic regression on the same rows", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level != "document":
            raise UserError(f"level is {self.level!r}, expected document: labels are of documents; leave --level out")
        if not 0 < self.test_size < 1:
            raise UserError(f"test_size is {self.test_size}, expected a share between 0 and 1, such as 0.2")
        if self.folds < 0 or self.folds == 1:
            raise UserError(f"folds is {self.folds}, expected 0 (no cross-validation) or at least 2")
        if not self.penalties:
            raise UserError("regularization is empty, expected at least one strength, such as 0.01")
        if self.learn_mix and (self.layer != "elmo" or self.pooling != "mean" or self.normalize):
            raise UserError(
                "--learn-mix mixes the means of all layers, and goes with layer elmo, pooling mean and no --normalize; "
                "leave these options out"
            )

    @property
    def penalties(self) -> list[float]:
        """The strengths as numbers. Raises UserError for others."""
        try:
            values = [float(value) for value in self.regularization]
        except ValueError:
            values = [-1.0]
        if not all(0 <= value < float("inf") for value in values):
            raise UserError(f"regularization is {','.join(self.regularization)!r}, expected numbers such as 0.001,0.01")
        return values
