"""Computes TF-IDF vectors of texts with pyspark.ml.

CountVectorizer counts, and IDF weights: w = count · ln((n + 1) / (df + 1)) for a term that occurs in df of n texts.
HashingTF would need no vocabulary, but it can put unrelated terms into the same dimension, and the vocabulary of a few
thousand texts always fits into memory. scikit-learn's default adds 1 to the logarithm, so a term that occurs in all
texts still counts there, while its weight is 0 here.

Terms are the tokens that ELMo reads, case folded, if they contain a letter or a digit. So both measures see the same
words; only TF-IDF ignores their case and the punctuation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from elmo_udf.embedding.tokens import of_tokens
from elmo_udf.errors import UserError
from elmo_udf.options import ModelOptions
from elmo_udf.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

METHOD = "pyspark.ml CountVectorizer, IDF ln((n + 1) / (df + 1)); cosine"


def with_terms(texts: DataFrame, text_column: str, options: ModelOptions) -> DataFrame:
    """Returns the table with a new column ``terms`` (array<string>), made from a text or from its tokens."""
    terms = of_tokens(F.col(text_column), Tokenizer.of(options), terms_of, "array<string>")
    return texts.withColumn("terms", terms)


def terms_of(sentences: list[list[str]]) -> list[str]:
    """Returns the tokens that contain a letter or a digit, case folded."""
    tokens = (token.casefold() for sentence in sentences for token in sentence)
    return [token for token in tokens if any(map(str.isalnum, token))]


def tfidf_matrix(documents: DataFrame) -> tuple[csr_matrix, int]:
    """Returns the TF-IDF of the columns ``id`` and ``terms``, (n, V) float64 with rows sorted by id, and V.

    Columns are sorted by term, so that the matrix does not depend on Spark's partitions. Raises UserError if no text
    has a term.
    """
    from pyspark.ml.feature import IDF, CountVectorizer
    from scipy.sparse import csr_matrix

    if documents.where("size(terms) > 0").isEmpty():
        raise UserError("no text has a token with a letter or a digit, which TF-IDF needs; give other texts")
    counter = CountVectorizer(inputCol="terms", outputCol="counts", vocabSize=2**31 - 1).fit(documents)
    counted = counter.transform(documents)
    weighted = IDF(inputCol="counts", outputCol="tfidf").fit(counted).transform(counted)
    rows = [row.tfidf for row in weighted.select("id", "tfidf").orderBy("id").collect()]  # SparseVectors of size V
    starts = np.cumsum([0, *(len(row.indices) for row in rows)])
    indices, values = (np.concatenate([getattr(row, part) for row in rows]) for part in ("indices", "values"))
    matrix = csr_matrix((values, indices, starts), shape=(len(rows), len(counter.vocabulary)))
    return matrix[:, np.argsort(counter.vocabulary)], len(counter.vocabulary)
