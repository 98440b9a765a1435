"""Implements jobs/compare.py as one function."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.cleanup import afterwards
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.plan import make_plan
from elmo_udf.errors import UserError
from elmo_udf.plots.heatmap import MAX_LABEL_CHARACTERS
from elmo_udf.plots.paths import check_png
from elmo_udf.plots.side_by_side import Panel, side_by_side
from elmo_udf.similarity.kernels.correction import fit_correction
from elmo_udf.similarity.kernels.exact_sums import moments_of
from elmo_udf.spark.inputs.columns import quoted
from elmo_udf.spark.inputs.documents import read_documents
from elmo_udf.spark.inputs.formats import guess_format
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.tfidf.matrix import METHOD, tfidf_matrix, with_terms
from elmo_udf.tfidf.options import CompareOptions
from elmo_udf.tfidf.pairs import Pairs, dense_cosines, sparse_cosines

log = logging.getLogger(__name__)

MIN_DOCUMENTS, MAX_DOCUMENTS = 3, 2000
"""The smallest and the largest number of texts. Two texts have only one pair; larger matrices can't be looked at."""
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class _Measured:
    """The texts sorted by id, and their cosines (n, n) by both measures."""

    ids: pa.Array
    texts: list[str]
    elmo: np.ndarray
    tfidf: np.ndarray
    n_terms: int


def compare_texts(spark: SparkSession, options: CompareOptions) -> dict[str, Any]:
    """Embeds ``options.input`` in both ways, and writes the table of all pairs and the picture. Returns the report.

    Raises UserError before it embeds a text, if something can't be read or written, or for too few or too many texts.
    """
    if options.plot:
        check_png(options.plot)
    read = {"input": options.input, "model": options.model}
    written = Written.of(options, [Output("output", options.output, ("comparison",))], read, ["plot"])
    return in_transaction(spark, written, lambda work: _compare(work, options))


def _compare(work: Transaction, options: CompareOptions) -> dict[str, Any]:
    spark = work.spark
    kind = guess_format(spark, options)
    text_column = "text" if kind == "text" else options.text_column
    _check_size(spark, options)
    if options.dry_run:
        return make_plan(spark, options.embed_options("", text_column)).report()
    folder = work.folder("output")
    embedded = embed_corpus(spark, options.embed_options(folder, text_column), within=work)
    measured = _measure(spark.read.parquet(f"{folder}/embeddings"), text_column, options)
    pairs = Pairs.of(measured.elmo, measured.tfidf)
    spearman = pairs.spearman()
    _write(spark, pairs, measured, f"{folder}/table")
    made = {name: embedded[name] for name in ("model", "fingerprint", "layer", "width")}
    sidecar = {"table": "comparison", **made, "correction": options.correction_name, "tfidf": METHOD}
    work.put_table("output", f"{folder}/table", sidecar | {"spearman": spearman})
    if options.plot:
        _draw(measured, embedded, options, spearman, work.staged_files()["plot"])
    work.put_files()
    return _report(embedded, measured, pairs, options, spearman)


def _check_size(spark: SparkSession, options: CompareOptions) -> None:
    n = read_documents(spark, options).limit(MAX_DOCUMENTS + 1).count()
    if not MIN_DOCUMENTS <= n <= MAX_DOCUMENTS:
        found = f"more than {MAX_DOCUMENTS:,}" if n > MAX_DOCUMENTS else f"{n}"
        raise UserError(
            f"input {options.input!r} has {found} texts, expected {MIN_DOCUMENTS} to {MAX_DOCUMENTS:,}, because the "
            "picture shows all of them; give fewer or more, or compare many texts with jobs/similarity.py"
        )


