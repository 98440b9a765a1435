"""Which files an input holds, and what becomes of those that Spark would lose or misread."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from elmo_udf.options import InputOptions
from elmo_udf.spark.inputs.documents import kept_columns, read_documents
from tests.refusals import refused

ROWS = {"a": "one", "b": "two"}


def lines(rows: dict[str, str] = ROWS) -> bytes:
    return b"".join(json.dumps({"id": id, "text": text}).encode() + b"\n" for id, text in rows.items())


def compressed(codec: str, content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(spark: SparkSession, *paths: Path | str, **options: object) -> dict[object, object]:
    values = {"input": tuple(map(str, paths))} | options
    return {row.id: row._text for row in read_documents(spark, InputOptions(**values)).collect()}  # type: ignore[arg-type]


SNAPPY_FRAME = b"\xff\x06\x00\x00sNaPpY\x01\x09\x00\x00\x00\x00\x00\x00hello"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("b.jsonl.lz4", compressed("lz4", lines()), ("an LZ4 frame", "framing of its own")),
        ("b.jsonl.snappy", SNAPPY_FRAME, ("a Snappy frame", "framing of its own")),
        ("b.jsonl.gz", lines(), ("is not compressed with gzip", "rename")),
        ("b.jsonl.zst", gzip.compress(lines(), mtime=0), ("is not compressed with Zstandard", "found gzip")),
        ("b.jsonl", gzip.compress(lines(), mtime=0), ("is gzip", "ends in .gz")),
        ("b.jsonl.GZ", gzip.compress(lines(), mtime=0), ("is gzip", "ends in .gz")),
        ("b.jsonl", b"\xfd7zXZ\x00\x00\x04", ("is xz", "compress it with gzip")),
        ("b.jsonl", b"PK\x03\x04\x14\x00", ("is a ZIP archive",)),
        ("b.jsonl", b"PAR1\x15\x04", ("is Parquet", "--input-format parquet")),
    ],
)
def test_compression_that_spark_does_not_read(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]
) -> None:
    write(tmp_path, "a.jsonl", lines())
    write(tmp_path, name, content)
    with refused(f"{tmp_path}/{name}", *words):
        read(spark, tmp_path)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("gz", gzip.compress(lines({"a": "one"}), mtime=0) + gzip.compress(lines({"b": "two"}), mtime=0)),
        ("bz2", compressed("bz2", lines({"a": "one"})) + compressed("bz2", lines({"b": "two"}))),
        ("zst", compressed("zstd", lines({"a": "one"})) + compressed("zstd", lines({"b": "two"}))),
        ("gz", gzip.compress(lines(), mtime=0)),
    ],
)
def test_all_members_of_a_compressed_file_are_read(
    spark: SparkSession, tmp_path: Path, suffix: str, content: bytes
) -> None:
    write(tmp_path, f"a.jsonl.{suffix}", content)
    assert read(spark, tmp_path) == ROWS


@pytest.mark.parametrize("codec", ["lz4", "snappy", "deflate", "gzip", "bzip2"])
def test_what_spark_writes_compressed_is_read(spark: SparkSession, tmp_path: Path, codec: str) -> None:
    table = spark.createDataFrame(list(ROWS.items()), "id string, text string")
    table.write.option("compression", codec).json(f"{tmp_path}/in")
    assert read(spark, tmp_path / "in") == ROWS


@pytest.mark.parametrize("pattern", ["", "/*.jsonl", "/{a,b}.jsonl", "/b.jsonl"])
def test_a_link_to_nothing_is_refused(spark: SparkSession, tmp_path: Path, pattern: str) -> None:
    write(tmp_path, "in/a.jsonl", lines())
    (tmp_path / "in" / "b.jsonl").symlink_to(tmp_path / "gone.jsonl")
    with refused("in", "does not exist" if pattern == "/b.jsonl" else "b.jsonl', a link to a file that is not there"):
        read(spark, f"{tmp_path}/in{pattern}")


def test_links_are_followed_and_broken_ones_that_no_pattern_names_do_no_harm(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path, "real/a.jsonl", lines())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").symlink_to(tmp_path / "real" / "a.jsonl")
    (tmp_path / "in" / "old.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "in" / "_hidden").symlink_to(tmp_path / "gone.csv")
    assert read(spark, f"{tmp_path}/in/*.jsonl") == ROWS
    (tmp_path / "in" / "old.csv").unlink()
    assert read(spark, tmp_path / "in") == ROWS


@pytest.mark.parametrize("below", ["more/b.jsonl", "day=1/b.jsonl", "more/deep/b.jsonl"])
def test_files_that_spark_would_leave_out_are_refused(spark: SparkSession, tmp_path: Path, below: str) -> None:
    write(tmp_path, "in/a.jsonl", lines())
    write(tmp_path, f"in/{below}", lines())
    with refused("which Spark would not read", "a.jsonl" if "=" in below else below):
        read(spark, tmp_path / "in")


def test_folders_of_different_columns_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "in/day=1/hour=1/a.jsonl", lines())
    write(tmp_path, "in/day=2/a.jsonl", lines())
    with refused("folders named column=value whose columns differ"):
        read(spark, tmp_path / "in")


def test_several_inputs_are_one(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "x/a.csv", b"id,text\na,one\n")
    write(tmp_path, "y.csv", b"id,text\nb,two\n")
    assert read(spark, tmp_path / "x", tmp_path / "y.csv") == ROWS
    write(tmp_path, "one.txt", b"one\n")
    write(tmp_path, "two.txt", b"two\n")
    found = read(spark, tmp_path / "one.txt", tmp_path / "two.txt")
    assert found == {f"{tmp_path}/one.txt:1": "one", f"{tmp_path}/two.txt:1": "two"}


def test_several_inputs_that_hold_the_same_file_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "in/a.csv", b"id,text\na,one\n")
    with refused("both hold 'a.csv', whose rows would be read twice"):
        read(spark, tmp_path / "in", f"{tmp_path}/in/*.csv")


def test_several_inputs_of_several_formats_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", b"id,text\na,one\n")
    write(tmp_path, "a.jsonl", lines())
    with refused("files of several formats: csv, json"):
        read(spark, tmp_path / "a.csv", tmp_path / "a.jsonl")


PARTITIONED = {
    "csv": b"id,text\na,one\nb,two\n",
    "tsv": b"id\ttext\na\tone\nb\ttwo\n",
    "jsonl": lines(),
    "txt": b"one\ntwo\n",
}


@pytest.mark.parametrize("suffix", PARTITIONED)
def test_folders_that_are_values_of_columns(spark: SparkSession, tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"in/year=2026/month=01/part.{suffix}", PARTITIONED[suffix])
    write(tmp_path, f"in/year=2026/month=02/_hidden.{suffix}", b"junk")
    options = InputOptions(input=str(tmp_path / "in"))
    table = read_documents(spark, options, {"year": "--keep-columns", "month": "--keep-columns"})
    found = {row._text: [row[name] for name in kept_columns(table)] for row in table.collect()}
    assert found == {"one": [2026, 1], "two": [2026, 1]}


@pytest.mark.parametrize("suffix", PARTITIONED)
def test_malformed_rows_below_folders_that_are_values(spark: SparkSession, tmp_path: Path, suffix: str) -> None:
    broken = {"csv": b"c\n", "tsv": b"c\n", "jsonl": b'{"id": "c"\n', "txt": b""}[suffix]
    write(tmp_path, f"in/year=2026/part.{suffix}", PARTITIONED[suffix] + broken)
    rows = read_documents(spark, InputOptions(input=str(tmp_path / "in"))).collect()
    assert [row._malformed for row in rows if row._malformed] == ([broken.decode().strip()] if broken else [])
    assert {row._text for row in rows if not row._malformed} == {"one", "two"}


def test_text_in_folders_named_as_its_own_columns_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "in/id=5/a.txt", b"one\n")
    with refused("folders named id=..."):
        read(spark, tmp_path / "in")


def test_tab_separated_values_by_name_of_the_format(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path, "d.txt", PARTITIONED["tsv"])
    assert read(spark, path, input_format="tsv") == ROWS
    with refused("['id', 'text'], separated by tabs", "--input-format tsv"):
        read(spark, path)
    with refused("found ['id\\ttext']", "--input-format tsv"):
        read(spark, path, input_format="csv")
    assert len(read(spark, path, input_format="text")) == 3


def test_columns_of_text_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    with refused("--text-column is 'body'", "is text, which has no columns"):
        read(spark, write(tmp_path, "d.txt", b"one\n"), text_column="body")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("suffix", PARTITIONED)
def test_other_unicode_encodings_are_named(spark: SparkSession, tmp_path: Path, suffix: str, encoding: str) -> None:
    path = write(tmp_path, f"d.{suffix}", PARTITIONED[suffix].decode().encode(encoding))
    with refused(str(path), "expected UTF-8; convert it", "iconv -f UTF-"):
        read(spark, path)


def test_utf_16_of_another_script_and_in_gzip(spark: SparkSession, tmp_path: Path) -> None:
    text = "\ufeffid,text\n1,人人生而自由，在尊严和权利上一律平等。\n".encode("utf-16-le")
    with refused("is in UTF-16LE"):
        read(spark, write(tmp_path, "d.csv.gz", gzip.compress(text)))


@pytest.mark.parametrize("suffix", PARTITIONED)
def test_the_byte_order_mark_of_utf_8_is_no_part_of_the_text(spark: SparkSession, tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, f"d.{suffix}", b"\xef\xbb\xbf" + PARTITIONED[suffix])
    assert set(read(spark, path).values()) == {"one", "two"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps([{"id": "a", "text": "one"}], indent=2), "a JSON array over several lines"),
        (json.dumps({"id": "a", "text": "one"}, indent=2), "a JSON object over several lines"),
        ('{"id": "a",\n "text": "one"}\n', "a JSON object over several lines"),
        ('[{"id": "a", "text": "one"},\n{"id": "b", "text": "two"}]\n', "a JSON array over several lines"),
        ('\ufeff[\n{"id": "a", "text": "one"}]', "a JSON array over several lines"),
    ],
)
def test_json_over_several_lines_is_named(spark: SparkSession, tmp_path: Path, content: str, words: str) -> None:
    with refused(words, "expected JSON lines", "jq -c"):
        read(spark, write(tmp_path, "d.json", content.encode()))


def test_a_broken_first_line_of_json_is_one_malformed_record(spark: SparkSession, tmp_path: Path) -> None:
    found = read(spark, write(tmp_path, "d.json", b'{"id": "x", "te\n' + lines()))
    assert found == ROWS | {None: None}


@pytest.mark.parametrize("path", ["a:b", "file:rel", "kaggle:x", ":", "nope://x/y.csv", "hdfs://no-such-host/x", "//x"])
def test_addresses_that_hadoop_does_not_take(spark: SparkSession, tmp_path: Path, path: str) -> None:
    with refused(f"input {path!r} can't be reached"):
        read(spark, path)


def test_names_with_a_colon(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "in/a:b.jsonl", lines())
    for path in (f"{tmp_path}/in", f"{tmp_path}/in/a:b.jsonl"):
        with refused("'a:b.jsonl', which Hadoop can't read", "rename it"):
            read(spark, path)
    with refused("a:b.jsonl (a name with a colon)"):
        read(spark, f"{tmp_path}/in/*.jsonl")
    write(tmp_path, "in:of/a.jsonl", lines())
    assert read(spark, tmp_path / "in:of") == ROWS


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "input is empty"),
        ("in/[x].jsonl", "does not exist; check the path; put a backslash"),
        ("in/[x", "can't be reached: java.io.IOException: Illegal file pattern"),
        ("in/_a.jsonl", "holds no files"),
        ("empty", "holds no files; found ['_a.jsonl'], but readers skip names that begin with _ or ."),
    ],
)
def test_paths_of_nothing(spark: SparkSession, tmp_path: Path, path: str, words: str) -> None:
    write(tmp_path, "in/[x].jsonl", lines())
    write(tmp_path, "in/_a.jsonl", lines())
    write(tmp_path, "empty/_a.jsonl", lines())
    with refused(words):
        read(spark, f"{tmp_path}/{path}" if path else "")
    assert read(spark, f"{tmp_path}/in/\\[x\\].jsonl") == ROWS


@pytest.mark.parametrize("command", ["lz4", "zstd", "xz", "bzip2"])
def test_files_of_the_usual_commands(spark: SparkSession, tmp_path: Path, command: str) -> None:
    if shutil.which(command) is None:
        pytest.skip(f"there is no {command} on this machine")
    suffix = {"zstd": "zst", "bzip2": "bz2"}.get(command, command)
    with (made := tmp_path / f"d.jsonl.{suffix}").open("wb") as file:
        subprocess.run([command, "-c"], check=True, input=lines(), stdout=file)
    if command in ("zstd", "bzip2"):
        assert read(spark, made) == ROWS
    else:
        with refused(made.name):
            read(spark, made, input_format="json")


def test_a_file_that_can_not_be_read(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path, "d.jsonl", lines())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read all files")
    with refused(str(path), "can't be read: Permission denied"):
        read(spark, path)
