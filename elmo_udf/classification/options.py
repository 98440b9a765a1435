"""The options of jobs/classify.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.cleaning.options import CleaningOptions
from elmo_udf.errors import UserError
from elmo_udf.options import DocumentColumns, DocumentModelOptions, JobOptions, OutputOptions, TableFormat, option


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(
    JobOptions,
    DocumentModelOptions,
    CleaningOptions,
    OutputOptions,
    DocumentColumns,
    TableFormat,
    section="classification",
):
    """The options of jobs/classify.py."""

    train: str = option(
        "Read the labelled documents from this path or URI. They are texts, or an embedding table that kept the label.",
        section="input",
    )
    label_column: str = option(
        "Read the label of a document from this column. Rows where it is NULL are left out.", section="input"
    )
    output: str = option("Write the pipeline (model), metrics.json, pictures and predictions.csv to this folder.")
    test: str | None = option(
        "Predict the labels of these documents and write them to predictions.csv. The documents are of the same "
        "kind as those of --train, without labels.",
        None,
        section="input",
    )
    text_column: str = option("Read the text of a document from this column.", "text")
    embedding_column: str = option(
        "Read the vector of a document from this column. If the table has it, its texts are not embedded again.",
        "embedding",
        section="input",
    )
    steps: tuple[str, ...] = option("Clean the texts with these steps of clean.py before they are embedded.", ())
    seed: int = option(
        "Use this random seed for the test split, for the folds of --folds and for those of --tuning-folds.",
        42,
        at_least=0,
    )
    test_size: float = option(
        "Hold out this share of the rows for testing. The split is that of scikit-learn's "
        "train_test_split(random_state=seed) on the rows sorted by id (by number, if all ids are whole numbers).",
        0.2,
    )
    folds: int = option("Also cross-validate on all labelled rows with this number of folds. 0 switches this off.", 0)
    regularization: tuple[str, ...] = option(
        "Choose the strength of the L2 penalty from these, by the F1 of cross-validation on the training rows. "
        "With a single strength there is no choice.",
        ("0.00001", "0.0001", "0.001", "0.01", "0.1"),
    )
    tuning_folds: int = option("Use this number of folds to choose the strength of the penalty.", 3, at_least=2)
    max_iterations: int = option("Stop the logistic regression after this number of iterations.", 100, at_least=1)
    class_weights: Literal["none", "balanced"] = option(
        "Weight the rows by class. balanced gives rows of rare classes a higher weight.", "none"
    )
    positive_label: str | None = option(
        "Compute F1 and areas for this one of two classes. By default, it is the last class in sort order.",
        None,
        may_be_empty=True,
    )
    learn_mix: bool = option(
        "Fit the weights of the layers (s and γ) to the task, and report both the equal and the learned mix.", False
    )
    tfidf: bool = option("Also train a logistic regression on TF-IDF features of the same rows.", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.test_size < 1:
            raise UserError(f"test_size is {self.test_size}, expected a share between 0 and 1, such as 0.2")
        if self.folds < 0 or self.folds == 1:
            raise UserError(f"folds is {self.folds}, expected 0 (no cross-validation) or at least 2")
        if not self.penalties:
            raise UserError("regularization is empty, expected at least one strength, such as 0.01")
        if self.learn_mix and (self.layer != "elmo" or self.pooling != "mean" or self.normalize):
            raise UserError(
                "--learn-mix mixes the means of all layers; expected layer elmo, pooling mean and no --normalize; "
                "leave these options out"
            )

    @property
    def penalties(self) -> list[float]:
        """The strengths as numbers. Raises UserError if one is not a number."""
        try:
            values = [float(value) for value in self.regularization]
        except ValueError:
            values = [-1.0]
        if not all(0 <= value < float("inf") for value in values):
            raise UserError(f"regularization is {','.join(self.regularization)!r}, expected numbers such as 0.001,0.01")
        return values
