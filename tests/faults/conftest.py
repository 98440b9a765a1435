"""One corpus, one model and the tables of undisturbed runs for all faults; and the table of outcomes for the docs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.faults import processes
from tests.make_models import random_model
from tests.model_files import write_folder

PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- begin of what scripts/test --faults found -->", "<!-- end -->"
N_DOCUMENTS = 600
N_VECTORS, WIDTH = 16_000, 256
_outcomes: dict[str, tuple[str, str]] = {}


@dataclass(frozen=True)
class Corpus:
    """Documents, some of which can't be embedded, a model that takes its time, and the table without any fault."""

    folder: Path
    input: Path
    model: Path
    vectors: dict[str, np.ndarray]
    """Of the undisturbed run, by id."""
    rejects: list[tuple[str | None, str]]
    """Of the undisturbed run: id and reason."""

    def check(self, output: Path) -> str:
        """Rows in = rows embedded + rejected, ids unique, vectors those of the undisturbed run; says so."""
        rows = pq.read_table(output).to_pylist()
        rejected = pq.read_table(f"{output}-rejects").to_pylist()
        ids = [row["id"] for row in rows]
        assert len(ids) == len(set(ids)), "ids are not unique"
        assert len(rows) + len(rejected) == N_DOCUMENTS
        assert sorted((row["id"] or "", row["reason"]) for row in rejected) == self.rejects
        assert set(ids) == set(self.vectors)
        difference = max(float(np.abs(np.array(row["embedding"]) - self.vectors[row["id"]]).max()) for row in rows)
        assert difference <= 1e-5
        return (
            f"{N_DOCUMENTS} rows: {len(rows)} embedded, {len(rejected)} rejected. Vectors differ by {difference:.0e}."
        )


def embed_arguments(corpus: Corpus, output: Path, *more: str) -> tuple[str, ...]:
    return ("--input", str(corpus.input), "--model", str(corpus.model), "--output", str(output), *more)


def write_corpus(path: Path) -> None:
    """Sentences of random words; one text in fifty is NULL or blank, one id in fifty comes twice."""
    draw = random.Random(5)
    words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(3000)]
    with path.open("w") as file:
        for i in range(N_DOCUMENTS):
            text: str | None = " ".join(draw.choices(words, k=draw.randint(20, 100))) + "."
            text = {7: None, 23: "  "}.get(i % 100, text)
            file.write(json.dumps({"id": f"d{i - 1 if i % 50 == 31 else i}", "text": text}) + "\n")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder / "documents.jsonl")
    model = write_folder(random_model(11, cell_dim=768, projection_dim=64), folder / "elmo")
    undisturbed = Corpus(folder, folder / "documents.jsonl", model, {}, [])
    job = processes.start(ROOT, folder, "embed", *embed_arguments(undisturbed, folder / "out", "--partitions", "4"))
    assert job.finish() == 0, job.text()[-3000:]
    rows = pq.read_table(folder / "out").to_pylist()
    rejected = pq.read_table(folder / "out-rejects").to_pylist()
    vectors = {row["id"]: np.array(row["embedding"]) for row in rows}
    assert len(rows) + len(rejected) == N_DOCUMENTS and len(vectors) == len(rows) > 500
    rejects = sorted((row["id"] or "", row["reason"]) for row in rejected)
    return Corpus(folder, undisturbed.input, model, vectors, rejects)


@pytest.fixture(scope="session")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of random vectors in some clusters: (N_VECTORS, WIDTH)."""
    random_numbers = np.random.default_rng(3)
    centres = random_numbers.standard_normal((50, WIDTH))
    values = centres[random_numbers.integers(0, 50, N_VECTORS)] + random_numbers.standard_normal((N_VECTORS, WIDTH))
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float32).ravel()), WIDTH)
    table = pa.table(
        {"id": pa.array(range(N_VECTORS), pa.int64()), "embedding": embedding.cast(pa.list_(pa.float32()))}
    )
    folder = tmp_path_factory.mktemp("vectors") / "table"
    folder.mkdir()
    pq.write_table(table, folder / "part-0.parquet")
    return folder


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What a test found, one line a step; goes into the page, beside the first line of the test's docstring."""
    found: list[str] = []
    yield found
    doc = (request.function.__doc__ or "").strip().splitlines()[0].rstrip(".")
    _outcomes[request.node.nodeid] = (doc, " ".join(found))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the table into the page where all faults were tried and came out right."""
    rows = "".join(f"| {fault} | {found} |\n" for fault, found in _outcomes.values())
    table = f"| fault | outcome |\n| --- | --- |\n{rows}"
    print(f"\n{table}")
    everything = {item.nodeid for item in session.items} if hasattr(session, "items") else set()
    n_all = sum(path.read_text("utf-8").count("\ndef test_") for path in Path(__file__).parent.glob("test_*.py"))
    functions = {name.partition("[")[0] for name in _outcomes}
    if exitstatus == 0 and everything == set(_outcomes) and len(functions) == n_all:
        page = PAGE.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")
