"""jobs/clean.py's function on a real Spark: rows and columns that stay, flags, counts, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.cleaning import clean
from elmo_udf.cleaning.job import clean_corpus
from elmo_udf.cleaning.options import CleanOptions
from elmo_udf.cli import run_job
from tests.refusals import refused

CSV = """id,label,text
1,0,"Two mice ran
to http://a.b/c!"
2,1,
3,0,"http://a.b/c 123 #!"
4,1,"  "
5,1,Nothing to do.
"""

Clean = Callable[..., dict[str, Any]]


@pytest.fixture
def job(spark: SparkSession, tmp_path: Path) -> Clean:
    (tmp_path / "in.csv").write_text(CSV)

    def run(**options: Any) -> dict[str, Any]:
        values = {"input": str(tmp_path / "in.csv"), "output": str(tmp_path / "out")} | options
        return clean_corpus(spark, CleanOptions(**values))

    return run


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def test_every_row_stays_with_its_columns_and_a_flag(job: Clean, tmp_path: Path) -> None:
    report = job()
    found = {row["id"]: row for row in rows(tmp_path / "out")}
    assert {i: (row["label"], row["text"], row["is_blank"]) for i, row in found.items()} == {
        "1": ("0", "two mouse run to", False),
        "2": ("1", None, True),
        "3": ("0", "", True),
        "4": ("1", "", True),
        "5": ("1", "nothing to do.", False),
    }
    assert list(found["1"]) == ["id", "label", "text", "is_blank"]
    counts = {name: report[name] for name in report if name.startswith("rows_")}
    assert counts == {
        "rows_in": 5, "rows_out": 5, "rows_null": 1, "rows_blank_before": 1, "rows_blank": 3, "rows_not_utf8": 0,
        "rows_malformed": 0,
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "_elmo.json").read_text())["table"] == "cleaned"
    assert not list(tmp_path.glob("_*")), "the staging folder is left behind"


def test_lines_of_json_that_are_no_objects(job: Clean, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(b'{"a.b": "Cafe 12", "is_blank": 1}\n{"a.b": \n')
    report = job(input=str(tmp_path / "in.json"), text_column="a.b", blank_column="empty", steps=("digits",))
    assert sorted(map(str, rows(tmp_path / "out"))) == sorted(
        map(str, [{"a.b": "Cafe  ", "is_blank": 1, "empty": False}, {"a.b": None, "is_blank": None, "empty": True}])
    )
    assert (report["rows_in"], report["rows_malformed"], report["rows_blank"]) == (2, 1, 1)


@pytest.mark.slow
def test_lines_of_text(job: Clean, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"One two.\n\nThre\xe9!\n")
    report = job(input=str(tmp_path / "in.txt"), steps=("punctuation", "whitespace", "lowercase"))
    assert sorted((r["id"].rpartition(":")[2], r["text"], r["is_blank"]) for r in rows(tmp_path / "out")) == [
        ("1", "one two.", False), ("2", "", True), ("3", "thre\ufffd", False),
    ]  # fmt: skip
    assert report["rows_not_utf8"] == 1


def test_the_command(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text("id,tweet\n1,Les chevaux @ http://a.b\n")
    arguments = ["--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out"), "--text-column", "tweet"]
    arguments += ["--steps", "lemmas,punctuation", "--punctuation", "/:@", "--punctuation-becomes", "nothing"]
    assert run_job(clean_corpus, CleanOptions, "", [*arguments, "--language", "fr", "--dry-run"]) == 0
    assert "id, tweet" in capsys.readouterr().out and not (tmp_path / "out").exists()
    assert run_job(clean_corpus, CleanOptions, "", [*arguments, "--language", "fr"]) == 0
    expected = clean(
        "Les chevaux @ http://a.b", ("lemmas", "punctuation"), language="fr", punctuation="/:@", becomes=""
    )
    assert rows(tmp_path / "out") == [{"id": "1", "tweet": expected, "is_blank": False}]
    assert run_job(clean_corpus, CleanOptions, "", [*arguments, "--language", "tlh"]) == 2
    assert "language 'tlh' has no lemmas, expected one of ar, ast" in capsys.readouterr().err
    assert run_job(clean_corpus, CleanOptions, "", [*arguments, "--language", "fr"]) == 0
    assert "done_already" in capsys.readouterr().out
    assert run_job(clean_corpus, CleanOptions, "", [*arguments, "--language", "en"]) == 2
    assert "exists already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_job(clean_corpus, CleanOptions, "", ["--help"])
    assert "%&()" in capsys.readouterr().out


def test_mistakes(job: Clean, tmp_path: Path) -> None:
    with refused("text column 'tweet' is not in input", "['id', 'label', 'text']", "--text-column"):
        job(text_column="tweet")
    with refused("already has a column 'LABEL'", "--blank-column"):
        job(blank_column="LABEL")
    pq.write_table(pa.table({"id": ["a"], "text": [["one", "two"]]}), tmp_path / "tokens.parquet")
    with refused("text column 'text' is array<string>, expected string"):
        job(input=str(tmp_path / "tokens.parquet"))
    assert not (tmp_path / "out").exists()