def _measure(table: DataFrame, text_column: str, options: CompareOptions) -> _Measured:
    """Returns both matrices for an embedding table that kept the texts."""
    text = quoted(text_column)
    documents = with_terms(table.select("id", "embedding", text.alias("text")), "text", options).persist()
    with afterwards(documents.unpersist):
        shown = _shown(documents.schema["text"].dataType)
        collected = documents.select("id", "embedding", shown.alias("text")).orderBy("id").toArrow()
        n = collected.num_rows
        if n < MIN_DOCUMENTS:
            raise UserError(
                f"input {options.input!r} has {n} texts that can be embedded, expected at least {MIN_DOCUMENTS}; "
                "the rejects of embed.py say what is wrong with the others"
            )
        log.info("comparing %s texts by ELMo and by TF-IDF", f"{n:,}")
        vectors = collected["embedding"].combine_chunks().flatten().to_numpy().reshape(n, -1)  # (n, D) float32
        correction = fit_correction(moments_of(vectors), options)
        vectors = correction.apply(vectors) if correction else vectors
        matrix, n_terms = tfidf_matrix(documents)
    ids = collected["id"].combine_chunks()
    return _Measured(ids, collected["text"].to_pylist(), dense_cosines(vectors), sparse_cosines(matrix), n_terms)


def _shown(kind: T.DataType) -> Any:
    """Returns the beginning of a text on one line."""
    text = F.col("text")
    if isinstance(kind, T.ArrayType):
        text = F.array_join(F.flatten("text") if isinstance(kind.elementType, T.ArrayType) else text, " ")
    line = F.trim(F.regexp_replace(text, r"\s+", " "))
    cut = F.concat(F.substring(line, 1, SHOWN_CHARACTERS - 1), F.lit("…"))
    return F.when(F.length(line) > SHOWN_CHARACTERS, cut).otherwise(line)


def _write(spark: SparkSession, pairs: Pairs, measured: _Measured, path: str) -> None:
    columns = {"id_a": measured.ids.take(pa.array(pairs.i)), "id_b": measured.ids.take(pa.array(pairs.j))}
    numbers = {
        "elmo_cosine": pairs.elmo,
        "tfidf_cosine": pairs.tfidf,
        "elmo_rank": pairs.elmo_rank,
        "tfidf_rank": pairs.tfidf_rank,
    }
    columns |= {name: pa.array(values, mask=np.isnan(values)) for name, values in numbers.items()}
    spark.createDataFrame(pa.table(columns)).coalesce(1).write.parquet(path)


def _draw(
    measured: _Measured, embedded: dict[str, Any], options: CompareOptions, spearman: float | None, path: str
) -> None:
    ids = [str(name) for name in measured.ids.to_pylist()]
    first_words = [shorten(text, MAX_LABEL_CHARACTERS, placeholder=" …") for text in measured.texts]
    labels = first_words if options.labels == "text" else ids
    correction = "" if options.correction_name == "none" else f", {options.correction_name}"
    title = f"Spearman's correlation of the pairs: {_number(spearman)}"
    left = Panel(f"ELMo: {embedded['model']}, layer {embedded['layer']}{correction}", measured.elmo)
    side_by_side(labels, left, Panel("TF-IDF, pyspark.ml", measured.tfidf), path, title)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _report(
    embedded: dict[str, Any], measured: _Measured, pairs: Pairs, options: CompareOptions, spearman: float | None
) -> dict[str, Any]:
    names = ("model", "fingerprint", "model_note", "layer", "width", "rows_in", "rows_embedded", "rows_rejected")
    report = {name: embedded[name] for name in (*names, "rejected_by_reason", "n_tokens", "n_truncated")}
    report |= {
        "correction": options.correction_name,
        "tfidf": METHOD,
        "n_terms": measured.n_terms,
        "n_pairs": len(pairs),
        "n_pairs_ranked": pairs.n_ranked,
        "texts_without_tfidf": int(np.isnan(np.diag(measured.tfidf)).sum()),
        "texts_without_elmo": int(np.isnan(np.diag(measured.elmo)).sum()),
        "spearman": None if spearman is None else round(spearman, 6),
        "output": options.output,
        "plot": options.plot,
    }
    return report | {"disagreements": [_disagreement(p, pairs, measured) for p in pairs.most_different(options.k)]}


def _disagreement(p: int, pairs: Pairs, measured: _Measured) -> dict[str, Any]:
    i, j = int(pairs.i[p]), int(pairs.j[p])
    return {
        "id_a": measured.ids[i].as_py(),
        "id_b": measured.ids[j].as_py(),
        "elmo_cosine": float(pairs.elmo[p]),
        "tfidf_cosine": float(pairs.tfidf[p]),
        "elmo_rank": float(pairs.elmo_rank[p]),
        "tfidf_rank": float(pairs.tfidf_rank[p]),
        "text_a": measured.texts[i],
        "text_b": measured.texts[j],
    }
