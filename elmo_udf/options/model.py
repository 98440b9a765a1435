"""Which network embeds, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.options.field import OptionGroup, option
from elmo_udf.text.languages import check_language


@dataclass(frozen=True, kw_only=True)
class PretrainedModel(OptionGroup, section="model"):
    """A model by its handle, and the precision that it is run in."""

    model: str = option(
        "model handle: builtin:mini, a TF-Hub address, a folder, an archive, or any of these behind a Hadoop URI",
        "builtin:mini",
    )
    model_sha256: str | None = option("refuse the model unless what was fetched has this SHA-256", None)
    precision: Literal["float32", "bfloat16"] = option("of weights and matrix products", "float32")


@dataclass(frozen=True, kw_only=True)
class LayerOptions(PretrainedModel, section="model"):
    """A layer of a model."""

    layer: str = option("elmo (the mix of all layers), word_emb, lstm_outputs1, lstm_outputs2, ...", "elmo")


@dataclass(frozen=True, kw_only=True)
class LanguageOptions(OptionGroup, section="text"):
    """How texts become sentences of tokens."""

    tokenizer: Literal["words", "whitespace"] = option(
        "words: sentences, punctuation apart, as the published models' training text; whitespace: as TF-Hub", "words"
    )
    language: str = option("language code of the text, for sentence and word boundaries (tokenizer words)", "en")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_language(self.tokenizer, self.language)


@dataclass(frozen=True, kw_only=True)
class TokenizerOptions(LanguageOptions, section="text"):
    """The same, and how long a sentence may be."""

    max_sentence_tokens: int = option("longer sentences are cut into pieces (tokenizer words)", 400, at_least=1)


@dataclass(frozen=True, kw_only=True)
class ModelOptions(TokenizerOptions, LayerOptions, section="model"):
    """Which network, and what of it: enough to make the vectors again."""

    pooling: Literal["mean", "max"] = option("how a document's (or sentence's) tokens become one vector", "mean")
    level: Literal["document", "sentence", "token"] = option("what gets a row of its own", "document")
    normalize: bool = option("scale every vector to unit length", False)
    device: Literal["auto", "cpu", "gpu"] = option(
        "where the network runs; auto: on a GPU where TensorFlow sees one; gpu: there, or not at all", "auto"
    )
