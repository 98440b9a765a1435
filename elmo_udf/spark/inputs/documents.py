"""Documents from Parquet, CSV, JSON lines and text: always the columns id, TEXT, MALFORMED and those to keep."""

from __future__ import annotations

import re
import uuid

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.errors import UserError
from elmo_udf.spark import files
from elmo_udf.spark.complaints import reading

TEXT = "_text"
"""Column with the text, under a name of our own, so that a user's column "text" can be kept."""

MALFORMED = "_malformed"
"""Column with a JSON line that is no object, or a row of CSV with too few or too many fields; else NULL."""

_FORMATS = {
    "parquet": "parquet",
    "csv": "csv",
    "tsv": "tsv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "txt": "text",
    "text": "text",
}
_RESERVED = (
    "id",
    "embedding",
    "n_tokens",
    "n_sentences",
    "n_truncated",
    "content_hash",
    "model",
    "embedded_at",
    "_outcome",
)
_RESERVED_BY_LEVEL = {
    "document": (),
    "sentence": ("sentence_index",),
    "token": ("sentence_index", "token_index", "token"),
}


def read_documents(spark: SparkSession, options: EmbedOptions) -> DataFrame:
    """The input as columns ``id``, TEXT, MALFORMED and, under their :func:`kept_names`, those to keep.

    Nothing is read but schemas and names. Raises UserError for an input that is not there or can't be read, and for
    columns that are missing, of the wrong type or in the table's own way.
    """
    kind, table = read_input(spark, options)
    return _select(table, kind, options)


def read_input(spark: SparkSession, options: EmbedOptions) -> tuple[str, DataFrame]:
    """The format of the input, and all its columns as they are; of JSON lines and CSV also MALFORMED.

    Text has the columns ``id`` and ``text``. Raises UserError for an input that is not there or can't be read.
    """
    kind = options.input_format or guess_format(spark, options.input)
    if options.whole_files and kind != "text":
        raise UserError(
            f"--whole-files with input {options.input!r}, whose format is {kind}; expected text files; "
            "leave the flag out, or add --input-format text"
        )
    with reading(f"input {options.input!r}", f"{kind} files", quiet=True):
        return kind, _read(spark, kind, options)


def kept_names(options: EmbedOptions) -> list[str]:
    """Our own names of the columns to keep, until the table is written: a user's may hold dots, or be one of ours."""
    return [f"_kept_{i}" for i in range(len(options.carried_columns))]


def quoted(name: str) -> Column:
    """The column of that very name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")


def guess_format(spark: SparkSession, path: str) -> str:
    """The format that the names of the files tell; Parquet where they tell nothing.

    Raises UserError for a path where nothing is, an empty folder, and a folder of files in several formats.
    """
    name, glob = path.rstrip("/").rpartition("/")[2], any(character in path for character in "*?{[")
    if glob:
        return _format_of(name) or "parquet"
    if not files.exists(spark, path):
        raise UserError(f"input {path!r} does not exist; check the path")
    # the entry of a file is the file itself
    entries = _visible_entries(spark, path)
    if all(is_folder and "=" not in entry for entry, is_folder in entries):
        below = f"; found the folders {[entry for entry, _ in entries]}, which are not read" if entries else ""
        raise UserError(f"input {path!r} holds no files{below}; expected documents; give a path or a glob of files")
    found = {_suffix_format(entry) for entry, is_folder in entries if not is_folder} - {None}
    if len(found) > 1:
        raise UserError(
            f"input {path!r} holds files of several formats: {', '.join(sorted(map(str, found)))}; expected one; "
            f"name the files with a glob such as {path.rstrip('/')}/*.csv"
        )
    return _format_of(f"a.{found.pop()}") or "parquet" if found else _format_of(name) or "parquet"


def _visible_entries(spark: SparkSession, path: str) -> list[tuple[str, bool]]:
    return [entry for entry in files.list_entries(spark, path) if not entry[0].startswith(("_", "."))]


def _format_of(name: str) -> str | None:
    """The format that a file's name tells; CSV for tab-separated values too."""
    found = _suffix_format(name)
    return "csv" if found == "tsv" else found


