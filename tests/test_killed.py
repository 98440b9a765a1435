"""A run that is killed at any change of a file is ended by the same command: every job, every mode, every moment."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.classification.job import classify
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cleaning.job import clean_corpus
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.evaluation.options import PairsOptions
from elmo_udf.evaluation.pairs import compare_pairs
from elmo_udf.lake.compact import compact_table
from elmo_udf.lake.options import CompactOptions
from elmo_udf.similarity.job import compare_tables
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.spark.outputs.transaction import Transaction, in_transaction
from elmo_udf.spark.outputs.written import Output, Written
from elmo_udf.training.job import train
from elmo_udf.training.options import TrainOptions
from tests.kills import Case, check_kills

TEXTS = {"a": "The moon moves the tides.", "b": "The kettle boils.", "c": "The tides follow the moon.", "n": None}
DAYS = ("1", "2")


def documents(path: Path, texts: dict[str, str | None], day: str = "1") -> str:
    rows = [{"id": name, "text": text, "day": day} for name, text in texts.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def embed(spark: SparkSession, work: Path, mode: str, source: str = "in.jsonl", **more: Any) -> dict[str, Any]:
    values = {"input": str(work / source), "output": str(work / "out"), "model": "builtin:untrained", "partitions": 2}
    return embed_corpus(spark, EmbedOptions(**values | {"mode": mode} | more))


def embedding(spark: SparkSession, mode: str, **more: Any) -> Case:
    """A table and rejects are there, from other documents, but in mode error."""

    def prepare(work: Path) -> None:
        if mode != "error":
            documents(work / "old.jsonl", {"x": "An old text.", "y": None})
            embed(spark, work, "error", "old.jsonl")
        documents(work / "in.jsonl", TEXTS)

    return Case(prepare, lambda work: embed(spark, work, mode, **more), ("out", "out-rejects"))


def partitions(spark: SparkSession) -> Case:
    more = {"partition_by": ("day",), "keep_columns": ()}

    def prepare(work: Path) -> None:
        documents(work / "old.jsonl", {"a": "Old.", "n": None, "x": "Gone."})
        embed(spark, work, "error", "old.jsonl", **more)
        documents(work / "other.jsonl", {"z": "Of another day.", "m": " "}, "2")
        embed(spark, work, "append", "other.jsonl", **more)
        documents(work / "in.jsonl", TEXTS)

    return Case(prepare, lambda work: embed(spark, work, "overwrite", **more), ("out", "out-rejects"))


def cleaning(spark: SparkSession, mode: str) -> Case:
    def run(work: Path, source: str = "in.jsonl", mode: str = mode) -> dict[str, Any]:
        return clean_corpus(
            spark, CleanOptions(input=str(work / source), output=str(work / "out"), steps=("lowercase",), mode=mode)
        )

    def prepare(work: Path) -> None:
        documents(work / "old.jsonl", {"x": "An old text."})
        if mode != "error":
            run(work, "old.jsonl", "error")
        documents(work / "in.jsonl", TEXTS)

    return Case(prepare, run, ("out",))


def vectors(spark: SparkSession, work: Path) -> None:
    documents(work / "in.jsonl", TEXTS)
    embed(spark, work, "error")


def similarity(spark: SparkSession, mode: str, kind: str = "topk", **more: Any) -> Case:
    def run(work: Path, mode: str = mode) -> dict[str, Any]:
        here = {name: str(work / value) for name, value in more.items()}
        return compare_tables(
            spark,
            SimilarityOptions(kind=kind, embeddings=str(work / "out"), output=str(work / "nb"), mode=mode, **here),
        )

    def prepare(work: Path) -> None:
        vectors(spark, work)
        if mode == "overwrite":
            run(work, "error")
            documents(work / "more.jsonl", {"d": "A late text."})
            embed(spark, work, "append", "more.jsonl")

    files = tuple(more[name] for name in ("csv", "plot") if name in more)
    return Case(prepare, run, ("nb", *files))


def update(spark: SparkSession) -> Case:
    def run(work: Path, **more: Any) -> dict[str, Any]:
        options = SimilarityOptions(kind="topk", embeddings=str(work / "out"), output=str(work / "nb"), k=2, **more)
        return compare_tables(spark, options)

    def prepare(work: Path) -> None:
        vectors(spark, work)
        run(work)
        documents(work / "more.jsonl", {"d": "A late text."})
        embed(spark, work, "append", "more.jsonl")

    return Case(prepare, lambda work: run(work, update=str(work / "nb"), mode="overwrite"), ("nb",))


def compacting(spark: SparkSession) -> Case:
    def prepare(work: Path) -> None:
        for text in ("One text.", "It has changed."):
            documents(work / "in.jsonl", TEXTS | {"a": text})
            embed(spark, work, "incremental")

    return Case(prepare, lambda work: compact_table(spark, CompactOptions(embeddings=str(work / "out"))), ("out",))


def querying(spark: SparkSession, output: str) -> Case:
    def run(work: Path, text: str = "the moon") -> dict[str, Any]:
        options = QueryOptions(embeddings=str(work / "out"), text=text, output=str(work / output), mode="overwrite")
        return query(spark, options)

    def prepare(work: Path) -> None:
        vectors(spark, work)
        run(work, "a kettle")

    return Case(prepare, run, (output,))


SMALL_MODEL = {"filters": ("1:4", "2:6"), "character_dim": 8, "cell_dim": 24, "projection_dim": 12, "n_streams": 4}
SMALL_TRAINING = {"n_steps": 6, "min_count": 1, "held_out": 0.2, "epochs": 1.0, "evaluate_every": 20}


def training(spark: SparkSession, mode: str) -> Case:
    def run(work: Path, mode: str = mode, **more: Any) -> dict[str, Any]:
        values = {"input": str(work / "text.txt"), "output": str(work / "model"), "mode": mode}
        return train(spark, TrainOptions(**values | SMALL_MODEL | SMALL_TRAINING | more))

    def prepare(work: Path) -> None:
        (work / "text.txt").write_text("".join(f"cats see {i % 7} dogs .\n" for i in range(60)))
        if mode == "overwrite":
            run(work, "error", n_layers=1)

    return Case(prepare, run, ("model",), step=25)


def pairing(spark: SparkSession) -> Case:
    def run(work: Path, source: str = "in.csv", mode: str = "overwrite") -> dict[str, Any]:
        paths = {"input": str(work / source), "output": str(work / "pairs"), "plot": str(work / "p.png")}
        sides = {"text_column_a": "a", "text_column_b": "b"}
        return compare_pairs(
            spark, PairsOptions(**paths, mode=mode, model="builtin:untrained", label_column="label", **sides)
        )

    def prepare(work: Path) -> None:
        rows = ["id,a,b,label", "1,The moon.,The tides.,1", "2,A kettle.,The moon.,0", "3,,A text.,1"]
        (work / "in.csv").write_text("\n".join([*rows, "4,The tides.,The moon moves.,1", ""]))
        (work / "old.csv").write_text("\n".join([*rows, "5,Another text.,The kettle.,0", ""]))
        run(work, "old.csv", "error")

    return Case(prepare, run, ("pairs", "pairs-rejects", "p.png"))


def classifying(spark: SparkSession) -> Case:
    def run(work: Path, source: str = "in.jsonl", mode: str = "overwrite") -> dict[str, Any]:
        paths = {"train": str(work / source), "output": str(work / "classifier"), "model": "builtin:untrained"}
        return classify(spark, ClassifyOptions(**paths, mode=mode, label_column="day", regularization=("0.01",)))

    def prepare(work: Path) -> None:
        for name in ("in", "old"):
            rows = [{"id": f"{i}", "text": f"{name} text of {i % 2} and {i}", "day": f"{i % 2}"} for i in range(20)]
            (work / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        run(work, "old.jsonl", "error")

    return Case(prepare, run, ("classifier/metrics.json", "classifier/confusion.png"), each=False, step=20)


CASES: dict[str, Callable[[SparkSession], Case]] = {
    "clean error": lambda spark: cleaning(spark, "error"),
    "clean overwrite": lambda spark: cleaning(spark, "overwrite"),
    "embed error": lambda spark: embedding(spark, "error"),
    "embed overwrite": lambda spark: embedding(spark, "overwrite"),
    "embed append": lambda spark: embedding(spark, "append"),
    "embed incremental": lambda spark: embedding(spark, "incremental", commit_every="2"),
    "embed partitions": partitions,
    "similarity error": lambda spark: similarity(spark, "error"),
    "similarity matrix overwrite": lambda spark: similarity(spark, "overwrite", "matrix", csv="m.csv", plot="m.png"),
    "similarity update": update,
    "compact": compacting,
    "query table": lambda spark: querying(spark, "answers"),
    "train error": lambda spark: training(spark, "error"),
    "train overwrite": lambda spark: training(spark, "overwrite"),
    "pairs": pairing,
    "classify": classifying,
    "query file": lambda spark: querying(spark, "answers.jsonl"),
}


def by_hand(spark: SparkSession, mode: str, what: str) -> Case:
    """A run without Spark's part: it stages files, and puts them in place as jobs do."""

    def stage(folder: Path, day: str, name: str) -> str:
        (folder / f"day={day}").mkdir(parents=True)
        pq.write_table(pa.table({"id": [name]}), folder / f"day={day}" / f"{name}.parquet")
        return f"file:{folder}"

    def work(run: Transaction) -> dict[str, Any]:
        for name, kind in (("rejects", "rejects"), ("output", "embeddings")):
            staged = stage(Path(run.folder(name).removeprefix("file:")) / "table", "2", f"new-{name}")
            if what == "folders":
                run.replace_folders(name, staged, {"day=2", "day=3"})
            elif what == "files":
                run.replace_files(name, staged, ["day=2/old.parquet"])
            else:
                run.put_table(name, staged, {"table": kind})
        run.file("csv").write_text("id,a\na,1.000000\n")
        run.put_files()
        return {"rows_out": 2}

    def go(folder: Path) -> dict[str, Any]:
        outputs = tuple(Output(name, str(folder / name), (kind,)) for name, kind in KINDS.items())
        read, files = {"input": str(folder / "in")}, {"csv": str(folder / "m.csv")}
        return in_transaction(spark, Written(outputs, read, mode, files, asked={"mode": mode}), work)

    def prepare(folder: Path) -> None:
        stage(folder / "in", "1", "source")
        for name, kind in KINDS.items() if mode != "error" else ():
            for day in ("1", "2", "3"):
                stage(folder / name, day, "old")
            (folder / name / "_elmo.json").write_text(json.dumps({"table": kind}))
        (folder / "m.csv").write_text("id,a\na,0.500000\n")

    return Case(prepare, go, ("rejects", "output", "m.csv"))


