"""Nasty files through Spark, many a job: every line is a row or a reject, every refusal one line."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.cli import run_job
from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.fuzzing import CASES, FACTOR, SEED, damaged_by
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
FILES = {"text": 80, "csv": 60, "json": 60}
GOOD = "A good document, number {}."
PIECES = (
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe9", b"\x00", b"\x1b[2J",
    b"\x85", b"\xa0",
    b"\xe2\x80\xa8", b"\x0b", b"\x0c", b"\x1a", b"\xef\xbf\xbd", b"\xf0\x9f\x98\x80", b"word ", b"a,b", b"\t", b"'",
    b"\\",
    b"{", b"}", b"[", b"]", b":", b"null", b"#", b"--", b"x" * 3000, b"\xcc\x81" * 50, b"=cmd|' /C calc'!A0",
    b"$(touch evil)",
    b"../../evil", b"%2e%2e", b" ", b"\r", b'"', b'""',
)  # fmt: skip


def nasty(draw: random.Random, without: bytes = b"") -> bytes:
    """Bytes of any kind, but for those of ``without``."""
    pieces = [*draw.choices(PIECES, k=draw.randrange(8)), draw.randbytes(draw.randrange(12))]
    draw.shuffle(pieces)
    return b"".join(pieces).translate(None, without)


class Folder:
    """A folder of nasty files, each with one good document, and the job on it."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        (folder / "in").mkdir(parents=True)

    def write(self, name: str, lines: list[bytes], end: bytes = b"\n") -> None:
        (self.folder / "in" / name).write_bytes(end.join(lines) + end)

    def embed(self, *more: str) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
        """Rows by id, rejects and the report."""
        out, report = self.folder / "out", self.folder / "report.json"
        arguments = ["--input", str(self.folder / "in"), "--output", str(out), "--model", str(self.model)]
        arguments += ["--partitions", "2", "--report", str(report), *more]
        code = run_job(embed_corpus, EmbedOptions, "", arguments)
        said = json.loads(report.read_text())
        assert code == 0, said
        rows, rejects = pq.read_table(out).to_pylist(), pq.read_table(f"{out}-rejects").to_pylist()
        assert said["rows_in"] == len(rows) + len(rejects) == said["rows_embedded"] + said["rows_rejected"]
        assert {row["reason"] for row in rejects} <= REASONS and all(row["detail"] for row in rejects)
        by_id = {row["id"]: row for row in rows}
        assert len(by_id) == len(rows)
        assert sorted(path.name for path in self.folder.iterdir()) == ["in", "out", "out-rejects", "report.json"]
        return by_id, rejects, said


