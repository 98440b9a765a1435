"""Any TOML, any flags: options, or one line."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from toml_template import template

from elmo_udf.cli import run_job
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.flags import parse, read_toml
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.queries.options import QueryOptions
from elmo_udf.training.options import TrainOptions
from tests.fuzzing import CASES, FACTOR, damaged, done_or_one_line, run_cases

JOBS = (EmbedOptions, SimilarityOptions, QueryOptions, TrainOptions)
NAMES = sorted({field.name for job in JOBS for field in dataclasses.fields(job)})
NEEDED = {"input": "a", "output": "b", "embeddings": "c", "text": "d", "kind": "topk"}
NEEDED_BY = {job: {n: v for n, v in NEEDED.items() if n in job.__dataclass_fields__} for job in JOBS}

any_text = st.text(st.characters(), max_size=20) | st.sampled_from(["\0", "\x1b[2J", "a\u2028b", "x" * 5000, "\ud800"])
any_number = st.integers() | st.floats() | st.sampled_from([0, -1, 2**31, 2**63, 10**30, math.inf, math.nan])
any_value = st.recursive(
    st.booleans() | any_number | any_text | st.sampled_from(["mean", "token", "1979-05-27", "elmo"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=5,
)
NESTED = b"[" * 1500
ODD = (
    b"a = " + NESTED, b"a = " + b"{a=" * 1500, b"partitions = " + b"9" * 5000, b"\xef\xbb\xbfinput = 'a'", b"[[input]]",
    b"partitions = 0x" + b"f" * 5000, b"max_sentence_tokens = 1e400", b"input.a.b = 1", b"\0",
    b"[" + b"a." * 1500 + b"a]", b"keep_columns = " + b"['a'," * 1500, b"'a\\u0000' = 1", b"partitions = 1979-05-27",
)  # fmt: skip


def toml(value: Any) -> str:
    """A value as TOML; tables in line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value)


def document(values: dict[str, Any]) -> bytes:
    return "\n".join(f"{json.dumps(name)} = {toml(value)}" for name, value in values.items()).encode(errors="replace")


def options_are_sound(options: Any) -> None:
    """What Spark can't be given is in none of them: strings that are no text, numbers that are no int of Java's."""
    for value in vars(options).values():
        for text in value if isinstance(value, tuple) else (value,):
            assert not isinstance(text, str) or "\0" not in text
            assert not isinstance(text, str) or text.encode("utf-8") is not None
        assert not isinstance(value, int) or abs(value) < 2**63
        assert not isinstance(value, float) or not math.isnan(value)


def test_any_config_file(tmp_path: Path) -> None:
    path = tmp_path / "any.toml"
    accepted = 0

    def check(job: type, content: bytes) -> None:
        nonlocal accepted
        path.write_bytes(content)
        if (options := done_or_one_line(lambda: job(**(NEEDED_BY[job] | read_toml(job, str(path)))))) is not None:
            options_are_sound(options)
            accepted += 1

    whole = document(NEEDED | {"layer": "elmo", "keep_columns": ["a", "b"], "threshold": 0.5, "k": 3, "dry_run": True})
    values = st.dictionaries(st.sampled_from(NAMES), any_value, max_size=3)
    contents = [
        damaged(whole),
        damaged(template(EmbedOptions, "A title", NEEDED).encode()),
        values.map(document),
        st.dictionaries(any_text, any_value, max_size=2).map(document),
        st.sampled_from([*ODD, b"input = '''a\nb'''"]),
    ]
    run_cases("config", check, job=st.sampled_from(JOBS), content=st.one_of(contents))
    assert 10 * FACTOR < accepted < CASES["config"] * FACTOR, "some files must be right, and some wrong"


def test_any_flags() -> None:
    flags = st.sampled_from(["--" + name.replace("_", "-") for name in NAMES] + ["--", "-h=", "--config", "topk", "-1"])
    values = st.sampled_from(["1", "-1", "9" * 30, "9" * 5000, "nan", "1e400", "\udcff", "", "a\nb", "١"]) | any_text

    def check(job: type, flags: list[str]) -> None:
        needed = ["topk" if name == "kind" else f"--{name}={value}" for name, value in NEEDED_BY[job].items()]
        arguments = [*needed, *flags]
        if (options := done_or_one_line(lambda: parse(job, arguments))) is not None:
            options_are_sound(options)

    pairs = st.tuples(flags, values).map("=".join) | flags | values.filter(lambda text: text[:2] not in ("-h", "--"))
    run_cases("flags", check, job=st.sampled_from(JOBS), flags=st.lists(pairs, max_size=3))


@pytest.mark.parametrize("content", ODD)
def test_a_config_that_is_none_is_exit_code_2(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_bytes(content)
    arguments = ["--config", str(tmp_path / "a.toml"), "--input", str(tmp_path / "nowhere"), "--output", "x"]
    assert run_job(lambda spark, options: 1 / 0, EmbedOptions, "", arguments) == 2  # type: ignore[arg-type,return-value]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: config file") and captured.err.count("\n") == 1