def _suffix_format(name: str) -> str | None:
    _, dot, suffix = re.sub(r"\.(gz|bz2|zst|snappy|lz4|deflate)$", "", name.lower()).rpartition(".")
    return _FORMATS.get(suffix) if dot else None


def _read(spark: SparkSession, kind: str, options: EmbedOptions) -> DataFrame:
    if kind == "parquet":
        return spark.read.parquet(options.input)
    if kind == "csv":
        return _read_csv(spark, options.input)
    if kind == "json":
        return _read_json(spark, options.input)
    if options.whole_files:
        table = spark.read.text(options.input, wholetext=True)
        return table.select(_path().alias("id"), F.col("value").alias("text"))
    return _lines(spark.read.text(options.input))


def _has_made_up_names(columns: list[str]) -> bool:
    """Whether Spark may have renamed columns of a CSV file, as it does by position where names are empty or equal."""
    stems = [name.lower().removesuffix(str(i)) for i, name in enumerate(columns) if name.endswith(str(i))]
    return "_c" in stems or len(set(stems)) < len(stems)


def _read_csv(spark: SparkSession, path: str) -> DataFrame:
    """CSV as RFC 4180 has it: a quote within quotes is doubled, and a quoted field may hold line breaks.

    Tab-separated values as IANA defines them: a line a row, and a quote is a character like any other, since one that
    is not closed would swallow the lines after it. A row with another number of fields than the header is malformed.
    """
    reader = spark.read.option("header", True).option("columnPruning", False)  # which would not see missing fields
    if _is_tsv(spark, path):
        reader = reader.option("sep", "\t").option("quote", "").option("escape", "")
    else:
        reader = reader.option("multiLine", True).option("quote", '"').option("escape", '"')
    table = reader.csv(path)
    if not table.columns:
        return table
    # Spark reads all files by the first one's header, and compares it with theirs only when told to.
    reader = reader.option("enforceSchema", _has_made_up_names(table.columns))
    return reader.option("columnNameOfCorruptRecord", MALFORMED).schema(_with_malformed(table, path)).csv(path)


def _is_tsv(spark: SparkSession, path: str) -> bool:
    """Whether the names say tab-separated values: that of the path, or of the files in it."""
    glob = any(character in path for character in "*?{[")
    names = [] if glob else [name for name, is_folder in _visible_entries(spark, path) if not is_folder]
    return "tsv" in {_suffix_format(name) for name in [path.rstrip("/"), *names]}


def _read_json(spark: SparkSession, path: str) -> DataFrame:
    """Spark names the corrupt column only where it met one while it inferred the schema; ask for it always."""
    unheard_of = f"{MALFORMED}_{uuid.uuid4().hex}"
    table = spark.read.option("columnNameOfCorruptRecord", unheard_of).json(path).drop(unheard_of)
    return spark.read.option("columnNameOfCorruptRecord", MALFORMED).schema(_with_malformed(table, path)).json(path)


def _with_malformed(table: DataFrame, path: str) -> T.StructType:
    """The table's schema, and MALFORMED."""
    for name in table.columns:
        if name.lower() == MALFORMED:
            raise UserError(
                f"input {path!r} has a column {name!r}, where records that can't be read are put; expected no such "
                "column; rename it"
            )
    return T.StructType([*table.schema.fields, T.StructField(MALFORMED, T.StringType())])


def _path() -> Column:
    """The file of a row; local files without the scheme."""
    return F.regexp_replace(F.url_decode(F.regexp_replace("_metadata.file_path", r"\+", "%2B")), "^file:/+", "/")


def _lines(table: DataFrame) -> DataFrame:
    """A row a line, with id ``file:line``.

    Spark reads a file in blocks, each in order within one task, and monotonically_increasing_id counts on within a
    task. So a line's number is its distance from the block's first line, plus the lines of the blocks before.
    """
    rows = table.select(
        F.col("value").alias("text"),
        _path().alias("file"),
        F.col("_metadata.file_block_start").alias("block"),
        F.monotonically_increasing_id().alias("position"),
    )
    blocks = rows.groupBy("file", "block").agg(F.min("position").alias("first"), F.count("*").alias("n_lines"))
    before = Window.partitionBy("file").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    blocks = blocks.withColumn("lines_before", F.coalesce(F.sum("n_lines").over(before), F.lit(0))).drop("n_lines")
    line = F.col("position") - F.col("first") + F.col("lines_before") + 1
    joined = rows.join(F.broadcast(blocks), ["file", "block"])
    return joined.select(F.concat_ws(":", "file", line.cast("string")).alias("id"), "text")