REASONS = {"null_id", "null_text", "blank_text", "duplicate_id", "malformed_record", "not_utf8"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(MODEL, tmp_path_factory.mktemp("model") / "elmo")


def is_right(row: dict[str, Any], text: str) -> None:
    layers = [numpy_elmo.layers(MODEL, sentence)["elmo"] for sentence in Tokenizer()(text).sentences]
    np.testing.assert_allclose(row["embedding"], np.concatenate(layers).mean(axis=0), atol=1e-5)
    assert row["content_hash"] == hashlib.sha256(text.encode()).hexdigest()


def numbers(kind: str) -> list[tuple[int, random.Random]]:
    return [(i, random.Random(f"{kind} {SEED} {i}")) for i in range(math.ceil(FILES[kind] * max(FACTOR, 0.25)))]


@pytest.mark.slow
def test_any_text(spark: SparkSession, tmp_path: Path, model: Path) -> None:
    work = Folder(tmp_path / "work", model)
    expected: dict[str, bytes] = {}
    for i, draw in numbers("text"):
        lines = [nasty(draw) for _ in range(draw.randrange(6))] + [GOOD.format(i).encode()]
        work.write(f"{i}.txt", lines)
        content = re.split(rb"\r\n|\n|\r", b"\n".join(lines))
        expected |= {f"{tmp_path}/work/in/{i}.txt:{n}": line for n, line in enumerate(content, 1)}
    rows, rejects, said = work.embed()
    assert said["rows_in"] == len(expected) > 3 * len(numbers("text"))
    for row in rejects:
        line = expected[row["id"]]
        assert row["reason"] == ("blank_text" if is_utf8(line) else "not_utf8"), line
    for identifier, row in rows.items():
        assert row["content_hash"] == hashlib.sha256(expected[identifier]).hexdigest()
        assert is_utf8(expected[identifier])
    good = {text.decode(): identifier for identifier, text in expected.items() if text.startswith(b"A good")}
    for text, identifier in good.items():
        is_right(rows[identifier], text)


def is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_any_csv(spark: SparkSession, tmp_path: Path, model: Path) -> None:
    work = Folder(tmp_path / "work", model)
    bad, n_long = set(), 0
    for i, draw in numbers("csv"):
        lines = [b"id,text", f'good{i},"{GOOD.format(i)}"'.encode()]
        for j in range(draw.randrange(6)):
            quote = draw.choice([b"", b'"'])
            text = quote + b"x" + nasty(draw, b'"\r\n' + (b"" if quote else b",")) + quote
            lines.append(f"n{i}-{j},".encode() + text)
            bad |= set() if is_utf8(text) else {f"n{i}-{j}"}
        for _ in range(draw.randrange(2)):
            lines.append(f"long{i},a,b,c".encode())
            n_long += 1
        lines += [nasty(draw) for _ in range(draw.randrange(2))]  # at the end: it may hold a quote that is not closed
        work.write(f"{i}.csv", lines, draw.choice([b"\n", b"\r\n"]))
    rows, rejects, _ = work.embed()
    for i, _ in numbers("csv"):
        is_right(rows[f"good{i}"], GOOD.format(i))
    found = {row["id"] for row in rejects if row["reason"] == "not_utf8"}
    assert bad and bad <= found, "what is in another encoding is rejected"
    assert not bad & set(rows)
    assert sum(row["reason"] == "malformed_record" for row in rejects) >= n_long > 0


LENIENT = rb"\xed\xa0\x80|\xc0\x80|\xf4\x90\x80\x80"
"""What UTF-8 forbids, and Spark's reader of JSON takes for characters."""


@pytest.mark.slow
def test_any_json(spark: SparkSession, tmp_path: Path, model: Path) -> None:
    work = Folder(tmp_path / "work", model)
    n_lines, bad = 0, set()
    for i, draw in numbers("json"):
        lines = [json.dumps({"id": f"good{i}", "text": GOOD.format(i)}).encode()]
        for j in range(draw.randrange(6)):
            text = b"x" + nasty(draw, b'"\\\r\n' + bytes(range(32)))
            lines.append(f'{{"id": "n{i}-{j}", "text": "'.encode() + text + b'"}')
            bad |= set() if is_utf8(re.sub(LENIENT, b"", text)) else {f"n{i}-{j}"}
        whole = json.dumps({"id": f"odd{i}", "text": "an odd one \ud83d\ude00"}).encode()
        lines += [b"x" + damaged_by(draw, whole).translate(None, b"\r\n") for _ in range(draw.randrange(4))]
        lines.append(
            draw.choice([b"1", b'"a"', b'{"id": {"a": 1}}', b'{"text": 7}', b"[" * 3000, b'{"a":' * 3000, b"{}"])
        )
        n_lines += len(lines)
        work.write(f"{i}.jsonl", lines)
    rows, rejects, said = work.embed()
    assert said["rows_in"] == n_lines
    for i, _ in numbers("json"):
        is_right(rows[f"good{i}"], GOOD.format(i))
    assert bad and not bad & set(rows)
    assert sum(row["reason"] == "malformed_record" for row in rejects) >= len(bad)


REFUSED = {
    "no-columns.csv": b"\n\n", "empty.csv": b"", "one.csv": b"id\n1\n", "noise.csv": random.Random(1).randbytes(2000),
    "many.csv": b"id,text," + b",".join(b"c%d" % i for i in range(30_000)) + b"\n1,a\n",
    "same.json": b'{"id":1,"ID":2,"text":"a"}\n',
    "noise.json": random.Random(2).randbytes(2000), "array.json": b"[1, 2]\n",
    "struct.json": b'{"id":{"a":1},"text":"a"}\n',
    "number.json": b'{"id":1,"text":2}\n', "noise.parquet": random.Random(3).randbytes(2000),
    "magic.parquet": b"PAR1" * 30,
    "empty.parquet": b"", "noise.txt.gz": random.Random(4).randbytes(2000), "noise.txt.bz2": b"BZh9" + b"x" * 100,
    "ours.json": b'{"id":1,"text":"a","_malformed":"b"}\n', "utf16.csv": "id,text\n1,a\n".encode("utf-16"),
    "nul.json": b"\0" * 500,
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_no_table(
    name: str, spark: SparkSession, tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(REFUSED[name])
    one_line(tmp_path, name, model, capfd)


@pytest.mark.parametrize("number", [0, 3, *(pytest.param(i, marks=pytest.mark.slow) for i in (1, 2, 4, 5))])
def test_any_parquet(
    number: int, spark: SparkSession, tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = [GOOD.format(i) for i in range(100)]
    pq.write_table(pa.table({"id": list(map(str, range(100))), "text": texts}), tmp_path / "whole.parquet")
    content = damaged_by(random.Random(f"{SEED} {number}"), (tmp_path / "whole.parquet").read_bytes())
    (tmp_path / "any.parquet").write_bytes(content)
    one_line(tmp_path, "any.parquet", model, capfd)


def one_line(folder: Path, name: str, model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Embedding the file is refused in one line, or gives a whole table."""
    before = sorted(folder.iterdir())
    arguments = ["--input", str(folder / name), "--output", str(folder / "out"), "--model", str(model)]
    code = run_job(embed_corpus, EmbedOptions, "", [*arguments, "--partitions", "1", "--log-level", "ERROR"])
    said = capfd.readouterr().err
    if code == 0:
        n_rows = pq.read_table(folder / "out").num_rows + pq.read_table(folder / "out-rejects").num_rows
        assert n_rows > 0
        return
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(lines) == 1 and len(lines[0]) > 30, said[-3000:]
    assert "Traceback" not in said
    assert sorted(folder.iterdir()) == before


def test_there_are_ten_thousand_cases_and_two_hundred_files() -> None:
    assert sum(FILES.values()) >= 200
    assert sum(CASES.values()) >= 10_000
