"""Several processes that train together, as tasks of a barrier stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elmo_udf.training.job import train
from elmo_udf.training.report import read_log
from tests.test_training_job import SMALL, options, sentences


@pytest.mark.slow
def test_two_workers_learn_like_one_with_twice_the_batch(spark: Any, root: Path, tmp_path: Path) -> None:
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(sentences(80)) + "\n")
    shared = {"dropout": 0.0, "n_sampled_words": 13, "evaluate_every": 15, "epochs": 25.0}
    train(spark, options(str(text), tmp_path / "one", n_streams=8, **shared))
    settings = SMALL | shared | {"n_streams": 4, "workers": 2, "filters": ["1:4", "2:8", "3:8"]}
    (tmp_path / "two.toml").write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "SPARK"))}
    environment["PYSPARK_SUBMIT_ARGS"] = "--master local[2] --conf spark.ui.enabled=false pyspark-shell"
    command = [
        sys.executable,
        str(root / "jobs" / "train.py"),
        "--input",
        str(text),
        "--output",
        str(tmp_path / "two" / "model"),
    ]
    done = subprocess.run(
        [*command, "--config", str(tmp_path / "two.toml"), "--report", str(tmp_path / "r.json")],
        env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "perplexity" in done.stderr or "ended" in done.stdout
    curves = [read_log(tmp_path / name / "model" / "training.csv") for name in ("one", "two")]
    one, two = ([row for row in curve if "perplexity_forward" in row] for curve in curves)
    assert [row["tokens"] for row in one] == [row["tokens"] for row in two]
    assert len(one) > 3
    for left, right in zip(one, two, strict=True):
        for direction in ("perplexity_forward", "perplexity_backward"):
            assert right[direction] == pytest.approx(left[direction], rel=0.25), (left, right)
    assert two[-1]["perplexity_forward"] < two[0]["perplexity_forward"] / 1.5


@pytest.mark.slow
def test_several_trainings_in_one_session_and_one_whose_task_has_failed(root: Path, tmp_path: Path) -> None:
    """Each is like the first; TensorFlow's cluster of one is no part of the next, nor that of a failed attempt."""
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(sentences(80)) + "\n")
    settings = SMALL | {"n_streams": 4, "evaluate_every": 5, "epochs": 10.0}
    command = [sys.executable, "-m", "tests.training_session", str(text), str(tmp_path), json.dumps(settings)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    reports = json.loads(done.stdout.splitlines()[-1])
    first = reports["first"]
    assert first["best_perplexity"] < 10
    for name in ("second", "failed once"):
        for number in ("steps", "tokens_read", "ended", "n_train_tokens"):
            assert reports[name][number] == first[number], name
        assert reports[name]["best_perplexity"] == pytest.approx(first["best_perplexity"], rel=0.01), name
        assert (tmp_path / name / "model" / "weights.hdf5").is_file()
    assert "the training has diverged" in reports["diverging"]["error"]
    assert "the training has diverged" in (tmp_path / "diverging" / "model-work" / "mistake.txt").read_text("utf-8")