def _select(table: DataFrame, kind: str, options: EmbedOptions) -> DataFrame:
    id_column, text_column = ("id", "text") if kind == "text" else (options.id_column, options.text_column)
    found = [name for name in table.columns if kind not in ("csv", "json") or name != MALFORMED]
    if not found:
        raise UserError(f"input {options.input!r} is empty, expected columns and rows; check the path")
    for name, what in [(id_column, "id column"), (text_column, "text column")] + [
        (name, "column to keep") for name in options.carried_columns
    ]:
        if name not in found:
            flag = {"id column": "--id-column", "text column": "--text-column"}.get(what, "--keep-columns")
            flag = "--partition-by" if what == "column to keep" and name in options.partition_by else flag
            raise UserError(
                f"{what} {name!r} is not in input {options.input!r}; found {found}; name another with {flag}"
            )
    _check_types(table, id_column, text_column)
    _check_kept(table, options)
    malformed = F.col(MALFORMED) if kind in ("csv", "json") else F.lit(None).cast("string").alias(MALFORMED)
    kept = [quoted(name).alias(ours) for name, ours in zip(options.carried_columns, kept_names(options), strict=True)]
    return table.select(quoted(id_column).alias("id"), quoted(text_column).alias(TEXT), malformed, *kept)


def _check_kept(table: DataFrame, options: EmbedOptions) -> None:
    """Names as Spark compares them, without case; types that Spark brings to Python and back."""
    taken = [*_RESERVED, *_RESERVED_BY_LEVEL[options.level]]
    for name in options.carried_columns:
        if name in options.partition_by:
            _check_partition(name, table.schema[name].dataType)
        if name.lower() in taken:
            raise UserError(f"column to keep {name!r} is a name of the embedding table's own or given twice; rename it")
        taken.append(name.lower())
        if _has_months(table.schema[name].dataType):
            raise UserError(
                f"column to keep {name!r} is {table.schema[name].dataType.simpleString()}, and Spark can't bring "
                "intervals of years and months to Python; expected another type; cast it to string, or leave it out"
            )


def _check_partition(name: str, kind: T.DataType) -> None:
    """Types whose values are names of folders, and come back as they were."""
    if not isinstance(kind, (T.StringType, T.IntegralType, T.DateType, T.BooleanType)):
        raise UserError(
            f"column {name!r} of --partition-by is {kind.simpleString()}, expected string, a whole number, date or "
            "boolean; cast it, or name another"
        )


def _has_months(kind: T.DataType) -> bool:
    if isinstance(kind, T.ArrayType):
        return _has_months(kind.elementType)
    if isinstance(kind, T.MapType):
        return _has_months(kind.keyType) or _has_months(kind.valueType)
    if isinstance(kind, T.StructType):
        return any(_has_months(field.dataType) for field in kind)
    return isinstance(kind, T.YearMonthIntervalType)


def _check_types(table: DataFrame, id_column: str, text_column: str) -> None:
    text = table.schema[text_column].dataType
    tokens = text.elementType if isinstance(text, T.ArrayType) else text
    tokens = tokens.elementType if isinstance(tokens, T.ArrayType) else tokens
    if not isinstance(tokens, T.StringType):
        raise UserError(
            f"text column {text_column!r} is {text.simpleString()}, expected string, array<string> (a tokenized "
            "sentence) or array<array<string>>; name another with --text-column"
        )
    identifier = table.schema[id_column].dataType
    if isinstance(
        identifier, (T.ArrayType, T.StructType, T.MapType, T.NullType, T.VariantType, T.YearMonthIntervalType)
    ):
        raise UserError(
            f"id column {id_column!r} is {identifier.simpleString()}, expected a plain type such as string or bigint; "
            "name another with --id-column"
        )
