"""Documents that break programs, all in one job: rows or rejects, and their neighbours' vectors are as without them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.make_models import random_model
from tests.model_files import write_folder

MODEL = random_model(11)
SENTENCES = [" ".join(f"w{(7 * i + 3 * j) % 61}" for j in range(9)) + "." for i in range(25)]

POISON = {
    "5 MB without a space": "a" * 5_000_000,
    "Han without a space": "水" * 20_000,
    "100,000 tokens": " ".join(SENTENCES * 400),
    "20,000 tokens without a sentence": "word " * 20_000,
    "only emoji": "👩‍👩‍👧‍👦🇩🇪😀🏳️‍🌈" * 300,
    "NUL bytes": "a\0b \0 c\0\0",
    "only NUL bytes": "\0" * 1000,
    "lone surrogates": "a\ud800b \udfff \udc00\ud800 c",
    "only surrogates": "\ud800" * 100,
    "right to left": "\u202eabc\u202c שָׁלוֹם עֲלֵיכֶם \u200fمَرْحَبًا\u200e بِكُمْ. \u2067x\u2069",
    "combining marks": "a" + "\u0301\u0327\u20dd" * 5000 + " Z̸̢̛͖a̶̧͔l̵g̷o.",
    "only combining marks": "\u0301" * 3000,
    "10,000 letters": "x" * 10_000,
    "10,000 dots": "." * 10_000,
    "10,000 exclamation marks": "!" * 10_000,
    "10,000 apostrophes": "'" * 10_000,
    "10,000 hyphens": "-" * 10_000,
    "10,000 spaces": " " * 10_000,
    "10,000 line ends": "\n" * 10_000,
    "10,000 non-breaking spaces": "\u00a0" * 10_000,
    "10,000 joiners": "\u200d" * 10_000,
    "initials": "A. " * 3000,
    "an escape": "\x1b[2J\x07 <script>alert(1)</script> '; DROP TABLE t; -- $(rm -rf .) %s%n {0}",
    "private and unassigned": "\ue000\uffff\U0010ffff\U000e0001 \ufeff",
}
GOOD = {f"good {i}": f"A good document, number {i}. It has two sentences." for i in range(40)}
BLANK = {"10,000 spaces", "10,000 line ends", "10,000 non-breaking spaces", "10,000 joiners"}
HALVES = {"lone surrogates", "only surrogates"}


@cache
def layer(sentence: tuple[str, ...]) -> np.ndarray:
    """Sum over the tokens of a sentence, by the reference: (D,)."""
    return np.asarray(numpy_elmo.layers(MODEL, list(sentence))["elmo"].sum(axis=0))


def reference(text: str) -> np.ndarray:
    sentences = Tokenizer()(text).sentences
    return np.asarray(sum(layer(tuple(sentence)) for sentence in sentences) / sum(map(len, sentences)))


@pytest.mark.slow
def test_poison_documents(spark: SparkSession, tmp_path: Path) -> None:
    documents = POISON | GOOD
    lines = [json.dumps({"id": name, "text": text}) + "\n" for name, text in documents.items()]
    (tmp_path / "in.jsonl").write_text("".join(lines), "utf-8")
    model = write_folder(MODEL, tmp_path / "elmo")
    options = EmbedOptions(
        input=str(tmp_path / "in.jsonl"), output=str(tmp_path / "out"), model=str(model), partitions=2
    )
    report = embed_corpus(spark, options)
    rows = {row["id"]: row for row in pq.read_table(tmp_path / "out").to_pylist()}
    rejects = {row["id"]: row["reason"] for row in pq.read_table(tmp_path / "out-rejects").to_pylist()}
    assert report["rows_in"] == len(documents) == len(rows) + len(rejects)
    assert rows.keys() | rejects.keys() == documents.keys()
    assert {name for name, reason in rejects.items() if reason == "malformed_record"} == HALVES, rejects
    assert rejects.keys() >= BLANK and set(rejects.values()) == {"blank_text", "malformed_record"}, rejects
    assert {name for name in rejects if Tokenizer()(documents[name]).sentences} == HALVES
    assert rows["100,000 tokens"]["n_tokens"] == 100_000
    for name, row in rows.items():
        np.testing.assert_allclose(row["embedding"], reference(documents[name]), atol=1e-5, err_msg=name)
