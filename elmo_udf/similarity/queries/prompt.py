"""Answers lines at a prompt, each before it reads the next one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from elmo_udf.embedding.documents import embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.loaded import encoder_in_worker
from elmo_udf.options import ModelOptions
from elmo_udf.similarity.queries.corpus import NO_DIRECTION, Corpus
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.similarity.queries.search import nearest
from elmo_udf.spark.shipping import ShippedModel
from elmo_udf.text.tokenizer import Tokenizer

Say = Callable[[dict[str, Any]], None]


def answer_lines(
    shipped: ShippedModel,
    options: QueryOptions,
    corpus: Corpus,
    lines: Iterable[str],
    say: Say,
) -> dict[str, Any]:
    """Answers each line with ``say`` before it reads the next one. Returns the report.

    The driver holds the model; the first line waits for it. For a line that can't be answered, ``say`` gives the
    reason.
    """
    made = ModelOptions(**corpus.made.options() | {"level": "document"})
    encoder, _ = encoder_in_worker(shipped.file_name, made.precision)
    layout = Layout.of(shipped.network, [made.layer], [made.pooling])
    tokenizer = Tokenizer(made.tokenizer, made.language, made.max_sentence_tokens)
    n_lines = n_answered = 0
    for line in (line.strip() for line in lines):
        if not line:
            continue
        started, n_lines = time.perf_counter(), n_lines + 1
        if (readable := line.encode(errors="replace").decode()) != line:
            say({"text": readable, "error": "not_utf8: the line is not UTF-8"})
            continue
        (document,) = embed_documents([line], encoder, layout, tokenizer, made.normalize)
        if document.reason is not None:
            say({"text": line, "error": f"{document.reason}: {document.detail}"})
            continue
        vector = corpus.corrected(document.vectors)
        if not vector.any():
            say({"text": line, "error": NO_DIRECTION})
            continue
        found = nearest(corpus.table, vector[0], options.k, correction=corpus.correction).collect()
        answers = [{"rank": rank, **row.asDict()} for rank, row in enumerate(found, 1)]
        say({"text": line, "answers": answers, "seconds": round(time.perf_counter() - started, 3)})
        n_answered += 1
    return {"texts": n_lines, "texts_answered": n_answered}
