"""Training in one process, from a prepared folder: how it ends, how it learns, and what it leaves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from elmo_udf import npz
from elmo_udf.training.cluster import Alone
from elmo_udf.training.folder import Work
from elmo_udf.training.language_model import SOFTMAX, LanguageModel
from elmo_udf.training.loop import Training
from elmo_udf.training.report import read_log
from elmo_udf.training.result import read_result, write_result
from elmo_udf.training.sentences import files_of
from elmo_udf.training.sentences import sentences as sentences_of
from elmo_udf.training.trainer import Trainer
from elmo_udf.training.vocabulary import Vocabulary
from elmo_udf.training.windows import Streams
from tests.refusals import refused
from tests.test_training_job import options, sentences
from tests.training_work import prepared


@pytest.fixture(scope="module")
def filled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("filled")
    (folder / "text.txt").write_text("\n".join(sentences(60)) + "\n")
    return prepared(spark, options(str(folder / "text.txt"), folder), folder / "work")


@pytest.fixture
def work(filled: Work, tmp_path: Path) -> Work:
    return Work(Path(shutil.copytree(filled.root, tmp_path / "work")))


def training(work: Work, **changed: Any) -> Training:
    return Training(work, options("corpus", work.root, **changed), Alone())


def windows(work: Work) -> Any:
    """Of the sentences held out."""
    held_out = sentences_of(files_of(work.held_out))
    return Streams(held_out, 8, 6).windows(Vocabulary.read(work.vocabulary))


@pytest.mark.slow
def test_it_ends_when_perplexity_no_longer_falls(work: Work) -> None:
    """Nothing is learned at such a rate: the first measurement stays the best."""
    progress = training(work, learning_rate=1e-30, evaluate_every=5, patience=2).run()
    assert (progress.ended, progress.step, progress.n_worse) == ("perplexity no longer falls", 15, 2)
    more_patient = training(work, learning_rate=1e-30, evaluate_every=5, patience=4)
    assert more_patient.progress.step == 15, "it goes on from there"
    assert more_patient.run().step == 25


@pytest.mark.slow
def test_it_ends_when_the_time_is_over(work: Work) -> None:
    progress = training(work, max_hours=2 / 3600, epochs=1e6).run()
    assert progress.ended == "all read" and 2 <= progress.seconds < 20
    assert read_log(work.log)[-1]["step"] == progress.step and np.isfinite(progress.best)


@pytest.mark.slow
def test_divergence_is_one_line(work: Work) -> None:
    with refused("the training has diverged", "use a lower --learning-rate"):
        training(work, learning_rate=1e30, evaluate_every=2).run()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": "adagrad", "learning_rate": 0.2, "warmup": 0.0, "max_gradient_norm": 10.0},
        {"precision": "bfloat16"},
        {"dropout": 0.1, "carry_state": True, "schedule": "cosine"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_other_ways_to_learn_the_grammar(work: Work, changed: dict[str, Any]) -> None:
    """One of the four words can be known, the full stop; else there are four subjects, four verbs, three objects."""
    progress = training(work, **changed).run()
    measured = [row["perplexity_forward"] for row in read_log(work.log) if "perplexity_forward" in row]
    assert progress.best < 5 and measured[-1] < measured[0]


@pytest.mark.slow
def test_gradients_are_cut_to_the_length_that_is_asked_for(work: Work) -> None:
    """After Adagrad's first step, whose accumulators tell the gradient it was given."""
    for longest in (0.5, 1e9):
        changed = {"optimizer": "adagrad", "max_gradient_norm": longest}
        one = training(work, **changed)
        one.trainer.step(next(windows(work)), 0.1, False)
        squares = [float((slots[0].numpy().astype(np.float64) - 1).sum()) for slots in one.trainer.optimizer.state]
        if longest == 0.5:
            assert np.sqrt(sum(squares)) == pytest.approx(0.5, rel=1e-3)
        else:
            assert np.sqrt(sum(squares)) > 2


@pytest.mark.slow
def test_dropout_is_for_training_alone(work: Work) -> None:
    arrays = npz.read(work.initial)
    settings = [options("corpus", work.root, dropout=dropout) for dropout in (0.0, 0.5)]
    trainers = [Trainer(LanguageModel(one.network(), arrays, one.precision), one, Alone()) for one in settings]
    np.testing.assert_array_equal(*(trainer.perplexity(windows(work)) for trainer in trainers))
    model, window = trainers[1].model, next(windows(work))
    for dropout, n_different in ((0.0, 1), (0.5, 2)):
        words, before = model.words(window.characters), model.zero_states(8)
        reads = [
            model.read(words, window.tokens, window.starts, before, dropout=dropout, carry=True)[0][0][-1].numpy()
            for _ in range(2)
        ]
        assert len({read.tobytes() for read in reads}) == n_different, "in every step other inputs are dropped"


@pytest.mark.slow
def test_what_is_left_predicts_as_well_as_was_measured(work: Work, tmp_path: Path) -> None:
    """The folder's model, whose word vectors were whitened, with its softmax: the perplexity of the best checkpoint."""
    progress = training(work, epochs=10.0).run()
    written = write_result(work, tmp_path / "model", "model", whiten=True)
    model, softmax, vocabulary = read_result(str(tmp_path / "model"))
    assert not np.allclose(model.arrays["projection_kernel"], npz.read(work.best)["projection_kernel"], atol=1e-3)
    assert model.fingerprint() == written.fingerprint()
    assert vocabulary is not None
    assert vocabulary.ids(["milk", "unheard"]) == Vocabulary.read(work.vocabulary).ids(["milk", "x"])
    settings = options("corpus", work.root)
    arrays = model.arrays | {name: softmax[name] for name in SOFTMAX}
    perplexity = Trainer(LanguageModel(model.options, arrays, "float32"), settings, Alone()).perplexity(windows(work))
    assert perplexity.mean() == pytest.approx(progress.best, rel=1e-4)
