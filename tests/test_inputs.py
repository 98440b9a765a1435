"""Documents from every format, through a real Spark."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from elmo_udf.embedding.carried import check_carried, flags_of
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.documents import read_documents
from elmo_udf.spark.inputs.formats import guess_format
from tests.refusals import refused


def documents(spark: SparkSession, path: Path | str, **values: object) -> DataFrame:
    """As the job reads them."""
    options = EmbedOptions(**{"input": str(path), "output": "unused"} | values)  # type: ignore[arg-type]
    table = read_documents(spark, options, flags_of(options))
    check_carried(table, options)
    return table


def read(spark: SparkSession, path: Path | str, **options: object) -> list[tuple[object, ...]]:
    table = documents(spark, path, **options)
    return [tuple(row) for row in table.drop("_malformed").orderBy("id").collect()]


def test_csv_with_quotes_and_line_breaks_keeps_ids_as_strings(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('n,id,text\n1,007,"He said ""no"",\nand left"\n2,8,plain \\ text\n3,9,\n')
    assert read(spark, path) == [("007", 'He said "no",\nand left'), ("8", "plain \\ text"), ("9", None)]


def test_tab_separated(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.tsv"
    path.write_text("id\ttext\na\tone, two\n")
    assert read(spark, path) == [("a", "one, two")]


def test_a_folder_of_tab_separated_files_where_a_quote_is_a_character(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tsv").write_text('id\ttext\na\t"Hello," he said\nb\t"not closed\nc\t3" wide\n')
    assert read(spark, tmp_path / "in") == [("a", '"Hello," he said'), ("b", '"not closed'), ("c", '3" wide')]


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t")])
def test_rows_with_too_few_or_too_many_fields_are_malformed(
    suffix: str, separator: str, spark: SparkSession, tmp_path: Path
) -> None:
    path = tmp_path / f"d.{suffix}"
    rows = ["n id text", "1 a one", "2 b", "3 c one two", "4 d "]
    path.write_text("".join(row.replace(" ", separator) + "\n" for row in rows))
    table = documents(spark, path)
    malformed = sorted(row._malformed for row in table.collect() if row._malformed)
    assert malformed == [row.replace(" ", separator) for row in rows[2:4]]
    assert sorted(row.id for row in table.collect() if not row._malformed) == ["a", "d"]


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_column_with_the_name_of_the_malformed_records_is_refused(
    suffix: str, spark: SparkSession, tmp_path: Path
) -> None:
    path = tmp_path / f"d.{suffix}"
    path.write_text("id,text,_Malformed\na,b,c\n" if suffix == "csv" else '{"id":1,"text":"b","_malformed":"c"}\n')
    with pytest.raises(
        UserError, match=r"has a column '_[Mm]alformed', where records that can't be read are put.*rename"
    ):
        read(spark, path)


def test_json_lines_keep_their_types_and_report_broken_lines(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"id": 7, "text": "a\\nb"}\n{"id": 8, "text": null}\n{"id": 9, "te\n')
    table = documents(spark, path)
    rows = {row.id: row for row in table.collect()}
    assert (rows[7]._text, rows[8]._text) == ("a\nb", None)
    assert rows[None]._malformed == '{"id": 9, "te'
    assert rows[7]._malformed is None


def test_columns_may_be_fields_of_structs(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"doc": {"body": "a", "meta": {"n": 7}}, "doc.body": "the column", "key": {"a.b": "x"}}\n')
    options = {"id_column": "key.a.b", "text_column": "doc.meta.n", "keep_columns": ("doc.body",)}
    with refused("text column 'doc.meta.n' is bigint"):
        read(spark, path, **options)
    assert read(spark, path, **(options | {"text_column": "doc.body", "keep_columns": ("doc.meta.n",)})) == [
        ("x", "the column", 7)
    ]
    with refused("text column 'doc.meta.m' is not in input"):
        read(spark, path, **(options | {"text_column": "doc.meta.m"}))


def test_half_of_a_surrogate_pair_in_json_is_malformed(spark: SparkSession, tmp_path: Path) -> None:
    texts = {
        "high": r"a \ud83d b", "low": r"a \uDE00 b", "swapped": r"\ude00\ud83d", "after a pair": r"\ud83d\ude00\ud83d",
        "pair": r"\ud83d\ude00", "escaped": r"\\ud83d", "asked": "a ? b",
    }  # fmt: skip
    lines = [f'{{"id": "{name}", "text": "{text}"}}' for name, text in texts.items()]
    (tmp_path / "year=2026").mkdir()
    (tmp_path / "year=2026" / "d.jsonl").write_text("\n".join(lines))
    rows = {row.id: row for row in documents(spark, tmp_path, keep_columns=("year",)).collect()}
    assert {name for name, row in rows.items() if row._malformed} == {"high", "low", "swapped", "after a pair"}
    assert (rows["pair"]._text, rows["escaped"]._text, rows["asked"]._text) == ("\U0001f600", r"\ud83d", "a ? b")
    assert "half of a surrogate pair" in rows["high"]._malformed


def test_json_without_a_broken_line(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"id": "a", "text": ["To", "be"]}) + "\n")
    assert read(spark, path) == [("a", ["To", "be"])]


def test_text_is_a_line_a_document_with_file_and_line_as_id(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    lines = [f"line {i}" for i in range(1, 2001)]
    (tmp_path / "in" / "a b+c%20.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "in" / "z.txt.gz").write_bytes(gzip.compress(b"first\nsecond"))
    spark.conf.set("spark.sql.files.maxPartitionBytes", "4096")  # a file is read in several blocks and tasks
    try:
        table = documents(spark, tmp_path / "in")
        assert spark.read.text(str(tmp_path / "in")).rdd.getNumPartitions() > 2
        found = {row.id: row._text for row in table.collect()}
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    name = f"{tmp_path}/in/a b+c%20.txt"
    expected = {f"{name}:{i}": line for i, line in enumerate(lines, 1)}
    assert found == expected | {f"{tmp_path}/in/z.txt.gz:1": "first", f"{tmp_path}/in/z.txt.gz:2": "second"}


def test_a_file_a_document(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("three")
    assert read(spark, f"{tmp_path}/*.txt", whole_files=True) == [
        (f"{tmp_path}/a.txt", "one\ntwo\n"),
        (f"{tmp_path}/b.txt", "three"),
    ]


def test_parquet_with_tokens_and_kept_columns(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    words = [[["a", "b"], ["c"]], None]
    table = pa.table({"key": [1, 2], "words": words, "a.b": ["x", "y"], "text": [3, 4]})
    pq.write_table(table, path)
    found = read(spark, path, id_column="key", text_column="words", keep_columns=("a.b", "text"))
    assert found == [(1, [["a", "b"], ["c"]], "x", 3), (2, None, "y", 4)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["part-0.csv", "_SUCCESS"], "csv"),
        (["a.ndjson.gz"], "json"),
        (["x.txt"], "text"),
        (["part-0.snappy.parquet"], "parquet"),
        (["text"], "parquet"),  # a name, no suffix
    ],
)
def test_the_format_is_told_from_names(spark: SparkSession, tmp_path: Path, names: list[str], expected: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert guess_format(spark, InputOptions(input=str(tmp_path))) == expected


@pytest.mark.parametrize(
    ("folder", "file", "expected"),
    [
        ("text", "part-0.parquet", "parquet"),
        ("json", "part-0", "parquet"),
        ("data.csv", "part-0.parquet", "parquet"),
        ("data.csv", "part-0", "csv"),
    ],
)
def test_the_name_of_the_folder_comes_last(
    spark: SparkSession, tmp_path: Path, folder: str, file: str, expected: str
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / file).touch()
    assert guess_format(spark, InputOptions(input=str(tmp_path / folder))) == expected


def test_a_column_called_malformed_is_only_a_column_of_parquet(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"id": ["a"], "text": ["b"], "_malformed": ["c"]}), path)
    table = documents(spark, path, keep_columns=("_malformed",))
    assert table.collect() == [("a", "b", None, "c")]


@pytest.mark.parametrize("header", [",id,text", "x,id,text,x", "text,id,text2"])
def test_csv_with_odd_headers(spark: SparkSession, tmp_path: Path, header: str) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"{header}\n0,7,one,two\n" if header.count(",") > 2 else f"{header}\n0,7,one\n")
    text = "0" if header.startswith("text") else "one"
    assert read(spark, path) == [("7", text)]


def test_kept_intervals_of_months_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "d.parquet")
    spark.sql("SELECT 'a' id, 'b' text, array(INTERVAL '3' MONTH) age").write.parquet(path)
    with pytest.raises(UserError, match="column to keep 'age' is array<interval month>, and Spark can't bring"):
        read(spark, path, keep_columns=("age",))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input": "nowhere.csv"}, "input 'nowhere.csv' does not exist"),
        ({"input": "nope://x/y.csv"}, "can't be reached"),
        ({"id_column": "key"}, "id column 'key' is not in input"),
        ({"text_column": "body"}, "found ['Model', 'id', 'many', 'n', 'text']; name another with --text-column"),
        ({"keep_columns": ("lang",)}, "column to keep 'lang' is not in input"),
        ({"keep_columns": ("n", "n")}, "the name of another column"),
        ({"keep_columns": ("id",)}, "the name of another column of the embedding table"),
        ({"keep_columns": ("Model",)}, "the name of another column of the embedding table"),
        ({"whole_files": True}, "whose format is json; expected text files"),
        ({"keep_columns": ("_text",)}, "column to keep '_text' is not in input"),
        ({"text_column": "n"}, "text column 'n' is bigint, expected string"),
        ({"id_column": "many"}, "id column 'many' is array<string>, expected a plain type"),
        ({"input_format": "parquet"}, "Could not read footer"),
    ],
)
def test_mistakes_are_one_line(spark: SparkSession, tmp_path: Path, options: dict[str, object], words: str) -> None:
    path = tmp_path / "d.json"
    path.write_text('{"id": "a", "text": "b", "n": 1, "many": ["x"], "Model": 1}\n')
    with pytest.raises(UserError) as error:
        documents(spark, path, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_file_is_called_empty(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(UserError, match="is empty, expected columns and rows"):
        read(spark, tmp_path / "a.csv")


def test_folders_that_are_no_input(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    with pytest.raises(UserError, match=r"holds no files; found the folders \['below'\], which are not read"):
        guess_format(spark, InputOptions(input=str(tmp_path)))
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.jsonl").touch()
    with pytest.raises(UserError, match="contains files of several formats: csv, json; expected one"):
        guess_format(spark, InputOptions(input=str(tmp_path)))


def test_spark_says_nothing_beside_our_line(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.parquet").write_text("no Parquet")
    with pytest.raises(UserError, match="can't be read"):
        read(spark, tmp_path / "a.parquet")
    assert "SparkException" not in capfd.readouterr().err
