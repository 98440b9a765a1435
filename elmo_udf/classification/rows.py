"""Decides what each row is used for: the order of the ids, the test rows and the folds.

The splits are those of scikit-learn, so that results can be compared with published ones.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.errors import UserError

_WHOLE_NUMBER = r"^-?[0-9]{1,18}$"


def id_order(table: DataFrame) -> list[Column]:
    """Returns what to sort by for the order of the ids: numbers, if all are whole numbers, even if they are strings."""
    if isinstance(table.schema["id"].dataType, T.StringType):
        others = table.where("id IS NOT NULL").where(~F.col("id").rlike(_WHOLE_NUMBER)).limit(1)
        if others.isEmpty():
            return [F.col("id").cast("bigint"), F.col("id")]
    return [F.col("id")]


def roles(spark: SparkSession, labelled: DataFrame, options: ClassifyOptions) -> DataFrame:
    """Returns ``id``, ``is_test``, ``fold`` (of --folds, else 0) and ``tuning_fold`` for every id of the labelled rows.

    The result depends only on the ids, the seed and the sizes, not on partitions or on the order of the rows. Raises
    UserError for duplicate ids, and for too few.
    """
    named = labelled.where("id IS NOT NULL").select("id")
    ids = named.orderBy(*id_order(named)).toArrow()["id"].combine_chunks()
    n = len(ids)
    n_distinct = len(ids.unique())
    if n_distinct < n:
        raise UserError(
            f"input {options.train!r} has {n:,} rows with {n_distinct:,} ids, expected every id once; "
            "remove the rows that repeat one, or name another column with --id-column"
        )
    least = max(10, 2 * options.folds, 2 * options.tuning_folds)
    if n < least:
        raise UserError(f"input {options.train!r} has {n} labelled rows, expected at least {least}; give more")
    columns = {
        "id": ids,
        "is_test": pa.array(_held_out(n, options)),
        "fold": pa.array(_fold_numbers(n, options.folds, options.seed)),
        "tuning_fold": pa.array(_fold_numbers(n, options.tuning_folds, options.seed + 1)),
    }
    return spark.createDataFrame(pa.table(columns))


def _held_out(n: int, options: ClassifyOptions) -> np.ndarray:
    """Returns the test rows: (n,) bool. Raises UserError if no row would be left for training."""
    from sklearn.model_selection import train_test_split

    if options.test_size * n > n - 1:
        raise UserError(
            f"test_size is {options.test_size} of {n} labelled rows, which leaves none for training; use a smaller one"
        )
    mask = np.zeros(n, bool)
    mask[train_test_split(np.arange(n), test_size=options.test_size, random_state=options.seed)[1]] = True
    return mask


def _fold_numbers(n: int, folds: int, seed: int) -> np.ndarray:
    """Returns the test fold of each row, or 0 for all if there are no folds: (n,) int32."""
    from sklearn.model_selection import KFold

    numbers = np.zeros(n, np.int32)
    if folds:
        for number, (_, rows) in enumerate(KFold(folds, shuffle=True, random_state=seed).split(numbers)):
            numbers[rows] = number
    return numbers
