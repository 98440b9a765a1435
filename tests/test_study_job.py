"""The study on Spark: what each task reads, the tables, the report, the pictures, and token vectors that are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread
from pyspark.sql import SparkSession

from elmo_udf.embedding.corpus import embed_corpus
from elmo_udf.embedding.options import EmbedOptions
from elmo_udf.spark.tables import read_embeddings
from elmo_udf.study.job import sentiment_study
from elmo_udf.study.options import StudyOptions
from elmo_udf.study.static_vectors import read_vectors
from elmo_udf.study.trial import NETWORKS
from elmo_udf.study.trials import COLUMNS, draws, gather, trial_rows
from tests.make_models import random_model
from tests.model_files import write_folder
from tests.refusals import refused

Study = Callable[..., dict[str, Any]]
SIZES = {"training_texts": 6, "validation_texts": 4, "test_texts": 5}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("study")
    words = ["good", "bad", "film", "the", "a", "plot", "."]
    random = np.random.default_rng(0)
    (folder / "v.txt").write_text(
        "".join(f"{word} {' '.join(map(str, np.round(random.standard_normal(5), 3)))}\n" for word in words[:5])
    )
    rows = [f"{i},{'pos' if i % 2 else 'neg'},The {words[1 - i % 2]} film. A plot no. {i} it is." for i in range(20)]
    rows += ["20,pos,", "21,,A film.", "3,neg,Another text of an id.", ",pos,A text without an id."]
    (folder / "films.csv").write_text("id,label,text\n" + "\n".join(rows) + "\n")
    model = write_folder(random_model(11), folder / "elmo")
    return {"input": str(folder / "films.csv"), "vectors": str(folder / "v.txt"), "model": str(model)}


@pytest.fixture
def study(spark: SparkSession, files: dict[str, str], tmp_path: Path) -> Study:
    def run(**values: Any) -> dict[str, Any]:
        settings = {"output": str(tmp_path / "out"), "repeats": 2, "max_epochs": 1, "max_tokens": 8, **SIZES}
        settings |= {"learning_rates_static": ("1e-2",), "learning_rates_elmo": ("1e-2",), **files, **values}
        return sentiment_study(spark, StudyOptions(**settings))

    return run


def test_a_study(study: Study, tmp_path: Path) -> None:
    plots = {"plot": str(tmp_path / "boxes.png"), "paired_plot": str(tmp_path / "pairs.png")}
    report = study(**plots)
    json.dumps(report)
    assert (report["rows_in"], report["rows_usable"], report["rows_rejected"]) == (24, 20, 4)
    assert report["rejected_by_reason"] == {"duplicate_id": 1, "null_id": 1, "null_label": 1, "null_text": 1}
    assert (report["label_0"], report["label_1"]) == ("neg", "pos")
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert [(row["repeat"], row["network"]) for row in rows] == [(i, name) for i in (0, 1) for name in NETWORKS]
    assert all(0 <= row["test_accuracy"] <= 1 and row["n_epochs"] == 1 for row in rows)
    pairs = [(row["static"], row["static+elmo"]) for row in report["accuracies"]]
    assert pairs == [tuple(row["test_accuracy"] for row in rows[i : i + 2]) for i in (0, 2)]
    mean = np.mean([row["test_accuracy"] for row in rows if row["network"] == "static+elmo"])
    assert report["networks"][1]["mean"] == pytest.approx(mean, abs=1e-6)
    assert report["difference"]["mean_difference"] == pytest.approx(np.mean([b - a for a, b in pairs]), abs=1e-6)
    tokens = pq.read_table(tmp_path / "out-tokens")
    n_texts = len(set(tokens["id"].to_pylist()))
    assert (report["texts_embedded"], report["texts_kept"]) == (n_texts, 0)
    assert report["n_tokens"] == len(tokens) == 8 * n_texts  # every text is longer
    for path in plots.values():
        pixels = imread(path)
        assert pixels.shape[0] > 400 and len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    assert not list(tmp_path.glob("_*")), "the staging folder is left behind"


@pytest.mark.slow
def test_a_study_again(study: Study) -> None:
    """Its token vectors are kept; what does not fit them is refused."""
    report = study(repeats=2)
    again = study(mode="overwrite", repeats=1)
    assert (again["texts_embedded"], again["texts_kept"]) == (0, 15)
    assert again["accuracies"] == report["accuracies"][:1], "the same seed gives the same study"
    with refused("has other tokens for text", "--tokens"):
        study(mode="overwrite", max_tokens=7)
    with refused("was made with layer 'elmo', but this study uses 'word_emb'"):
        study(mode="overwrite", layer="word_emb")
    with refused("exists already"):
        study()


@pytest.mark.slow
def test_a_task_reads_the_texts_of_its_own_repeat_and_all_their_vectors(
    spark: SparkSession, files: dict[str, str], tmp_path: Path
) -> None:
    texts = [(str(i), [["the", "film"], [f"w{i}"] * (i % 3 + 1)]) for i in range(20)]
    table = spark.createDataFrame(texts, "id string, text array<array<string>>")
    table.write.parquet(str(tmp_path / "texts"))
    embedding = {"input": str(tmp_path / "texts"), "output": str(tmp_path / "tokens"), "model": files["model"]}
    embed_corpus(spark, EmbedOptions(**embedding, level="token"))
    vectors = {(row["id"], row["sentence_index"], row["token_index"]): row["embedding"]
               for row in pq.read_table(tmp_path / "tokens").to_pylist()}  # fmt: skip
    options = StudyOptions(**{**files, "output": "o", "repeats": 3, **SIZES})  # type: ignore[arg-type]
    ids = spark.createDataFrame([(str(i), i % 2) for i in range(20)], "id string, label int").orderBy("id").toArrow()
    drawn = draws(ids, options)
    rows = trial_rows(table, read_embeddings(spark, embedding["output"]), spark.createDataFrame(drawn), 3)
    static = read_vectors(files["vectors"])

    numbers = [(name, pa.int32()) for name in ("network", "repeat", "number", "label", "n")]
    arrow = pa.schema(
        [*numbers[:3], ("part", pa.string()), numbers[3], ("vectors", pa.list_(pa.float64())), numbers[4]]
    )

    def found(batches: Any) -> Any:
        gathered, trials = gather(batches, static, 16)
        for network, repeat in trials:
            parts = gathered.examples(static, 16 if network else 0)
            for number, (part, label, _) in gathered.texts.items():
                pieces = [p for _, _, p in sorted(gathered.pieces[number], key=lambda piece: piece[:2])]
                flat = np.concatenate([np.zeros((0, 16)), *pieces]).ravel().tolist()
                made = {"network": network, "repeat": repeat, "number": number, "part": part, "label": label}
                yield pa.RecordBatch.from_pylist([made | {"vectors": flat, "n": len(parts[part].texts)}], schema=arrow)

    schema = "network int, repeat int, number int, part string, label int, vectors array<double>, n int"
    partitions = rows.mapInArrow(found, schema).collect()
    seen = {(row.network, row.repeat, row.part, row.number) for row in partitions}
    expected = drawn.select(["repeat", "part", "number"]).to_pylist()
    assert seen == {(n, row["repeat"], row["part"], row["number"]) for n in (0, 1) for row in expected}
    assert len(partitions) == len(seen) == 2 * 3 * 15, "a partition holds one trial, and each of its texts once"
    sizes = dict(zip(("training", "validation", "test"), options.sizes, strict=True))
    order = ids["id"].to_pylist()
    for row in partitions:
        identifier, n_words = order[row.number], int(order[row.number]) % 3 + 1
        positions = [(0, 0), (0, 1), *((1, i) for i in range(n_words))] if row.network else []
        np.testing.assert_array_equal(row.vectors, np.ravel([vectors[identifier, i, j] for i, j in positions]))
        assert (row.label, row.n) == (int(identifier) % 2, sizes[row.part])
    assert rows.columns == list(COLUMNS)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"label_column": "mark"}, ["label column 'mark' is not in input", "found ['id', 'label', 'text']"]),
        ({"label_column": "text"}, ["has 20 values", "expected two"]),
        ({"test_texts": 50}, ["has 20 texts that can be used", "6 + 4 + 50 = 60"]),
        ({"vectors": "absent.txt"}, ["vectors 'absent.txt' can't be read"]),
        ({"model": "absent"}, ["absent"]),
        ({"layer": "top"}, ["top"]),
        ({"language": "xx"}, ["language is 'xx'"]),
        ({"plot": "all.pdf"}, ["plot 'all.pdf' does not end with .png"]),
        ({"paired_plot": "/dev/null/all.png"}, ["plot '/dev/null/all.png' lies below '/dev/null'"]),
    ],
)
def test_mistakes_are_refused_before_any_work(
    study: Study, tmp_path: Path, values: dict[str, Any], words: list[str]
) -> None:
    with refused(*words):
        study(**values)
    assert not list(tmp_path.iterdir())


def test_a_dry_run_writes_nothing(study: Study, tmp_path: Path) -> None:
    report = study(dry_run=True)
    assert (report["rows_usable"], report["static_width"], report["elmo_width"]) == (20, 5, 16)
    assert not list(tmp_path.iterdir())
