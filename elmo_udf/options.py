"""The options of every job: the only source of flags, of conf/*.toml and of their defaults."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field
from typing import Any, Literal

from elmo_udf.errors import UserError
from elmo_udf.text.languages import check_language

MAX_BLOCK_ROWS = 8192
"""Most rows of a block: a task holds the products of two blocks, 256 MiB of these."""
MAX_K = 1000
"""Most neighbors a row may be asked for: lists of so many are kept for every row of a task."""


def option(help: str, default: Any = MISSING, positional: bool = False) -> Any:
    """A dataclass field with the sentence that documents it in ``--help`` and in the TOML file."""
    metadata = {"help": help, "positional": positional}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What every job takes."""

    report: str | None = option("write one JSON object about the run to this path", None)
    dry_run: bool = option("resolve, check and explain; write nothing", False)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = option("of Python's logging, on stderr", "INFO")


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which network, and what of it: enough to make the vectors again."""

    model: str = option(
        "model handle: builtin:mini, a TF-Hub address, a folder, an archive, or any of these behind a Hadoop URI",
        "builtin:mini",
    )
    model_sha256: str | None = option("refuse the model unless what was fetched has this SHA-256", None)
    layer: str = option("elmo (the mix of all layers), word_emb, lstm_outputs1, lstm_outputs2, ...", "elmo")
    pooling: Literal["mean", "max"] = option("how a document's (or sentence's) tokens become one vector", "mean")
    level: Literal["document", "sentence", "token"] = option("what gets a row of its own", "document")
    tokenizer: Literal["words", "whitespace"] = option(
        "words: sentences, punctuation apart, as the published models' training text; whitespace: as TF-Hub", "words"
    )
    language: str = option("language code of the text, for sentence and word boundaries (tokenizer words)", "en")
    max_sentence_tokens: int = option("longer sentences are cut into pieces (tokenizer words)", 400)
    normalize: bool = option("scale every vector to unit length", False)
    precision: Literal["float32", "bfloat16"] = option("of weights and matrix products", "float32")
    device: Literal["auto", "cpu", "gpu"] = option(
        "where the network runs; auto: on a GPU where TensorFlow sees one; gpu: there, or not at all", "auto"
    )

    def __post_init__(self) -> None:
        if self.max_sentence_tokens < 1:
            raise UserError(f"max_sentence_tokens is {self.max_sentence_tokens}, expected at least 1")
        check_language(self.tokenizer, self.language)


@dataclass(frozen=True, kw_only=True)
class CorrectionOptions:
    """What is done to vectors before they are compared, fit on the table at hand; at most one of the last two."""

    center: bool = option("subtract the mean of the table's vectors, which all have in common", False)
    remove_components: int = option("center, and take away the first n principal components", 0)
    whiten: int | None = option("center, and project onto the first d principal components, scaled to variance 1", None)

    def __post_init__(self) -> None:
        if self.remove_components < 0:
            raise UserError(f"remove_components is {self.remove_components}, expected at least 0")
        if self.whiten is not None and self.whiten < 1:
            raise UserError(f"whiten is {self.whiten}, expected at least 1")
        if self.remove_components and self.whiten is not None:
            raise UserError(
                f"remove_components is {self.remove_components} and whiten {self.whiten}, expected one of them: "
                "whitening keeps the components that the other takes away; leave one out"
            )

    @property
    def correction_name(self) -> str:
        """``none``, ``center``, ``remove-N`` or ``whiten-D``; the last two center as well."""
        if self.whiten is not None:
            return f"whiten-{self.whiten}"
        return f"remove-{self.remove_components}" if self.remove_components else "center" if self.center else "none"


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(ModelOptions, JobOptions):
    """Options of jobs/embed.py."""

    input: str = option("path or URI of the documents: a file, a folder or a glob")
    output: str = option("path or URI of the embedding table (Parquet)")
    input_format: Literal["parquet", "csv", "json", "text"] | None = option(
        "format of the input; by default told from its file names", None
    )
    whole_files: bool = option("with text input: a file is a document, not a line", False)
    id_column: str = option("column that identifies a document", "id")
    text_column: str = option("column with the text, or with its tokens", "text")
    rejects: str | None = option("path of the table of rejected rows (default: OUTPUT-rejects)", None)
    keep_columns: tuple[str, ...] = option("input columns to carry along", ())
    mode: Literal["error", "overwrite", "append", "incremental"] = option(
        "what to do when the output exists; incremental: embed what is new or changed, and append it", "error"
    )
    commit_every: str | None = option(
        "with mode incremental: how often what is done goes into the table, in documents (100000) or time (30min, 2h); "
        "by default every 30min",
        None,
    )
    partition_by: tuple[str, ...] = option(
        "input columns, carried along, whose values are folders of the table (date=2026-01-31); overwrite then "
        "replaces only the folders that the input has rows for",
        (),
    )
    encoding: Literal["plain", "byte_stream_split"] = option(
        "of the vectors in Parquet, with zstd; byte_stream_split: 5 to 9 % smaller, but Spark before 4.3 can't read it",
        "plain",
    )
    partitions: int | None = option("number of embedding tasks; by default from the estimated work", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitions is not None and self.partitions < 1:
            raise UserError(f"partitions is {self.partitions}, expected at least 1")
        if self.rejects is not None and self.rejects.rstrip("/") == self.output.rstrip("/"):
            raise UserError(f"rejects and output are both {self.output!r}; expected two different paths")
        if len(set(self.partition_by)) < len(self.partition_by):
            raise UserError(f"partition_by is {', '.join(self.partition_by)}, expected each column once")
        if self.commit_every is not None and self.mode != "incremental":
            raise UserError(
                f"commit_every is {self.commit_every!r} and mode {self.mode!r}; expected mode incremental, which "
                "makes the table where there is none, and goes on with it when it is started again"
            )
        self.commit_interval()

    @property
    def rejects_path(self) -> str:
        """Where rejected rows go."""
        return self.rejects or self.output.rstrip("/") + "-rejects"

    @property
    def carried_columns(self) -> tuple[str, ...]:
        """Columns of the input that the table has too, those that are its folders last, as Spark reads them."""
        return (*(name for name in self.keep_columns if name not in self.partition_by), *self.partition_by)

    def commit_interval(self) -> tuple[int | None, float | None]:
        """``commit_every`` as a number of documents or as seconds; the other is None. Raises UserError."""
        found = re.fullmatch(r"(\d{1,9})\s*(|s|min|h)", self.commit_every or "30min")
        if not found or not int(found[1]):
            raise UserError(
                f"commit_every is {self.commit_every!r}, expected a number of documents such as 100000, or a time such "
                "as 30min or 2h"
            )
        if not found[2]:
            return int(found[1]), None
        return None, int(found[1]) * {"s": 1.0, "min": 60.0, "h": 3600.0}[found[2]]


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions(CorrectionOptions, JobOptions):
    """Options of jobs/similarity.py."""

    kind: Literal["topk", "pairs", "matrix", "groups"] = option(
        "topk: each document's k nearest; pairs: all above a threshold; matrix: all against all; groups: of documents "
        "that such pairs connect",
        positional=True,
    )
    embeddings: str = option("path or URI of an embedding table, ours or any Parquet with an id and an array of floats")
    output: str = option("path or URI of the result (Parquet)")
    against: str | None = option("compare with this table instead of with itself (not groups)", None)
    k: int = option("neighbors of a document (topk)", 10)
    threshold: float = option("least cosine of a pair (pairs, groups)", 0.9)
    max_pairs: int | None = option(
        "end before anything is compared where a sample says that there are more pairs (pairs, groups)", None
    )
    update: str | None = option(
        "an earlier result of the same options, for the table as it was: compare only what is new (topk, pairs)", None
    )
    correction: str | None = option("correct vectors as in this earlier result, instead of a correction fit now", None)
    csv: str | None = option("write the matrix, if it is small, to this file as well", None)
    plot: str | None = option("draw a heatmap (matrix) or a histogram of the cosines to this PNG file", None)
    id_column: str = option("column that identifies a document", "id")
    embedding_column: str = option("column with the vector", "embedding")
    block_rows: int | None = option("rows of a block; by default from the width of the vectors", None)
    prune: bool = option("bound cosines by a few components first, where that pays (pairs); loses nothing", True)
    mode: Literal["error", "overwrite"] = option("what to do when the output exists", "error")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.k <= MAX_K:
            raise UserError(f"k is {self.k}, expected 1 to {MAX_K:,}")
        if not -1 <= self.threshold <= 1:
            raise UserError(f"threshold is {self.threshold}, expected a cosine between -1 and 1")
        for name in ("block_rows", "max_pairs"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UserError(f"{name} is {value}, expected at least 1")
        if self.block_rows is not None and self.block_rows > MAX_BLOCK_ROWS:
            raise UserError(f"block_rows is {self.block_rows}, expected at most {MAX_BLOCK_ROWS:,}")
        self._check_kind()
        if self.correction is not None and (self.correction_name != "none" or self.update is not None):
            other = "--update" if self.update is not None else self.correction_name
            advice = "leave one out"
            if self.update is not None:
                advice = "with --update give the flag of the correction, such as --center: it is not fit again"
            raise UserError(f"--correction and {other} both say how to correct vectors; expected one; {advice}")

    def _check_kind(self) -> None:
        """Refuse options that mean nothing for the kind."""
        kinds = {"against": "topk, pairs and matrix", "max_pairs": "pairs and groups", "update": "topk and pairs"}
        for name, fit in (kinds | {"csv": "matrix"}).items():
            if getattr(self, name) is not None and self.kind not in fit:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} is for {fit}, and this is {self.kind}; leave it out")


@dataclass(frozen=True, kw_only=True)
class QueryOptions(JobOptions):
    """Options of jobs/query.py."""

    embeddings: str = option("path or URI of an embedding table made by embed.py")
    text: str | None = option("the text to look for; with --level token, the sentence that holds the word", None)
    texts: str | None = option("path or URI of a file of texts to look for, one a line", None)
    interactive: bool = option("read texts from standard input, one a line, and answer each at once", False)
    output: str | None = option("write the answers to a table (Parquet), or to a file of JSON lines (.jsonl)", None)
    k: int = option("number of answers", 10)
    model: str | None = option("model handle; by default the one that the table names", None)
    correction: str | None = option("correct vectors as in this result of similarity.py", None)
    level: Literal["document", "token"] = option("look for documents, or for words in their sentences", "document")
    word: str | None = option("the word of the text to look for (level token)", None)
    occurrence: int = option("which of the word's occurrences in the text, from 1 (level token)", 1)
    distinct_words: bool = option(
        "other words only, each once, where it is most alike, as gensim's most_similar (level token)", False
    )
    mode: Literal["error", "overwrite"] = option("what to do when the output exists", "error")

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MAX_K:
            raise UserError(f"k is {self.k}, expected 1 to {MAX_K:,}")
        if [self.text is not None, self.texts is not None, self.interactive].count(True) != 1:
            raise UserError("expected one of --text, --texts and --interactive; give exactly one of them")
        if self.interactive and self.output is not None:
            raise UserError("--interactive answers at once and writes no --output; leave one of them out")
        if (self.level == "token") != (self.word is not None):
            raise UserError("--word and --level token go together: give both, or neither")
        if self.word is not None and self.text is None:
            raise UserError("--word is a word of --text; give --text, or leave --word and --level token out")
        if self.occurrence < 1:
            raise UserError(f"occurrence is {self.occurrence}, expected at least 1")
        if self.word is None and (self.occurrence > 1 or self.distinct_words):
            raise UserError("--occurrence and --distinct-words are about words; give --level token and --word too")
