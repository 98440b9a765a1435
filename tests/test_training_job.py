"""jobs/train.py: documents in, a model folder out; what is refused; and what happens when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_udf.cli import run_job
from elmo_udf.errors import UserError
from elmo_udf.models import load_model
from elmo_udf.training.job import train
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.report import progress_line, read_log
from tests.refusals import refused
from tests.training_work import prepared

SUBJECTS, VERBS, OBJECTS = (
    ["cats", "dogs", "birds", "fish"],
    ["see", "hear", "like", "want"],
    ["milk", "water", "trees"],
)
SMALL: dict[str, Any] = {
    "filters": ("1:4", "2:8", "3:8"),
    "character_dim": 8,
    "cell_dim": 24,
    "projection_dim": 12,
    "n_streams": 8,
    "n_steps": 6,
    "n_sampled_words": 5000,  # more than there are words
    "min_count": 1,
    "held_out": 0.2,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "carry_state": False,
    "dropout": 0.0,
    "evaluate_every": 20,
    "epochs": 30.0,
    "patience": 0,
}


def sentences(n: int) -> list[str]:
    random = np.random.default_rng(1)
    return [f"{SUBJECTS[i % 4]} {VERBS[(i + j) % 4]} {OBJECTS[j % 3]} ." for i, j in random.integers(0, 12, (n, 2))]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("\n".join([*sentences(60), "", "   "]) + "\n")
    return str(path)


def options(text: str, folder: Path, **changed: Any) -> TrainOptions:
    return TrainOptions(**({"input": text, "output": str(folder / "model"), **SMALL} | changed))


@pytest.fixture(scope="module")
def trained(spark: Any, text: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("trained")
    return folder, train(spark, options(text, folder))


def test_a_model_that_knows_its_grammar(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, report = trained
    model = load_model(str(folder / "model"))
    assert model.fingerprint() == report["fingerprint"]
    assert report["ended"] == "all read" and report["best_perplexity"] < 5, "four verbs or three objects at most"
    assert report["n_train_sentences"] + report["n_held_out_sentences"] == 60
    assert report["n_words"] == 3 + 11 + 1, "marks and unknown, words, the full stop"
    files = sorted(path.name for path in (folder / "model").iterdir())
    assert files[0] == "_elmo.json"
    assert files[1:] == [
        "options.json",
        "softmax.npz",
        "training.csv",
        "training.png",
        "vocabulary.txt",
        "weights.hdf5",
    ]
    assert (folder / "model" / "training.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "model-work").exists() and [path.name for path in folder.iterdir()] == ["model"]
    rows = read_log(folder / "model" / "training.csv")
    measured = [row["perplexity_forward"] for row in rows if "perplexity_forward" in row]
    assert measured[-1] < measured[0] and rows[-1]["step"] == report["steps"]
    line = progress_line(rows, options("t", folder), 300)
    assert "perplexity" in line and "tokens/s, ETA 0:0" in line


@pytest.mark.slow
def test_another_corpus_from_there(spark: Any, trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """With the words and sizes of the model it goes on from, whatever the options say; and it begins well."""
    folder, report = trained
    other = tmp_path / "other.jsonl"
    lines = [{"id": i, "text": sentence} for i, sentence in enumerate(sentences(200)[140:])]
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = options(str(other), tmp_path, initial=str(folder / "model"), epochs=1.0, evaluate_every=1, cell_dim=99)
    done = train(spark, again)
    first = read_log(tmp_path / "model" / "training.csv")[0]
    assert first["perplexity_forward"] < 6 and done["n_words"] == report["n_words"]
    assert load_model(str(tmp_path / "model")).options.cell_dim == 24
    assert done["fingerprint"] != report["fingerprint"]


@pytest.mark.slow
def test_from_a_model_that_predicts_nothing_yet(spark: Any, text: str, tmp_path: Path) -> None:
    """Its network is kept, what predicts the words of the corpus is new; here a file is a document."""
    again = options(text, tmp_path, initial="builtin:mini", whole_files=True, epochs=4.0, learning_rate=0.003)
    done = train(spark, again)
    trained, mini = load_model(str(tmp_path / "model")), load_model("builtin:mini")
    assert trained.options == mini.options and done["n_words"] == 3 + 11 + 1 and done["rows_in"] == 1
    change = trained.arrays["forward_0_projection"] - mini.arrays["forward_0_projection"]
    assert 0 < np.abs(change).max() < 0.3
    assert done["best_perplexity"] < 8


def test_dry_run_and_report(spark: Any, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--input", text, "--output", str(tmp_path / "m"), "--dry-run", "--report", str(tmp_path / "r.json")]
    assert run_job(train, TrainOptions, "doc", argv) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["status"] == "ok" and report["operations_a_token"] > 1e6 and "output" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_mistakes(spark: Any, text: str, trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = trained
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "short.txt").write_text("one sentence .\n")
    for changed, words in [
        ({"output": str(folder / "model"), "epochs": 99}, "exists already"),
        ({"output": str(tmp_path / "full"), "mode": "overwrite"}, "'notes.txt', which is not part of a trained model"),
        ({"work": str(tmp_path / "full")}, "contains no training"),
        ({"output": "hdfs://name/model"}, "file system 'hdfs'"),
        ({"input": str(tmp_path / "absent.txt")}, "does not exist"),
        ({"input": str(tmp_path / "short.txt"), "work": str(tmp_path / "w")}, "1 sentences"),
        ({"workers": 2}, "1 tasks can run at once"),
        ({"work": str(tmp_path / "model")}, "expected separate paths"),
        ({"work": str(tmp_path / "model" / "work")}, "expected separate paths"),
        (
            {"output": str(tmp_path / "w2" / "model"), "work": f"file://{tmp_path}/w2"},
            "expected separate paths",
        ),
        ({"initial": str(tmp_path / "full")}, "expected a saved_model.pb, or an options.json"),
    ]:
        with refused(words):
            train(spark, options(text, tmp_path, **changed))
    for changed, words in [
        ({"filters": ("1:4", "x")}, "expected pairs such as"),
        ({"n_streams": 0}, "n_streams is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"language": "zz-nope"}, "language is 'zz-nope'"),
        ({"max_hours": 0.0}, "max_hours is 0"),
        ({"patience": -1}, "patience is -1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"projection_dim": 0}, "projection_dim"),
        ({"projection_dim": 24}, "expected another"),
    ]:
        with pytest.raises(UserError, match=words):
            options(text, tmp_path, **changed)


KILLED = """
import sys
from elmo_udf.training.cluster import Alone
from elmo_udf.training.folder import Work
from elmo_udf.training.loop import Training
from tests.test_training_job import options
from pathlib import Path
Training(Work(Path(sys.argv[1])), options("corpus", Path(sys.argv[1]), epochs=1e6), Alone()).run()
"""


@pytest.mark.slow
def test_after_a_kill_it_goes_on_and_ends_where_it_would_have(
    spark: Any, root: Path, text: str, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """A process is killed after some checkpoints; the same command again ends like the run that nothing disturbed."""
    settings = options(text, tmp_path)
    work = prepared(spark, settings, tmp_path / "model-work")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(work.root)], cwd=root)
    try:
        deadline = time.monotonic() + 200
        while not (work.checkpoints / "0" / "ckpt-40.index").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with refused("n_streams 8 (now 4)"):
        train(spark, options(text, tmp_path, n_streams=4))
    report = train(spark, settings)
    _, undisturbed = trained
    steps = [row["step"] for row in read_log(tmp_path / "model" / "training.csv")]
    assert steps == sorted(set(steps)), "what was done again is not written twice"
    assert max(steps) == report["steps"] == undisturbed["steps"] and 40 in steps
    assert report["tokens_read"] == undisturbed["tokens_read"]
    assert report["best_perplexity"] == pytest.approx(undisturbed["best_perplexity"], rel=0.1)
