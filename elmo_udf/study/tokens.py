"""Keeps the table of token vectors: each text is embedded once, and read back in pieces that need no sorting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.errors import UserError
from elmo_udf.spark.metadata import MAY_DIFFER, TableMetadata, metadata_of
from elmo_udf.spark.outputs.transaction import Transaction
from elmo_udf.spark.tables import read_embeddings
from elmo_udf.study.options import StudyOptions

PIECES = "{id} sentence_index int, token_index int, vectors binary"


def keep_tokens(work: Transaction, texts: DataFrame, made: TableMetadata, options: StudyOptions) -> dict[str, int]:
    """Adds the missing texts to the table ``options.tokens_path``. Returns how many it had, and how many were added.

    Args:
        texts: A table with the columns id and text (sentences of tokens).
        made: The metadata that the table must have.

    Raises UserError if the table has vectors of another kind, or other tokens for the id of a text.
    """
    spark, there, staged = work.spark, work.is_there("tokens"), f"{work.folder('output')}/missing"
    missing = texts
    if there:
        kept = texts_of(check_tokens(spark, made, options))
        hashes = texts.withColumn("wanted", F.sha2(F.to_json("text"), 256)).join(kept, "id", "left")
        other = hashes.where("content_hash <> wanted").select("id").first()
        if other is not None:
            raise UserError(
                f"table {options.tokens_path!r} has other tokens for text {other.id!r} than this study; expected the "
                "same texts, tokenizer and max_tokens; give another --tokens"
            )
        missing = hashes.where("content_hash IS NULL").select("id", "text")
    missing.write.parquet(staged)
    n_missing = spark.read.parquet(staged).where(F.size("text") > 0).count()
    if n_missing:
        embed_corpus(spark, options.embedding(staged, "append" if there else "error"), within=work)
    return {"texts_embedded": n_missing, "texts_kept": texts.where(F.size("text") > 0).count() - n_missing}


def check_tokens(spark: SparkSession, made: TableMetadata, options: StudyOptions) -> DataFrame:
    """Returns the table of token vectors. Raises UserError if it was made with other options."""
    table = read_embeddings(spark, options.tokens_path)
    found = metadata_of(table, "embedding")
    for name, ours in made.as_dict().items():
        theirs = getattr(found, name)
        if ours != theirs and name not in MAY_DIFFER:
            raise UserError(
                f"table {options.tokens_path!r} was made with {name} {theirs!r}, but this study uses {ours!r}; "
                "expected "
                "equal options; change them, or give another --tokens"
            )
    return table


def texts_of(table: DataFrame) -> DataFrame:
    """Returns the id and the content_hash of every text in a table of tokens."""
    return table.select("id", "content_hash").distinct()  # the first token has no row if it was given empty


def pieces(table: DataFrame, ids: DataFrame) -> DataFrame:
    """Returns the rows of ``ids`` with the runs of token vectors in the table, in one pass without a shuffle.

    Args:
        ids: A small table with an ``id`` and other columns. Each of its rows meets every piece of its id.

    Adds the columns ``sentence_index`` and ``token_index`` of a piece's first token, and ``vectors``, float32 rows as
    bytes.
    """
    wanted = table.join(F.broadcast(ids.select("id").distinct()), "id", "left_semi")
    rows = wanted.select("id", "sentence_index", "token_index", "embedding")
    schema = PIECES.format(id=f"id {table.schema['id'].dataType.simpleString()},")
    return rows.mapInArrow(runs, schema).join(F.broadcast(ids), "id")


def runs(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Combines rows of tokens to pieces of texts. A piece is a run of rows with consecutive tokens of a sentence.

    The columns of the input are id, sentence_index, token_index and embedding. A new piece begins at every row that
    does not continue the row before it. So any order of the table gives the same texts after their pieces are sorted.
    """
    for batch in batches:
        if not batch.num_rows:
            continue
        ids, sentences, tokens = batch.column(0), batch.column(1).to_numpy(), batch.column(2).to_numpy()
        codes = ids.dictionary_encode().indices.to_numpy()  # (R,) equal where ids are equal
        follows = (np.diff(codes) == 0) & (np.diff(sentences) == 0) & (np.diff(tokens) == 1)  # (R − 1,)
        first = np.flatnonzero(np.concatenate([[True], ~follows]))  # (P,)
        values = batch.column(3).flatten().to_numpy()
        vectors = values.reshape(batch.num_rows, -1)  # (R, D)
        cut = [vectors[a:b].tobytes() for a, b in zip(first, [*first[1:], batch.num_rows], strict=True)]
        start = pa.array(first)
        columns = [
            ids.take(start),
            batch.column(1).take(start),
            batch.column(2).take(start),
            pa.array(cut, pa.binary()),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=["id", "sentence_index", "token_index", "vectors"])
