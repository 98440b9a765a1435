"""The options of jobs/train.py: sizes of the network, and how it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.models.options import NetworkOptions
from elmo_udf.options import JobOptions, option
from elmo_udf.text.languages import check_language


@dataclass(frozen=True, kw_only=True)
class TrainOptions(JobOptions):
    """Options of jobs/train.py. The sizes at their defaults are those of builtin:mini."""

    input: str = option("path or URI of the documents: a file, a folder or a glob")
    output: str = option("folder of the model to make")
    input_format: Literal["parquet", "csv", "json", "text"] | None = option(
        "format of the input; by default told from its file names", None
    )
    whole_files: bool = option("with text input: a file is a document, not a line", False)
    id_column: str = option("column that identifies a document", "id")
    text_column: str = option("column with the text, or with its tokens", "text")
    tokenizer: Literal["words", "whitespace"] = option(
        "words: sentences, punctuation apart; whitespace: a line is a sentence, tokens between spaces", "words"
    )
    language: str = option("language code of the text, for sentence and word boundaries (tokenizer words)", "en")
    max_sentence_tokens: int = option("longer sentences are cut into pieces (tokenizer words)", 400)
    work: str | None = option("folder of sentences and checkpoints while training lasts (default: OUTPUT-work)", None)
    mode: Literal["error", "overwrite"] = option("what to do when the output exists", "error")
    initial: str | None = option(
        "model to go on from with this corpus; one that training made keeps the words that it predicts", None
    )

    min_count: int = option("words that occur less often are not predicted (but read, as every token is)", 3)
    max_words: int = option("size of the predicted vocabulary", 40000)
    held_out: float = option("share of the sentences kept from training, to measure perplexity on", 0.005)
    max_held_out: int = option("number of sentences held out at most", 2000)

    character_dim: int = option("values of a character", 16)
    filters: tuple[str, ...] = option(
        "width:number of each convolution over characters", ("1:32", "2:32", "3:64", "4:128", "5:128", "6:128")
    )
    n_highway: int = option("highway layers", 1)
    activation: Literal["relu", "tanh"] = option("of the convolutions", "relu")
    n_layers: int = option("LSTM layers in each direction", 2)
    cell_dim: int = option("cells of an LSTM layer", 512)
    projection_dim: int = option("values of a state, and of a token's own vector", 256)
    clip: float = option("bound of cells and states", 3.0)
    residual: bool = option("add a layer's input to its output, from the second layer on", True)

    epochs: float = option("times that training reads the corpus", 10.0)
    max_hours: float | None = option("end after this time, with the learning rate's course fitted to it", None)
    n_streams: int = option("sentences read side by side", 128)
    n_steps: int = option("steps that a gradient goes back", 20)
    carry_state: bool = option(
        "a sentence begins with the state the one before it left, as published; else with zeros, as it is used", True
    )
    dropout: float = option("share of a layer's inputs set to zero", 0.1)
    n_sampled_words: int = option("words drawn to be told from the right one", 8192)
    optimizer: Literal["adagrad", "adam"] = option(
        "adam, or adagrad as published, with rate 0.2, no warm-up and gradients to length 10", "adam"
    )
    learning_rate: float = option("largest learning rate", 0.002)
    warmup: float = option("share of training in which the learning rate rises", 0.02)
    schedule: Literal["constant", "cosine"] = option("learning rate after the warm-up", "constant")
    max_gradient_norm: float = option("gradients are scaled down to this length", 100.0)
    precision: Literal["float32", "bfloat16"] = option("of matrix products", "float32")
    seed: int = option("of weights, order and dropout", 1)
    evaluate_every: int = option("steps between two measurements of perplexity, which also make a checkpoint", 1000)
    patience: int = option("end after so many measurements without a better perplexity; 0: never", 5)
    whiten: bool = option(
        "end with word vectors of mean 0 and covariance 1; the LSTMs undo it, and stay the same", True
    )
    workers: int = option("processes that train together, each a Spark task with streams of its own", 1)

    def __post_init__(self) -> None:
        for name in ("n_streams", "n_steps", "n_sampled_words", "evaluate_every", "workers", "max_words", "min_count"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 1")
        for name in ("dropout", "held_out", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected a share from 0 to below 1")
        for name in ("epochs", "learning_rate", "max_gradient_norm", "clip"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}, expected a number above 0")
        for name in ("max_hours", "max_held_out", "max_sentence_tokens"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise UserError(f"{name} is {value}, expected a number above 0")
        for name in ("patience", "seed"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 0")
        check_language(self.tokenizer, self.language)
        network = self.network()
        if self.projection_dim in (network.n_filters, network.cell_dim):
            raise UserError(
                f"projection_dim is {self.projection_dim}, as is the number of filters or of cells; expected another: "
                "bilm-tf and simple_elmo read such a network as one without that projection"
            )

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

    @property
    def work_path(self) -> str:
        """Where sentences and checkpoints are while training lasts."""
        return self.work or self.output.rstrip("/") + "-work"