KINDS = {"output": "embeddings", "rejects": "rejects"}


MODES = [("error", "table"), ("overwrite", "table"), ("append", "table"), ("incremental", "table")]
MODES += [("overwrite", "folders"), ("overwrite", "files")]


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "file-by-file"])
@pytest.mark.parametrize(("mode", "what"), MODES)
def test_a_commit_that_was_killed_is_ended(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, what: str, at_once: bool
) -> None:
    assert check_kills(by_hand(spark, mode, what), tmp_path, monkeypatch, at_once=at_once) > 30


@pytest.mark.parametrize("mode", ["error", "append"])
def test_some_moments_at_which_a_commit_is_killed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    assert check_kills(by_hand(spark, mode, "table"), tmp_path, monkeypatch, step=9) > 5


EVERY = os.environ.get("ELMO_KILLS") == "all"
"""Whether a job is killed at each of its moments, and all of them file by file too, which takes hours."""
FILE_BY_FILE = ("clean overwrite", "embed append", "similarity error")


def parameters() -> list[Any]:
    return [
        pytest.param(name, at_once, marks=pytest.mark.slow, id=f"{name}-{kind}")
        for name in CASES
        for at_once, kind in ((True, "at-once"), (False, "file-by-file"))
        if at_once or EVERY or name in FILE_BY_FILE
    ]


@pytest.mark.parametrize(("name", "at_once"), parameters())
def test_the_same_command_ends_what_was_killed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at_once: bool
) -> None:
    case = CASES[name](spark)
    most = None if EVERY else 6
    assert check_kills(case, tmp_path, monkeypatch, step=case.step, at_once=at_once, most=most) > 5
    shutil.rmtree(tmp_path, ignore_errors=True)
