"""The options of jobs/train.py: sizes of the network, and how it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.models.options import NetworkOptions
from elmo_udf.options import InputOptions, JobOptions, OptionGroup, OutputOptions, TokenizerOptions, option


@dataclass(frozen=True, kw_only=True)
class CorpusOptions(TokenizerOptions, InputOptions, section="corpus"):
    """What of the documents is trained on."""

    tokenizer: Literal["words", "whitespace"] = option(
        "words: sentences, punctuation apart; whitespace: a line is a sentence, tokens between spaces", "words"
    )
    min_count: int = option(
        "words that occur less often are not predicted (but read, as every token is)", 3, at_least=1
    )
    max_words: int = option("size of the predicted vocabulary", 40000, at_least=1)
    held_out: float = option(
        "share of the sentences kept from training, to measure perplexity on", 0.005, at_least=0, below=1
    )
    max_held_out: int = option("number of sentences held out at most", 2000, above=0)


@dataclass(frozen=True, kw_only=True)
class NetworkSizes(OptionGroup, section="network"):
    """The sizes of the network; at their defaults those of builtin:mini."""

    initial: str | None = option(
        "model to go on from with this corpus; one that training made keeps the words that it predicts", None
    )
    character_dim: int = option("values of a character", 16)
    filters: tuple[str, ...] = option(
        "width:number of each convolution over characters", ("1:32", "2:32", "3:64", "4:128", "5:128", "6:128")
    )
    n_highway: int = option("highway layers", 1)
    activation: Literal["relu", "tanh"] = option("of the convolutions", "relu")
    n_layers: int = option("LSTM layers in each direction", 2)
    cell_dim: int = option("cells of an LSTM layer", 512)
    projection_dim: int = option("values of a state, and of a token's own vector", 256)
    clip: float = option("bound of cells and states", 3.0, above=0)
    residual: bool = option("add a layer's input to its output, from the second layer on", True)

    def network(self) -> NetworkOptions:
        """Sizes of the network. Raises UserError where they can't be those of one."""
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
    """Options of jobs/train.py."""

    output: str = option("folder of the model to make")
    work: str | None = option(
        "folder of sentences and checkpoints while training lasts (default: OUTPUT-work)", None, section="output"
    )
    epochs: float = option("times that training reads the corpus", 10.0, above=0)
    max_hours: float | None = option("end after this time, with the learning rate's course fitted to it", None, above=0)
    n_streams: int = option("sentences read side by side", 128, at_least=1)
    n_steps: int = option("steps that a gradient goes back", 20, at_least=1)
    carry_state: bool = option(
        "a sentence begins with the state the one before it left, as published; else with zeros, as it is used", True
    )
    dropout: float = option("share of a layer's inputs set to zero", 0.1, at_least=0, below=1)
    n_sampled_words: int = option("words drawn to be told from the right one", 8192, at_least=1)
    optimizer: Literal["adagrad", "adam"] = option(
        "adam, or adagrad as published, with rate 0.2, no warm-up and gradients to length 10", "adam"
    )
    learning_rate: float = option("largest learning rate", 0.002, above=0)
    warmup: float = option("share of training in which the learning rate rises", 0.02, at_least=0, below=1)
    schedule: Literal["constant", "cosine"] = option("learning rate after the warm-up", "constant")
    max_gradient_norm: float = option("gradients are scaled down to this length", 100.0, above=0)
    precision: Literal["float32", "bfloat16"] = option("of matrix products", "float32")
    seed: int = option("of weights, order and dropout", 1, at_least=0)
    evaluate_every: int = option(
        "steps between two measurements of perplexity, which also make a checkpoint", 1000, at_least=1
    )
    patience: int = option("end after so many measurements without a better perplexity; 0: never", 5, at_least=0)
    whiten: bool = option(
        "end with word vectors of mean 0 and covariance 1; the LSTMs undo it, and stay the same", True
    )
    workers: int = option("processes that train together, each a Spark task with streams of its own", 1, at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        network = self.network()
        if self.projection_dim in (network.n_filters, network.cell_dim):
            raise UserError(
                f"projection_dim is {self.projection_dim}, as is the number of filters or of cells; expected another: "
                "bilm-tf and simple_elmo read such a network as one without that projection"
            )

    @property
    def work_path(self) -> str:
        """Where sentences and checkpoints are while training lasts."""
        return self.work or self.output.rstrip("/") + "-work"
