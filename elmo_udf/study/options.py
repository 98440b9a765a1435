"""Options of the study."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.options import (
    DocumentColumns,
    InputPath,
    JobOptions,
    LanguageOptions,
    LayerOptions,
    OutputOptions,
    TableFormat,
    option,
)


@dataclass(frozen=True, kw_only=True)
class StudyOptions(
    JobOptions, LanguageOptions, LayerOptions, OutputOptions, DocumentColumns, TableFormat, InputPath, section="study"
):
    """Options of jobs/sentiment_study.py."""

    input: str = option("path or URI of labelled texts: a file, a folder or a glob")
    vectors: str = option(
        "static word vectors: word2vec's, GloVe's or fastText's text format, also .gz and .xz", section="input"
    )
    output: str = option("path or URI of the table of results (Parquet)")
    plot: str | None = option("draw the accuracies as boxes into this PNG file", None, section="output")
    paired_plot: str | None = option("draw both accuracies of every repeat into this PNG file", None, section="output")
    tokens: str | None = option(
        "path or URI of the table of token vectors; what it lacks is added (default: OUTPUT-tokens)",
        None,
        section="output",
    )
    label_column: str = option("column with the label, of two values", "label", section="input")
    repeats: int = option("how often texts are drawn and both networks trained", 10, at_least=1)
    training_texts: int = option("texts of a repeat to train on", 200, at_least=2)
    validation_texts: int = option("other texts of a repeat, that decide when training stops", 200, at_least=2)
    test_texts: int = option("other texts of a repeat, that the accuracy is measured on", 500, at_least=1)
    max_tokens: int = option("longer texts are cut to so many tokens", 500, at_least=1)
    seed: int = option("of the draws, of the networks' first weights and of the order of training", 0, at_least=0)
    filters: int = option("filters of the convolution", 64, at_least=1)
    filter_width: int = option("tokens that a filter sees", 3, at_least=1)
    dense_units: int = option("units of the dense layer", 250, at_least=1)
    dropout: float = option("share of the dense layer's units that is dropped in training", 0.0, at_least=0, below=1)
    batch_size: int = option("texts of a training step", 16, at_least=1)
    max_epochs: int = option("most passes over the training texts", 100, at_least=1)
    patience: int = option("epochs without a smaller validation loss after which training stops", 2, at_least=1)
    learning_rates_static: tuple[str, ...] = option(
        "Adam's, for the network on static vectors; of several, each repeat takes the one of least validation loss",
        ("3e-3", "1e-3", "3e-4"),
    )
    learning_rates_elmo: tuple[str, ...] = option(
        "the same, for the network on static and ELMo vectors", ("3e-3", "1e-3", "3e-4")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("learning_rates_static", "learning_rates_elmo"):
            _check_rates(name, getattr(self, name))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Texts of a repeat: training, validation, test."""
        return self.training_texts, self.validation_texts, self.test_texts

    @property
    def tokens_path(self) -> str:
        """Where the token vectors are kept."""
        return self.tokens or self.output.rstrip("/") + "-tokens"

    def rates(self, network: str) -> tuple[float, ...]:
        """Learning rates of a network, ``static`` or ``static+elmo``."""
        texts = self.learning_rates_static if network == "static" else self.learning_rates_elmo
        return tuple(map(float, texts))

    def embedding(self, input: str, mode: Literal["error", "append"]) -> EmbedOptions:
        """How the token vectors of the table ``input`` (id, text) are made."""
        return EmbedOptions(
            input=input,
            input_format="parquet",
            output=self.tokens_path,
            mode=mode,
            level="token",
            **vars(LayerOptions.of(self)) | vars(LanguageOptions.of(self)),
        )


def _check_rates(name: str, texts: tuple[str, ...]) -> None:
    try:
        good = bool(texts) and all(0 < float(text) < math.inf for text in texts)
    except ValueError:
        good = False
    if not good:
        raise UserError(f"{name} is {', '.join(texts)!r}, expected positive numbers such as 1e-3 or 1e-3,1e-4")
