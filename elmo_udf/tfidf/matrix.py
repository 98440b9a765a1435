"""TF-IDF vectors of texts, by pyspark.ml.

CountVectorizer counts, and IDF weights: w = count · ln((n + 1) / (df + 1)) for a term that is in df of n texts. Not
HashingTF: it needs no vocabulary, but puts unrelated terms into one dimension, and the vocabulary of a few thousand
texts fits anywhere. scikit-learn's default adds 1 to the logarithm, so that a term of all texts, which weighs
nothing here, still counts.

Terms are the tokens that ELMo reads, case folded, and only those with a letter or a digit: so both measures see the
same words, and TF-IDF alone sees neither their case nor the punctuation.
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
    """The table with a column ``terms`` (array<string>), made from a text or from its tokens."""
    terms = of_tokens(F.col(text_column), Tokenizer.of(options), terms_of, "array<string>")
    return texts.withColumn("terms", terms)


def terms_of(sentences: list[list[str]]) -> list[str]:
    """The tokens that have a letter or a digit, case folded."""
    tokens = (token.casefold() for sentence in sentences for token in sentence)
    return [token for token in tokens if any(map(str.isalnum, token))]


def tfidf_matrix(documents: DataFrame) -> tuple[csr_matrix, int]:
    """TF-IDF of the columns ``id`` and ``terms``: (n, V) float64 with rows in the order of the ids; and V.

    Columns are in the order of their terms, so that the matrix does not depend on Spark's partitions. Raises
    UserError where no text has a term.
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
