"""Options that say which network embeds, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elmo_udf.errors import UserError
from elmo_udf.options.field import OptionGroup, option
from elmo_udf.text.languages import check_language


@dataclass(frozen=True, kw_only=True)
class PretrainedModel(OptionGroup, section="model"):
    """A model, and the precision of its numbers."""

    model: str = option(
        "Use the model with this handle: builtin:mini, hf:ORG/NAME, kaggle:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION, a "
        "TF-Hub address, or a folder or an archive, also behind a URI such as hdfs:.",
        "builtin:mini",
    )
    model_sha256: str | None = option("Refuse the model unless its file or folder has this SHA-256.", None)
    model_max_gib: float = option(
        "Refuse a model that is larger than this number of GiB. A download by http stops there.", 16.0, above=0
    )
    precision: Literal["float32", "bfloat16"] = option(
        "Use numbers of this type for the weights and the matrix products.", "float32"
    )


@dataclass(frozen=True, kw_only=True)
class LayerOptions(PretrainedModel, section="model"):
    """A model and one of its layers."""

    layer: str = option(
        "Use this layer of the network: elmo (the mix of all layers), word_emb, lstm_outputs1, lstm_outputs2, ...",
        "elmo",
    )


@dataclass(frozen=True, kw_only=True)
class LanguageOptions(OptionGroup, section="text"):
    """How texts are split into sentences and tokens."""

    tokenizer: Literal["words", "whitespace"] = option(
        "Split texts by this rule. words finds sentences and separates punctuation from words, as in the training "
        "text of the published models. whitespace takes each text as one sentence and splits it at spaces, as "
        "TF-Hub does.",
        "words",
    )
    language: str = option(
        "Use the rules of this language to find sentences and words, with the tokenizer words. The code follows "
        "ISO 639.",
        "en",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_language(self.tokenizer, self.language)


@dataclass(frozen=True, kw_only=True)
class TokenizerOptions(LanguageOptions, section="text"):
    """How texts are split into sentences and tokens, and how long a sentence may be."""

    max_sentence_tokens: int = option(
        "Cut sentences that are longer than this number of tokens, with the tokenizer words.", 400, at_least=1
    )


@dataclass(frozen=True, kw_only=True)
class ModelOptions(TokenizerOptions, LayerOptions, section="model"):
    """Everything that determines a vector, so that the same vectors can be made again."""

    pooling: Literal["mean", "max"] = option(
        "Combine the vectors of the tokens of a document or sentence by their mean or their element-wise maximum.",
        "mean",
    )
    level: Literal["document", "sentence", "token"] = option(
        "Write one row, with one vector, for every document, sentence or token.", "document"
    )
    normalize: bool = option("Scale every vector to unit length.", False)
    device: Literal["auto", "cpu", "gpu"] = option(
        "Run the network on this device. auto uses a GPU if TensorFlow sees one; gpu fails if it sees none.", "auto"
    )


@dataclass(frozen=True, kw_only=True)
class DocumentModelOptions(ModelOptions, section="model"):
    """The same for jobs in which every text has one vector."""

    level: Literal["document"] = option("Give every text one vector. This job has no other level.", "document")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level != "document":
            raise UserError(
                f"level is {self.level!r}, expected 'document', because each text has one vector here; leave out "
                "--level"
            )
