"""Provides ELMo as one object: texts in, numpy arrays out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from elmo_udf.embedding.documents import EmbeddedDocument, embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.errors import UserError
from elmo_udf.flags import check_values
from elmo_udf.in_memory.cosines import cosines
from elmo_udf.in_memory.texts import list_of_texts
from elmo_udf.in_memory.words import Occurrence, nearest_occurrences, nearest_words, position_of
from elmo_udf.models import load_model
from elmo_udf.network.engine import Network
from elmo_udf.options import ModelOptions
from elmo_udf.text.languages import language_note
from elmo_udf.text.tokenizer import Tokenizer

log = logging.getLogger(__name__)

Pooling = Literal["mean", "max"]
Level = Literal["document", "sentence", "token"]


class TokenVectors(NamedTuple):
    """The tokens of a text, and their vectors."""

    tokens: list[str]
    vectors: dict[str, np.ndarray]
    """For every layer of the model, ``elmo`` first: float32, shape (number of tokens, width of the layer)."""


class Elmo:
    """A model in this process, which embeds and compares texts without Spark.

    A text is a string, a list of tokens (one sentence) or a list of such sentences. The vectors are those that
    ``embed.py`` and :func:`elmo_udf.elmo_udf` compute.
    """

    def __init__(
        self,
        model: str = "builtin:mini",
        *,
        tokenizer: Literal["words", "whitespace"] = "words",
        language: str = "en",
        max_sentence_tokens: int = 400,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: Literal["auto", "cpu", "gpu"] = "auto",
        model_sha256: str | None = None,
        model_max_gib: float = 16.0,
    ) -> None:
        """Loads the model.

        Args:
            model: The handle of a model: builtin:mini, a TF-Hub address, or a folder or an archive.
            tokenizer: ``words`` finds sentences and separates punctuation from words. ``whitespace`` takes each text
                as one sentence and splits it at spaces.
            language: The ISO 639 code of the language whose rules the tokenizer ``words`` uses.
            max_sentence_tokens: The tokenizer ``words`` cuts sentences that have more tokens.
            precision: The type of the weights and of the matrix products.
            device: Where the network runs. ``auto`` uses a GPU if TensorFlow sees one.
            model_sha256: The SHA-256 that the file or folder of the model must have.
            model_max_gib: The largest size that the model may have, in GiB.

        Raises UserError for options and models that are not valid.
        """
        given: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "language": language, "device": device}
        given |= {"max_sentence_tokens": max_sentence_tokens, "precision": precision, "model_sha256": model_sha256}
        given["model_max_gib"] = model_max_gib
        self._options = ModelOptions(**check_values(ModelOptions, given, "Elmo"))
        self._given = given
        loaded = load_model(model, model_sha256, max_gib=self._options.model_max_gib)
        for note in (loaded.note, language_note(tokenizer, language)):
            if note:
                log.warning("%s", note)
        self._network = Network(loaded, precision=precision, device=device, threads=_n_cores())
        self._tokenizer = Tokenizer.of(self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle contains the handle: a copy in another process loads the model there."""
        return partial(Elmo, **self._given), ()

    def __repr__(self) -> str:
        return f"Elmo({self._options.model!r})"

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers. ``elmo``, the mix of the others, comes first, then the lowest to the highest."""
        return ("elmo", *self._network.options.layer_names)

    def width(self, layer: str = "elmo") -> int:
        """Returns the number of values of a vector of this layer."""
        return self._network.width(layer)

    @overload
    def encode(
        self,
        texts: str,
        *,
        layer: str = "elmo",
        pooling: Pooling = "mean",
        level: Level = "document",
        normalize: bool = False,
        missing: Literal["error", "nan"] = "error",
        show_progress: bool = False,
    ) -> np.ndarray: ...

    @overload
    def encode(
        self,
        texts: Iterable[Any],
        *,
        layer: str = "elmo",
        pooling: Pooling = "mean",
        level: Literal["document"] = "document",
        normalize: bool = False,
        missing: Literal["error", "nan"] = "error",
        show_progress: bool = False,
    ) -> np.ndarray: ...

    @overload
    def encode(
        self,
        texts: Iterable[Any],
        *,
        layer: str = "elmo",
        pooling: Pooling = "mean",
        level: Literal["sentence", "token"],
        normalize: bool = False,
        missing: Literal["error", "nan"] = "error",
        show_progress: bool = False,
    ) -> list[np.ndarray]: ...

    def encode(
        self,
        texts: str | Iterable[Any],
        *,
        layer: str = "elmo",
        pooling: Pooling = "mean",
        level: Level = "document",
        normalize: bool = False,
        missing: Literal["error", "nan"] = "error",
        show_progress: bool = False,
    ) -> np.ndarray | list[np.ndarray]:
        """Returns the vectors of texts, float32.

        Args:
            texts: One string, or any number of texts (a list, a pandas Series, a generator). The network reads them in
                portions, so there is no batch size to choose.
            layer: The layer of the network, one of :attr:`layers`.
            pooling: How the vectors of the tokens of a document or sentence are combined.
            level: What gets a vector: every document, sentence or token.
            normalize: Whether every vector is scaled to unit length.
            missing: What a text without a vector becomes, such as None or an empty string. ``error`` raises an error.
                ``nan`` makes a row of NaN, or no row at the levels sentence and token.
            show_progress: Whether a progress bar is shown on stderr or in the notebook.

        At level document the result has the shape (number of texts, D). At the levels sentence and token it is a list
        with one array per text, of the shape (number of sentences or tokens, D). For one string the first dimension of
        the result is left out.

        Raises UserError for options that are not valid, for anything that is not a text, and for a text without a
        vector.
        """
        given = {"layer": layer, "pooling": pooling, "level": level, "normalize": normalize}
        options = replace(self._options, **check_values(ModelOptions, given, "encode"))
        if missing not in ("error", "nan"):
            raise UserError(f"encode: missing is {missing!r}, expected one of error, nan")
        documents = list_of_texts([texts] if isinstance(texts, str) else texts)
        embedded = self._embedded(documents, options, show_progress)
        rows = [_rows(i, document, missing) for i, document in enumerate(embedded)]
        if level == "document":
            nothing = np.full((1, self.width(layer)), np.nan, np.float32)
            matrix = np.concatenate([nothing[:0], *(row if len(row) else nothing for row in rows)])
            return matrix[0] if isinstance(texts, str) else matrix
        return rows[0] if isinstance(texts, str) else rows

    def tokens(self, text: str | Sequence[Any]) -> TokenVectors:
        """Returns the tokens of one text, and their vectors in every layer.

        Raises UserError if the text has no token.
        """
        layout = Layout.of(self._network.options, self.layers, level="token")
        (document,) = embed_documents(list_of_texts([text]), self._network, layout, self._tokenizer)
        rows = _rows(0, document, "error")
        return TokenVectors(_flat(document), {name: layout.view(name, "mean").of(rows) for name in self.layers})

    def similarity(
        self,
        a: str | Iterable[Any] | np.ndarray,
        b: str | Iterable[Any] | np.ndarray | None = None,
        *,
        layer: str = "elmo",
        pooling: Pooling = "mean",
    ) -> np.ndarray:
        """Returns the cosine of everything in ``a`` with everything in ``b``: float64, shape (A, B).

        Args:
            a: One string, texts, or vectors as an array of the shape (A, D).
            b: The same. Without it, ``a`` is compared with itself.
            layer: The layer in which texts are compared.
            pooling: How the vectors of their tokens are combined.

        The cosines are those of ``similarity.py``: computed in float64 and rounded to 1e-6.
        """

        def vectors(one: str | Iterable[Any]) -> np.ndarray:
            if isinstance(one, np.ndarray) and one.dtype.kind == "f":
                return one
            return self.encode([one] if isinstance(one, str) else one, layer=layer, pooling=pooling)

        left = vectors(a)
        return cosines(left, left if b is None else vectors(b))

    @overload
    def most_similar(
        self, word: str, *, vocabulary: Iterable[str], context: str | None = None, k: int = 10, layer: str = "elmo"
    ) -> list[tuple[str, float]]: ...

    @overload
    def most_similar(
        self, word: str, *, texts: Iterable[Any], context: str | None = None, k: int = 10, layer: str = "elmo"
    ) -> list[Occurrence]: ...

    def most_similar(
        self,
        word: str,
        *,
        vocabulary: Iterable[str] | None = None,
        texts: Iterable[Any] | None = None,
        context: str | None = None,
        k: int = 10,
        layer: str = "elmo",
    ) -> list[tuple[str, float]] | list[Occurrence]:
        """Returns the k words that are most similar to a word, the most similar first.

        Args:
            word: The word, which is one token.
            vocabulary: Words by themselves, each read as a sentence of one word. The result has pairs of a word and a
                cosine, without ``word`` itself.
            texts: Texts whose words are compared as they are in their sentences. The result has the word, the cosine,
                the text and the position of the token in it.
            context: A text in which ``word`` is read; its first occurrence counts. Without it, the word is read by
                itself. If this text is in ``texts`` too, the occurrence itself is not part of the result.
            k: The number of words.
            layer: The layer in which words are compared.

        Raises UserError unless there is either ``vocabulary`` or ``texts``, and if ``context`` lacks the word.
        """
        if vocabulary is not None and texts is not None:
            raise UserError("most_similar got vocabulary and texts, expected one of them; leave out the other")
        if k < 1:
            raise UserError(f"most_similar: k is {k}, expected at least 1")
        tokens, vectors = self.tokens([word] if context is None else context)
        position = position_of(word, tokens)
        vector = vectors[_known(layer, self.layers)][position : position + 1]
        if vocabulary is not None:
            words = [other for other in dict.fromkeys(list_of_texts(vocabulary)) if other != word]
            return nearest_words(vector, words, self.encode([[other] for other in words], layer=layer), k)
        if texts is None:
            raise UserError("most_similar got nothing to compare with; give vocabulary= (words) or texts=")
        documents = list_of_texts([texts] if isinstance(texts, str) else texts)
        embedded = self._embedded(documents, replace(self._options, layer=layer, level="token"), False)
        occurrences = (
            (text, _flat(document), _rows(i, document, "nan"))
            for i, (text, document) in enumerate(zip(documents, embedded, strict=True))
        )
        return nearest_occurrences(vector, occurrences, k, (context, position))

    def _embedded(self, documents: list[Any], options: ModelOptions, show_progress: bool) -> Iterator[EmbeddedDocument]:
        """Yields the embedded documents in order."""
        from tqdm.auto import tqdm

        layout = Layout.of(self._network.options, [options.layer], [options.pooling], options.level)
        embedded = embed_documents(documents, self._network, layout, self._tokenizer, options.normalize)
        yield from tqdm(embedded, total=len(documents), unit="text", disable=not show_progress)


def _rows(i: int, document: EmbeddedDocument, missing: str) -> np.ndarray:
    """Returns the vectors of text ``i``, (R, D). Raises UserError if there are none, unless they may be missing."""
    if document.reason is not None and missing == "error":
        raise UserError(
            f"text {i} (counted from 0) has no vector, because {document.detail} ({document.reason}); expected a text "
            "with a token; leave it out, or call encode with missing='nan'"
        )
    return document.vectors


def _flat(document: EmbeddedDocument) -> list[str]:
    return [token for sentence in document.tokenized.sentences for token in sentence]


def _known(layer: str, layers: tuple[str, ...]) -> str:
    if layer not in layers:
        raise UserError(f"layer {layer!r} is not in the model; expected one of {', '.join(layers)}")
    return layer


def _n_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
