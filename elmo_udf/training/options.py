"""The options of jobs/train.py: the sizes of the network, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.models.options import NetworkOptions
from elmo_udf.options import InputOptions, JobOptions, OptionGroup, OutputOptions, TokenizerOptions, option


@dataclass(frozen=True, kw_only=True)
class CorpusOptions(TokenizerOptions, InputOptions, section="corpus"):
    """Which parts of the documents are used for training."""

    tokenizer: Literal["words", "whitespace"] = option(
        "Split texts by this rule. words finds sentences and separates punctuation from words. whitespace takes "
        "each line as a sentence and splits it at spaces.",
        "words",
    )
    min_count: int = option(
        "Predict only words that occur at least this number of times. The network still reads all others.",
        3,
        at_least=1,
    )
    max_words: int = option("Predict at most this number of different words.", 40000, at_least=1)
    held_out: float = option(
        "Set aside this share of the sentences as a validation set, to measure perplexity.", 0.005, at_least=0, below=1
    )
    max_held_out: int = option("Set aside at most this number of sentences.", 2000, above=0)


@dataclass(frozen=True, kw_only=True)
class NetworkSizes(OptionGroup, section="network"):
    """The sizes of the network. The defaults are those of builtin:mini."""

    initial: str | None = option(
        "Continue training from the model with this handle. If train.py made it, the new model predicts the same "
        "words.",
        None,
    )
    character_dim: int = option("Represent a character by this number of values.", 16)
    filters: tuple[str, ...] = option(
        "Use these convolutions over characters, each written as width:number of filters.",
        ("1:32", "2:32", "3:64", "4:128", "5:128", "6:128"),
    )
    n_highway: int = option("Use this number of highway layers.", 1)
    activation: Literal["relu", "tanh"] = option("Use this activation function after the convolutions.", "relu")
    n_layers: int = option("Use this number of LSTM layers in each direction.", 2)
    cell_dim: int = option("Use this number of cells in an LSTM layer.", 512)
    projection_dim: int = option(
        "Project the states of the LSTMs, and the vectors of single tokens, to this number of values.", 256
    )
    clip: float = option("Clip the cells and the states of the LSTMs to this absolute value.", 3.0, above=0)
    residual: bool = option("Add the input of a layer to its output, from the second LSTM layer on.", True)

    def network(self) -> NetworkOptions:
        """Returns the sizes of the network. Raises UserError for impossible sizes."""
        try:
            filters = tuple((int(width), int(number)) for width, number in (pair.split(":") for pair in self.filters))
        except ValueError:
            raise UserError(f"filters is {','.join(self.filters)!r}, expected pairs such as 1:32,2:64") from None
        return NetworkOptions(
            character_dim=self.character_dim,
            filters=filters,
            n_highway=self.n_highway,
            activation=self.activation,
            n_layers=self.n_layers,
            cell_dim=self.cell_dim,
            projection_dim=self.projection_dim,
            cell_clip=self.clip,
            projection_clip=self.clip,
            residual=self.residual,
        )


@dataclass(frozen=True, kw_only=True)
class TrainOptions(JobOptions, NetworkSizes, CorpusOptions, OutputOptions, section="training"):
    """The options of jobs/train.py."""

    output: str = option("Write the model to this folder.")
    work: str | None = option(
        "Keep sentences and checkpoints in this folder during training. By default, it is OUTPUT-work.",
        None,
        section="output",
    )
    epochs: float = option("Read the corpus this number of times.", 10.0, above=0)
    max_hours: float | None = option(
        "Stop after this number of hours. The learning rate schedule adapts to it.", None, above=0
    )
    n_streams: int = option("Read this number of sentences side by side (the batch size).", 128, at_least=1)
    n_steps: int = option("Backpropagate through this number of tokens.", 20, at_least=1)
    carry_state: bool = option(
        "Start each sentence with the state of the LSTMs after the sentence before it, as in the published "
        "program. Otherwise start with zeros, as in embedding.",
        True,
    )
    dropout: float = option("Set this share of a layer's inputs to zero during training.", 0.1, at_least=0, below=1)
    n_sampled_words: int = option(
        "Compare the right word with this number of negative samples in each step (sampled softmax).", 8192, at_least=1
    )
    optimizer: Literal["adagrad", "adam"] = option(
        "Use this optimizer. The published program uses adagrad, with learning rate 0.2, no warm-up and gradients "
        "clipped to norm 10.",
        "adam",
    )
    learning_rate: float = option("Use this learning rate at its peak, the end of the warm-up.", 0.002, above=0)
    warmup: float = option(
        "Raise the learning rate linearly during this share of the training.", 0.02, at_least=0, below=1
    )
    schedule: Literal["constant", "cosine"] = option(
        "Change the learning rate after the warm-up in this way.", "constant"
    )
    max_gradient_norm: float = option("Scale gradients down to this norm if they are larger.", 100.0, above=0)
    precision: Literal["float32", "bfloat16"] = option("Use numbers of this type for the matrix products.", "float32")
    seed: int = option(
        "Use this random seed for the initial weights, the order of sentences and dropout.", 1, at_least=0
    )
    evaluate_every: int = option(
        "Measure the perplexity and write a checkpoint after this number of steps.", 1000, at_least=1
    )
    patience: int = option(
        "Stop after this number of measurements without a lower perplexity. 0 switches this off.", 5, at_least=0
    )
    whiten: bool = option(
        "End with word vectors of mean 0 and covariance 1. The LSTMs are adapted, so that they compute the same as"
        " before.",
        True,
    )
    workers: int = option(
        "Train with this number of processes. Each is a Spark task that reads its own share of the corpus.",
        1,
        at_least=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        network = self.network()
        if self.projection_dim in (network.n_filters, network.cell_dim):
            raise UserError(
                f"projection_dim is {self.projection_dim}, which is also the number of filters or of cells; expected "
                "another number, because bilm-tf "
                "and simple_elmo read such a network as one without that projection"
            )

    @property
    def work_path(self) -> str:
        """The folder for sentences and checkpoints during training."""
        return self.work or self.output.rstrip("/") + "-work"
