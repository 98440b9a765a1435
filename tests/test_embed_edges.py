"""Inputs that are odd, on a real Spark: other encodings, names of columns, equal rows, long columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding import records as records_module
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.documents import EmbeddedDocument
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.embedding.records import DETAIL, REASON, row_fields, rows_of
from elmo_udf.errors import UserError
from elmo_udf.text.tokenizer import TokenizedDocument
from tests.make_models import random_model
from tests.model_files import write_folder

Embed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(random_model(11), tmp_path_factory.mktemp("model") / "elmo"))


@pytest.fixture
def embed(spark: SparkSession, model: str, tmp_path: Path) -> Embed:
    def run(source: Path, **options: Any) -> dict[str, Any]:
        values = {"input": str(source), "output": str(tmp_path / "out"), "model": model, "partitions": 1} | options
        return embed_corpus(spark, EmbedOptions(**values))

    return run


def rejects(folder: Path) -> list[tuple[str, str, str]]:
    rows = pq.read_table(folder / "out-rejects").to_pylist()
    return sorted((row["id"], row["reason"], row["detail"]) for row in rows)


def test_empty_parts_of_lists_are_counted_and_keep_their_places(embed: Embed, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        '{"id": "a", "text": [["the", "cat"], [], ["", "it"]]}\n{"id": "b", "text": []}\n'
    )
    report = embed(tmp_path / "in.jsonl", level="token")
    rows = pq.read_table(tmp_path / "out").to_pylist()
    found = sorted((row["sentence_index"], row["token_index"], row["token"]) for row in rows)
    assert found == [(0, 0, "the"), (0, 1, "cat"), (2, 1, "it")]
    assert (report["n_empty_parts"], report["rejected_by_reason"]) == (2, {"blank_text": 1})


@pytest.mark.slow
def test_invisible_texts_are_blank(embed: Embed, tmp_path: Path) -> None:
    texts = ["\u200b", "\ufeff \u2060", "\u00ad\ufe0f", "seen", "\u200fa"]
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, '{"id": "half", "text": "a \\ud800"}']))
    report = embed(tmp_path / "in.jsonl")
    assert report["rejected_by_reason"] == {"blank_text": 3, "malformed_record": 1}


@pytest.mark.parametrize("whole_files", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_text_in_another_encoding_is_rejected(embed: Embed, tmp_path: Path, whole_files: bool) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "latin.txt").write_bytes("café one".encode("latin-1"))
    (tmp_path / "in" / "utf.txt").write_text("café two", encoding="utf-8")
    report = embed(tmp_path / "in", whole_files=whole_files)
    assert (report["rows_embedded"], report["rejected_by_reason"]) == (1, {"not_utf8": 1})
    line = "" if whole_files else ":1"
    assert rejects(tmp_path) == [(f"{tmp_path}/in/latin.txt{line}", "not_utf8", "the text is not UTF-8")]


@pytest.mark.slow
def test_csv_in_another_encoding_is_rejected(embed: Embed, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "latin.csv").write_bytes("id,text\na,one\nb,café\né,two\n".encode("latin-1"))
    (tmp_path / "in" / "utf.csv").write_text("id,text\nc,café\nd,a damaged \ufffd of its own\n", encoding="utf-8")
    report = embed(tmp_path / "in")
    assert (report["rows_embedded"], report["rejected_by_reason"]) == (3, {"not_utf8": 2})
    assert rejects(tmp_path) == [
        ("b", "not_utf8", "the text is not UTF-8"),
        ("\ufffd", "not_utf8", "the id is not UTF-8"),
    ]


def invalid(values: list[bytes]) -> pa.Array:
    """Strings of these bytes, which Arrow does not look at."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


@pytest.mark.slow
def test_parquet_in_another_encoding_is_rejected(embed: Embed, tmp_path: Path) -> None:
    ids, words = invalid([b"a", b"\xe9", b"c"]), invalid([b"one", b"two", b"\xe9"])
    sentences = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), words)
    tokens = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), sentences)
    pq.write_table(pa.table({"id": ids, "text": tokens}), tmp_path / "in.parquet")
    assert embed(tmp_path / "in.parquet")["rows_embedded"] == 1
    assert rejects(tmp_path) == [
        ("c", "not_utf8", "the text is not UTF-8"),
        ("\ufffd", "not_utf8", "the id is not UTF-8"),
    ]


