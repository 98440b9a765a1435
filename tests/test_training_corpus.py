"""From rows to sentences: what is skipped is counted, what is held out is bounded; and what a task says of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.errors import UserError
from elmo_udf.training.corpus import documents_of, prepare
from elmo_udf.training.folder import Work
from elmo_udf.training.workers import user_errors_of_tasks
from tests.test_training_job import options, sentences


def prepared(spark: SparkSession, path: Path, **changed: Any) -> tuple[dict[str, Any], list[list[str]], int]:
    """The counts, the sentences to train on, and the number of those held out."""
    settings = options(str(path), path.parent, **changed)
    work = Work(path.parent / "work")
    work.root.mkdir()
    _, counts = prepare(documents_of(spark, settings), settings, work, None)
    train, held_out = (pq.read_table(folder)["tokens"].to_pylist() for folder in (work.train, work.held_out))
    assert counts["n_train_sentences"] == len(train) and counts["n_held_out_sentences"] == len(held_out)
    return counts, train, len(held_out)


def test_text_that_is_not_utf8_is_skipped_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes("\n".join(sentences(30)).encode() + b"\na caf\xe9 .\n\n")
    counts, train, n_held_out = prepared(spark, path)
    assert counts["rows_in"] == 32 and counts["rows_skipped_by_reason"] == {"blank_text": 1, "not_utf8": 1}
    assert len(train) + n_held_out == 30


@pytest.mark.slow
def test_rows_that_are_malformed_or_null_are_skipped_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    rows = [f"{i},{sentence}" for i, sentence in enumerate(sentences(30))]
    path.write_text("id,text\n" + "\n".join([*rows, "30,a text, cut off .", "31,", ",without an id ."]) + "\n")
    counts, train, n_held_out = prepared(spark, path)
    assert counts["rows_in"] == 33 and counts["rows_skipped_by_reason"] == {"malformed_record": 1, "null_text": 1}
    assert len(train) + n_held_out == 31, "training needs no id"
    assert ["a", "text"] not in [sentence[:2] for sentence in train]


@pytest.mark.slow
def test_no_more_is_held_out_than_was_said(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    lines = [f"sentence number {i} ." for i in range(200)]
    path.write_text("\n".join(lines + lines[:20] * 30) + "\n")
    _, train, n_held_out = prepared(spark, path, held_out=0.5, max_held_out=25)
    assert 0 < n_held_out <= 25 and len(train) + n_held_out == 800
    distinct = {tuple(sentence) for sentence in train}
    assert len(distinct) >= 200 - n_held_out


def test_a_mistake_that_a_task_finds_is_one_line(spark: SparkSession) -> None:
    def fail(_: int) -> None:
        raise UserError("loss is not finite; expected a number; lower --learning-rate")

    def break_down(_: int) -> None:
        raise ValueError("no mistake of the user's")

    numbers = spark.sparkContext.parallelize([1], 1)
    with pytest.raises(UserError, match=r"^loss is not finite; .* --learning-rate$"), user_errors_of_tasks():
        numbers.map(fail).collect()
    with pytest.raises(Exception, match="no mistake of the user's") as caught, user_errors_of_tasks():
        numbers.map(break_down).collect()
    assert not isinstance(caught.value, UserError)


def test_a_folder_whose_name_a_uri_would_escape(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "a b%20ü#" / "corpus.txt"
    path.parent.mkdir()
    path.write_text("\n".join(sentences(30)) + "\n")
    _, train, n_held_out = prepared(spark, path)
    assert len(train) + n_held_out == 30
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a b%20ü#"]
