"""The options of jobs/sentiment_study.py."""

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
    """The options of jobs/sentiment_study.py."""

    input: str | tuple[str, ...] = option("Read the labelled texts from this path or URI: a file, a folder or a glob.")
    vectors: str = option(
        "Read the static word vectors from this file in the text format of word2vec, GloVe or fastText, also as "
        ".gz or .xz.",
        section="input",
    )
    output: str = option("Write the table of results (Parquet) to this path or URI.")
    plot: str | None = option(
        "Draw the accuracies as box plots, and write them to this PNG file.", None, section="output"
    )
    paired_plot: str | None = option(
        "Draw both accuracies of every repeat, and write the picture to this PNG file.", None, section="output"
    )
    tokens: str | None = option(
        "Keep the table of token vectors at this path or URI, and add what is missing. By default, it is "
        "OUTPUT-tokens.",
        None,
        section="output",
    )
    label_column: str = option("Read the label, which has two values, from this column.", "label", section="input")
    repeats: int = option("Draw texts and train both networks this number of times.", 10, at_least=1)
    training_texts: int = option("Use this number of training texts in each repeat.", 200, at_least=2)
    validation_texts: int = option(
        "Use this number of validation texts in each repeat. They decide when training stops.", 200, at_least=2
    )
    test_texts: int = option("Use this number of test texts in each repeat to measure the accuracy.", 500, at_least=1)
    max_tokens: int = option("Cut longer texts to this number of tokens.", 500, at_least=1)
    seed: int = option(
        "Use this random seed to draw texts, to initialize the networks and to order the training texts.", 0, at_least=0
    )
    filters: int = option("Use this number of filters in the convolution.", 64, at_least=1)
    filter_width: int = option("Use filters of this width in tokens.", 3, at_least=1)
    dense_units: int = option("Use this number of units in the dense layer.", 250, at_least=1)
    dropout: float = option("Drop this share of the dense layer's units during training.", 0.0, at_least=0, below=1)
    batch_size: int = option("Use this number of texts per training step.", 16, at_least=1)
    max_epochs: int = option("Stop training after this number of epochs.", 100, at_least=1)
    patience: int = option("Stop training after this number of epochs without a lower validation loss.", 2, at_least=1)
    learning_rates_static: tuple[str, ...] = option(
        "Use this learning rate of Adam for the network on static vectors. If there are several, each repeat uses "
        "the one with the lowest validation loss.",
        ("3e-3", "1e-3", "3e-4"),
    )
    learning_rates_elmo: tuple[str, ...] = option(
        "Use this learning rate for the network on static and ELMo vectors. Several rates work in the same way.",
        ("3e-3", "1e-3", "3e-4"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("learning_rates_static", "learning_rates_elmo"):
            _check_rates(name, getattr(self, name))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The numbers of training, validation and test texts of a repeat."""
        return self.training_texts, self.validation_texts, self.test_texts

    @property
    def tokens_path(self) -> str:
        """The path of the table of token vectors."""
        return self.tokens or self.output.rstrip("/") + "-tokens"

    def rates(self, network: str) -> tuple[float, ...]:
        """Returns the learning rates of a network, ``static`` or ``static+elmo``."""
        texts = self.learning_rates_static if network == "static" else self.learning_rates_elmo
        return tuple(map(float, texts))

    def embedding(self, input: str, mode: Literal["error", "append"]) -> EmbedOptions:
        """Returns the options that make the token vectors of the table ``input`` (id, text)."""
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