@pytest.mark.parametrize("level", [pytest.param("document", marks=pytest.mark.slow), "token"])
def test_columns_to_keep_may_have_any_name_and_type(embed: Embed, tmp_path: Path, level: str) -> None:
    names = ["a.b", "tick`s", "_reason", "_detail", "detail", "_kept_0", "x y"]
    columns: dict[str, Any] = {name: [name] for name in names} | {
        "map": pa.array([[("k", 1)]], pa.map_("string", "int32"))
    }
    pq.write_table(pa.table({"id": ["a"], "text": ["one"]} | columns), tmp_path / "in.parquet")
    assert embed(tmp_path / "in.parquet", level=level, keep_columns=(*names, "map"))["rows_embedded"] == 1
    (row,) = pq.read_table(tmp_path / "out").to_pylist()
    assert list(row)[-8:] == [*names, "map"]
    assert [row[name] for name in names] == names
    assert row["map"] == [("k", 1)]


@pytest.mark.slow
def test_which_of_equal_texts_stays_is_no_matter_of_order(embed: Embed, tmp_path: Path) -> None:
    kept = [[("k", i)] for i in range(8)]
    for turn in (1, -1):
        table = pa.table(
            {"id": ["a"] * 8, "text": ["one"] * 8, "m": pa.array(kept[::turn], pa.map_("string", "int32"))}
        )
        pq.write_table(table, tmp_path / f"in{turn}.parquet")
        report = embed(tmp_path / f"in{turn}.parquet", keep_columns=("m",), output=str(tmp_path / f"out{turn}"))
        assert report["rejected_by_reason"] == {"duplicate_id": 7}
    first, second = (pq.read_table(tmp_path / f"out{turn}")["m"].to_pylist() for turn in (1, -1))
    assert first == second


@pytest.mark.parametrize("other", ["id,lang,text\n", "id,text,lang,more\n"])
def test_csv_files_with_other_columns_are_refused(embed: Embed, tmp_path: Path, other: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id,text,lang\na,one two three,en\n")
    (tmp_path / "in" / "b.csv").write_text(other)
    with pytest.raises(UserError, match=r"b\.csv.*CSV header.*expected files of one format") as error:
        embed(tmp_path / "in", keep_columns=("lang",))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_long_column_repeated_with_every_token_comes_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    document = EmbeddedDocument(np.ones((90, 2), np.float32), TokenizedDocument([["x"] * 90]))
    rejected = EmbeddedDocument(np.empty((0, 2), np.float32), TokenizedDocument([]), "blank_text", "why")
    small = EmbeddedDocument(np.full((2, 2), 3, np.float32), TokenizedDocument([["y", "z"]]))
    long = "x" * 30_000_000  # 90 times this is more than one array of strings can hold
    carried = pa.RecordBatch.from_pydict({"id": [1, 2, 3], "_kept_0": [long, "b", "c"]})
    layout = Layout(("elmo",), (2,), ("mean",), "token")
    names = ["id", "_kept_0", *(field.name for field in row_fields("token")), REASON, DETAIL]
    ids, tokens, vectors, reasons = [], [], [], []
    for part in rows_of(carried, [document, rejected, small], layout, names):
        assert part.nbytes <= records_module._BATCH_BYTES + 1000
        ids += part["id"].to_pylist()
        tokens += part["token"].to_pylist()
        vectors += part["embedding"].to_pylist()
        reasons += part[REASON].to_pylist()
    assert ids == [1] * 90 + [2, 3, 3]
    assert tokens == ["x"] * 90 + [None, "y", "z"]
    assert vectors == [[1, 1]] * 90 + [None, [3, 3], [3, 3]]
    assert reasons == [None] * 90 + ["blank_text", None, None]
