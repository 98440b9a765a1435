"""What a run must never destroy, mix up or show: each test is a command that once did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf import cli
from elmo_udf.cleaning.job import clean_corpus
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.secrets import without_secrets
from elmo_udf.similarity.queries.job import query
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.spark.outputs.written import Output, Written, resolve
from elmo_udf.training.folder import Work
from elmo_udf.training.job import train
from elmo_udf.training.options import TrainOptions
from tests.conftest import ROOT
from tests.kills import Kills, content, leftovers
from tests.test_outputs import put, run, run_of, table, written


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    rows = [{"id": name, "text": text} for name, text in {"a": "The Moon.", "b": "A kettle.", "n": None}.items()]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def clean(spark: SparkSession, source: Path, output: Path | str, mode: str = "error") -> dict[str, Any]:
    return clean_corpus(spark, CleanOptions(input=str(source), output=str(output), steps=("lowercase",), mode=mode))


def embed(spark: SparkSession, source: Path, output: Path, **more: Any) -> dict[str, Any]:
    values = {"input": str(source), "output": str(output), "model": "builtin:untrained", "partitions": 1}
    return embed_corpus(spark, EmbedOptions(**values | more))


def test_outputs_whose_names_look_like_folders_of_runs(spark: SparkSession, tmp_path: Path, docs: Path) -> None:
    with run(spark, tmp_path / "old-t") as other:
        put(other, "theirs.parquet")
        for _ in range(2):
            clean(spark, docs, tmp_path / "t", "overwrite")
        assert Path(other.folder("output").removeprefix("file:"), "table", "theirs.parquet").exists()
        other.commit()
    assert (tmp_path / "old-t" / "theirs.parquet").exists() and (tmp_path / "t" / "_elmo.json").exists()
    for name in ("_elmo-t", "_ELMO-t", "_elmo~t"):
        with pytest.raises(UserError, match="has a part that begins with _elmo-"):
            clean(spark, docs, tmp_path / name)


def test_an_input_by_a_link_is_not_replaced(spark: SparkSession, tmp_path: Path, docs: Path) -> None:
    (tmp_path / "link").symlink_to(docs)
    (tmp_path / "holder").mkdir()
    (tmp_path / "holder" / "part.jsonl").symlink_to(docs / "in.jsonl")
    for source in ("link", "holder", "link/*.jsonl", "x/../link"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(UserError, match="contains the input"):
            clean(spark, tmp_path / source, docs, "overwrite")
    assert (docs / "in.jsonl").exists()


def test_one_table_by_two_names_has_one_writer(spark: SparkSession, tmp_path: Path, docs: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with run(spark, tmp_path / "real" / "t"):
        for name in ("link/t", "real/./t", "link/../real/t", "real//t/"):
            with pytest.raises(UserError, match="is being written by another run"):
                clean(spark, docs, f"{tmp_path}/{name}")


def test_two_runs_share_neither_rejects_nor_an_output(spark: SparkSession, tmp_path: Path, docs: Path) -> None:
    with run_of(spark, written(output=str(tmp_path / "a"), rejects=str(tmp_path / "r"))):
        with pytest.raises(UserError, match=r"'file:.*/r' is being written by another run"):
            embed(spark, docs, tmp_path / "b", rejects=str(tmp_path / "r"))
        with pytest.raises(UserError, match=r"'file:.*/a' is being written by another run"):
            embed(spark, docs, tmp_path / "b", rejects=str(tmp_path / "a"))
    assert leftovers(tmp_path) == []


def test_rejects_never_replace_vectors(spark: SparkSession, tmp_path: Path, docs: Path) -> None:
    vectors = table(tmp_path / "vectors", "part-0.parquet")
    (vectors / "_elmo.json").write_text('{"table": "embeddings"}')
    with pytest.raises(UserError, match="is a table of kind 'embeddings', expected rejects"):
        embed(spark, docs, tmp_path / "out", rejects=str(vectors), mode="overwrite")
    assert (vectors / "part-0.parquet").exists()


# Reports


def command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["jobs/clean.py"])
    return cli.run_job(clean_corpus, CleanOptions, "", ["--steps", "lowercase", *arguments])


def test_a_report_replaces_reports_alone(
    spark: SparkSession, tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, options = tmp_path / "out", tmp_path / "options.json"
    options.write_text('{"char_cnn": {}}')
    flags = ("--input", str(docs), "--output", str(out), "--mode", "overwrite")
    assert command(*flags, "--report", str(tmp_path / "r.json"), monkeypatch=monkeypatch) == 0
    assert command(*flags, "--report", str(tmp_path / "r.json"), monkeypatch=monkeypatch) == 0
    before = {path: path.read_bytes() for path in (docs / "in.jsonl", options, out / "_elmo.json")}
    for more in ((), ("--dry-run",)):
        for path in (*before, tmp_path, out / "new.json", docs / "new.json", tmp_path / "r.json" / "x"):
            assert command(*flags, *more, "--report", str(path), monkeypatch=monkeypatch) == 2, path
            assert capsys.readouterr().err.splitlines()[-1].startswith("error: report "), path
    assert {path: path.read_bytes() for path in before} == before
    assert not (out / "new.json").exists() and not (docs / "new.json").exists()
    assert json.loads((tmp_path / "r.json").read_text())["rows_out"] == 3


@pytest.mark.slow
def test_a_closed_stdout_loses_neither_report_nor_exit_code(tmp_path: Path, docs: Path) -> None:
    line = [sys.executable, str(ROOT / "jobs" / "clean.py"), "--input", str(docs), "--steps", "lowercase"]
    line += ["--output", str(tmp_path / "out"), "--report", str(tmp_path / "r.json")]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(line, stdout=write, stderr=subprocess.PIPE, check=False, text=True)
    os.close(write)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["rows_out"] == 3
    assert "Broken pipe" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_names_under_another_locale(tmp_path: Path, docs: Path) -> None:
    line = [sys.executable, str(ROOT / "jobs" / "clean.py"), "--input", str(docs), "--steps", "lowercase"]
    line += ["--output", str(tmp_path / "öut")]
    done = subprocess.run(line, capture_output=True, check=False, text=True, env=os.environ | {"LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "öut"]
    assert list((tmp_path / "öut").glob("*.parquet"))


def test_names_that_the_jvm_would_change(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elmo_udf.spark.internals.encoding_of_names", lambda: "ANSI_X3.4-1968")
    with pytest.raises(UserError, match=r"'öut' has letters that Spark's JVM can't write .* set LC_ALL=C.UTF-8"):
        resolve(spark, Written((Output("output", "öut", ("x",)),), {}, "error"))


# Answers


def test_answers_are_whole_or_those_of_before(
    spark: SparkSession, tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(spark, docs, tmp_path / "t")
    answers = tmp_path / "answers.jsonl"

    def ask(text: str) -> None:
        query(spark, QueryOptions(embeddings=str(tmp_path / "t"), text=text, output=str(answers), mode="overwrite"))

    ask("a kettle")
    old = answers.read_text()

    def stop(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
        yield {"query_id": "text", "text": "half", "answers": []}
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("elmo_udf.similarity.queries.answers_file._by_text", stop)
        ask("the moon")
    assert answers.read_text() == old and leftovers(tmp_path) == []
    ask("the moon")
    assert '"text": "the moon"' in answers.read_text()


# Disks that are full


@pytest.mark.parametrize("words", ["No space left on device", "Read-only file system", "Permission denied"])
def test_a_disk_that_refuses_at_any_moment(
    spark: SparkSession, tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: str,
) -> None:  # fmt: skip
    """One line, exit code 1 or 2, and the same command is right once there is room."""
    number = next(n for n in range(1, 200) if os.strerror(n) == words)
    flags = ("--input", str(docs), "--output", str(tmp_path / "out"), "--mode", "overwrite", "--log-level", "ERROR")
    assert command(*flags, monkeypatch=monkeypatch) == 0
    expected = content(tmp_path / "out")
    with Kills(tmp_path).around(monkeypatch) as undisturbed:
        assert command(*flags, monkeypatch=monkeypatch) == 0
    for at in range(1, undisturbed.n + 1, 3):
        capsys.readouterr()
        kills = Kills(tmp_path, at, error=lambda: OSError(number, words))
        with kills.around(monkeypatch):
            code = command(*flags, monkeypatch=monkeypatch)
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("20")]
        assert code == 0 or (code in (1, 2) and len(lines) == 1 and words in lines[0]), (kills.names[at - 1], lines)
        assert content(tmp_path / "out") == expected
        assert command(*flags, monkeypatch=monkeypatch) == 0
        assert content(tmp_path / "out") == expected and leftovers(tmp_path) == [], kills.names[at - 1]


# Partitions


def test_no_rejects_make_no_folder_of_nothing(spark: SparkSession, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "The moon.", "day": "007"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    embed(spark, tmp_path / "in.jsonl", tmp_path / "out", partition_by=("day",))
    rejects = tmp_path / "out-rejects"
    assert not list(rejects.glob("day=*")) and pd.read_parquet(rejects).empty
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "b", "text": None, "day": "008"}) + "\n")
    embed(spark, tmp_path / "in.jsonl", tmp_path / "out", partition_by=("day",), mode="append")
    assert spark.read.parquet(str(rejects)).count() == 1 and len(pq.read_table(rejects)) == 1


# Secrets

SECRETS = {
    "http://user:hunter2@host/m.zip": "http://***@host/m.zip",
    "s3a://key:sec%2Fret@bucket/m": "s3a://***@bucket/m",
    "https://h/m.zip?X-Amz-Signature=abc123&x=1": "https://h/m.zip?X-Amz-Signature=***&x=1",
    "https://h/m?x=1&X-Amz-Credential=AKIA%2F1&X-Amz-Security-Token=t": (
        "https://h/m?x=1&X-Amz-Credential=***&X-Amz-Security-Token=***"
    ),
    "https://account.blob/m?sv=1&sig=abc%3D": "https://account.blob/m?sv=1&sig=***",
    "a@b.c, file:/x, d://e/f@g": "a@b.c, file:/x, d://e/f@g",
}


@pytest.mark.parametrize(("said", "shown"), SECRETS.items())
def test_secrets_in_addresses(said: str, shown: str) -> None:
    assert without_secrets({"model": [said]}) == {"model": [shown]}


def test_nothing_that_is_written_or_printed_has_a_secret(
    spark: SparkSession, tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a note with control characters, which a model brings, controls no terminal."""
    from elmo_udf.models import builtin

    handle = "http://user:hunter2@host/model?X-Amz-Signature=hunter2"
    model = builtin.MODELS["builtin:untrained"]()
    object.__setattr__(model, "note", "red\x1b[31m \x9b31m\nerror: no")
    monkeypatch.setattr("elmo_udf.spark.shipping.load_model", lambda *_: model)
    flags = ["--input", str(docs), "--output", str(tmp_path / "t"), "--model", handle]
    assert cli.run_job(embed_corpus, EmbedOptions, "", [*flags, "--report", str(tmp_path / "r.json")]) == 0
    said = capsys.readouterr()
    assert "***@host" in said.out and "\x1b" not in said.out + said.err and "\x9b" not in said.out + said.err
    assert not any(line.startswith("error: no") for line in (said.out + said.err).splitlines())
    files = [path for path in tmp_path.rglob("*") if path.is_file() and docs not in path.parents]
    assert len(files) >= 4
    for text in (said.out, said.err, *(path.read_bytes().decode("latin-1") for path in files)):
        assert "hunter2" not in text
    with pytest.raises(UserError, match=r"passwords and signatures are not stored .* give it again with --model"):
        monkeypatch.undo()
        query(spark, QueryOptions(embeddings=str(tmp_path / "t"), text="the moon"))


# Trainings


def test_two_trainings_share_no_folder(spark: SparkSession, tmp_path: Path, docs: Path) -> None:
    with run(spark, tmp_path / "work"):
        for options in (
            TrainOptions(input=str(docs), output=str(tmp_path / "m"), work=str(tmp_path / "work")),
            TrainOptions(input=str(docs), output=str(tmp_path / "work"), work=str(tmp_path / "other")),
        ):
            with pytest.raises(UserError, match="is being written by another run"):
                train(spark, options)
    assert leftovers(tmp_path) == []


def test_a_training_folder_that_a_full_disk_left_is_taken(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    work.root.mkdir()
    (work.root / "training.json.123.tmp").touch()
    work.claim(TrainOptions(input="in", output=str(tmp_path / "m")))
    assert json.loads(work.options.read_text())["input"] == "in"
