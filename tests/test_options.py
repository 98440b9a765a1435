"""Flags, TOML and exit codes derive from the dataclasses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from toml_template import template

from elmo_udf import cli
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.flags import parse, read_toml
from elmo_udf.similarity.options import SimilarityOptions
from elmo_udf.similarity.queries.options import QueryOptions


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    config = tmp_path / "embed.toml"
    config.write_text('input = "a"\noutput = "b"\nlayer = "word_emb"\nkeep_columns = ["x", "y"]\nnormalize = true\n')
    options = parse(EmbedOptions, ["--config", str(config), "--input", "c", "--no-normalize"])
    assert (options.input, options.output, options.layer) == ("c", "b", "word_emb")
    assert (options.keep_columns, options.normalize, options.pooling) == (("x", "y"), False, "mean")
    assert options.rejects_path == "b-rejects"


NEEDED = ["--input", "a", "--output", "b"]


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["--output", "c"], "--output"),
        (["--layer", "word_emb", "--layer", "elmo"], "--layer"),
        (["--partitions", "2", "--partitions=2"], "--partitions"),
        (["--pooling", "mean", "--pooling", "max"], "--pooling"),
        (["--normalize", "--no-normalize"], "--no-normalize"),
        (["--config", "x", "--config", "y"], "--config"),
    ],
)
def test_a_flag_that_is_given_twice_is_refused(arguments: list[str], flag: str) -> None:
    with pytest.raises(UserError, match=f"{flag} is given more than once .option [a-z]+., expected once; leave out"):
        parse(EmbedOptions, [*NEEDED, *arguments])


def test_flags_that_may_be_repeated(tmp_path: Path) -> None:
    options = parse(EmbedOptions, [*NEEDED, "--input", "c,d", "--keep-columns", "x, y", "--keep-columns", "z"])
    assert (options.input, options.paths) == (("a", "c,d"), ("a", "c,d"))
    assert options.keep_columns == ("x", "y", "z")
    assert parse(EmbedOptions, NEEDED).paths == ("a",)
    config = tmp_path / "embed.toml"
    config.write_text('input = ["a", "b"]\noutput = "o"\n')
    assert parse(EmbedOptions, ["--config", str(config)]).paths == ("a", "b")
    assert parse(EmbedOptions, ["--config", str(config), "--input", "c"]).paths == ("c",)
    config.write_text('input = []\noutput = "o"\n')
    with pytest.raises(UserError, match=r"input is \[\], expected a string"):
        parse(EmbedOptions, ["--config", str(config)])


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("a,b", ("a", "b")),
        (" a , b ,", ("a", "b")),
        ('"a,b",c', ("a,b", "c")),
        ('x, "say ""so"" , yes" ,y', ("x", 'say "so" , yes', "y")),
        ('5" wide,b', ('5" wide', "b")),
        ("", ()),
    ],
)
def test_a_part_of_a_list_may_hold_commas_in_quotes(given: str, parts: tuple[str, ...]) -> None:
    assert parse(EmbedOptions, [*NEEDED, "--keep-columns", given]).keep_columns == parts


@pytest.mark.parametrize(
    ("options_class", "arguments", "name"),
    [
        (EmbedOptions, ["--input", "", "--output", "b"], "input"),
        (EmbedOptions, ["--input", "a", "--input", "", "--output", "b"], "input"),
        (EmbedOptions, ["--input", "a", "--output", ""], "output"),
        (EmbedOptions, [*NEEDED, "--rejects", ""], "rejects"),
        (EmbedOptions, [*NEEDED, "--model", ""], "model"),
        (EmbedOptions, [*NEEDED, "--report", ""], "report"),
        (SimilarityOptions, ["topk", "--embeddings", "", "--output", "o"], "embeddings"),
        (SimilarityOptions, ["topk", "--embeddings", "e", "--output", "o", "--against", ""], "against"),
    ],
)
def test_empty_values_are_refused(options_class: Any, arguments: list[str], name: str) -> None:
    with pytest.raises(UserError, match=f"^{name} is empty, expected a value; .*is a variable not set"):
        parse(options_class, arguments)


def test_whole_numbers() -> None:
    needed = ["pairs", "--embeddings", "e", "--output", "o"]
    assert parse(SimilarityOptions, [*needed, "--max-pairs", "5000000000"]).max_pairs == 5_000_000_000
    with pytest.raises(UserError, match="max_pairs is 9223372036854775808, expected 1 to 9,223,372,036,854,775,807"):
        parse(SimilarityOptions, [*needed, "--max-pairs", str(2**63)])
    with pytest.raises(UserError, match="partitions is 3000000000, expected a number between"):
        parse(EmbedOptions, [*NEEDED, "--partitions", "3000000000"])
    incremental = [*NEEDED, "--mode", "incremental", "--commit-every"]
    assert parse(EmbedOptions, [*incremental, "5000000000"]).commit_interval() == (5_000_000_000, None)


def test_positional_and_typed_flags() -> None:
    options = parse(SimilarityOptions, ["pairs", "--embeddings", "e", "--output", "o", "--threshold", "0.5"])
    assert (options.kind, options.threshold, options.k) == ("pairs", 0.5, 10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "missing --input, --output"),
        (["--input", "a", "--output", "b", "--colour", "red"], "unrecognized arguments: --colour red"),
        (["--input", "a", "--output", "b", "--pooling", "sum"], "invalid choice: 'sum'"),
        (["--input", "a", "--output", "b", "--partitions", "many"], "invalid int value: 'many'"),
        (["--input", "a", "--output", "b", "--partitions", "0"], "partitions is 0, expected at least 1"),
        (["--input", "a", "--output", "b/", "--rejects", "b"], "two different paths"),
        (["--config", "none.toml"], "config file 'none.toml' can't be read"),
    ],
)
def test_mistakes_in_flags(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError) as error:
        parse(EmbedOptions, arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layr = 'elmo'", "unknown option 'layr'; did you mean 'layer'?"),
        ("partitions = 'two'", "partitions is 'two', expected a whole number"),
        ("normalize = 1", "normalize is 1, expected true or false"),
        ("pooling = 'sum'", "pooling is 'sum', expected one of mean, max"),
        ("keep_columns = 'a'", "keep_columns is 'a', expected a list of strings"),
        ("input = ", "is not TOML"),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, words: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    with pytest.raises(UserError) as error:
        read_toml(EmbedOptions, str(config))
    assert words in str(error.value)


@pytest.mark.parametrize("options_class", [EmbedOptions, SimilarityOptions, QueryOptions])
def test_the_template_holds_every_option_at_its_default(tmp_path: Path, options_class: type) -> None:
    config = tmp_path / "c.toml"
    config.write_text(template(options_class, "All options"))
    for name, value in read_toml(options_class, str(config)).items():
        assert value == options_class.__dataclass_fields__[name].default, name
    for name in options_class.__dataclass_fields__:
        assert f"\n{name} = " in config.read_text() or f"\n# {name} = " in config.read_text()


def test_query_options_that_need_each_other() -> None:
    for arguments in (["--word", "bank"], ["--level", "token"]):
        with pytest.raises(UserError, match="go together"):
            parse(QueryOptions, ["--embeddings", "e", "--text", "t", *arguments])


@pytest.mark.parametrize(("error", "code", "status"), [(UserError("no"), 2, "refused"), (KeyError("x"), 1, "failed")])
def test_exit_codes_and_the_report_of_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: Exception, code: int, status: str,
) -> None:  # fmt: skip
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "_in_session", fail)
    arguments = ["--input", "a", "--output", "b", "--report", str(tmp_path / "sub" / "r.json")]
    assert cli.run_job(fail, EmbedOptions, "", arguments) == code  # type: ignore[arg-type]
    report = json.loads((tmp_path / "sub" / "r.json").read_text())
    assert report["status"] == status
    stderr = capsys.readouterr().err
    assert ("Traceback" in stderr) == (code == 1)
    if code == 2:
        assert stderr == "error: no\n"


def test_a_mistake_that_only_workers_see_is_one_line_too(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        raise UserError("device is full, expected room; end the others")

    def work(*_: object) -> dict[str, Any]:
        spark.range(2).mapInPandas(refuse, "id long").collect()
        return {}

    monkeypatch.setattr(cli, "_in_session", work)
    assert cli.run_job(work, EmbedOptions, "", ["--input", "a", "--output", "b"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: device is full, expected room; end the others"


def test_the_summary_shows_zero_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    report = {"rows_rejected": 0, "rows_in": 1234, "note": "", "rows": [{"id": "a", "cosine": 0.5}]}
    monkeypatch.setattr(cli, "_in_session", lambda *_: report)
    assert cli.run_job(lambda *_: {}, EmbedOptions, "", ["--input", "a", "--output", "b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["rows_rejected", "0"] for line in lines)
    assert any(line.split() == ["rows_in", "1,234"] for line in lines)
    assert not any(line.startswith("note") for line in lines)
    assert lines[-1].split() == ["a", "0.500000"]
