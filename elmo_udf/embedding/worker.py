"""Embeds texts in a Python worker with the model that it holds, and counts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from elmo_udf.embedding.documents import EmbeddedDocument, embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.loaded import encoder_in_worker
from elmo_udf.embedding.stats import WorkerStats
from elmo_udf.options import ModelOptions
from elmo_udf.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pyspark import Accumulator

_BATCH_DOCUMENTS = 1024
_BATCH_BYTES = 2**26


def embed_in_worker(
    texts: Iterable[Any],
    model_file: str,
    options: ModelOptions,
    layout: Layout,
    stats: Accumulator[WorkerStats] | None = None,
) -> Iterator[list[EmbeddedDocument]]:
    """Embeds texts in order with a model that Spark has sent here (``model_file``). Yields lists of documents.

    The model is loaded before the first text is read. A list has at most 1,024 documents, and fewer if their vectors
    take 64 MiB.
    """
    encoder, load = encoder_in_worker(model_file, options.precision, options.device)
    if stats is not None and load is not None:
        stats.add(WorkerStats(loads=frozenset({load})))
    tokenizer = Tokenizer(options.tokenizer, options.language, options.max_sentence_tokens)
    embedded = embed_documents(texts, encoder, layout, tokenizer, options.normalize)
    n_words = encoder.n_words_computed
    while documents := _take(embedded):
        if stats is not None:
            n_tokens = sum(document.tokenized.n_tokens for document in documents)
            n_cuts = sum(document.tokenized.n_cuts for document in documents)
            n_empty = sum(document.tokenized.n_empty for document in documents)
            n_repeated = sum(document.repeats for document in documents)
            n_new = encoder.n_words_computed - n_words
            stats.add(WorkerStats(len(documents), n_tokens, n_cuts, n_empty, n_repeated, n_new))
            n_words = encoder.n_words_computed
        yield documents


def _take(embedded: Iterator[EmbeddedDocument]) -> list[EmbeddedDocument]:
    """Returns the next documents, up to a number and a size of their vectors."""
    documents: list[EmbeddedDocument] = []
    n_bytes = 0
    for document in islice(embedded, _BATCH_DOCUMENTS):
        documents.append(document)
        n_bytes += document.vectors.nbytes
        if n_bytes >= _BATCH_BYTES:
            break
    return documents
