"""Training by this project: so many windows of a text, timed, and the model they leave."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from elmo_udf.models.form import Mix, Model
from elmo_udf.models.writing import write_allennlp
from elmo_udf.network.runtime import start_tensorflow
from elmo_udf.training.cluster import Alone
from elmo_udf.training.initial import initial_arrays
from elmo_udf.training.language_model import SOFTMAX, LanguageModel
from elmo_udf.training.optimizer import Schedule
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.trainer import Trainer
from elmo_udf.training.vocabulary import Vocabulary
from elmo_udf.training.windows import Streams


def main(corpus: str, output: str, options: dict[str, Any], n_windows: int, mix: list[float]) -> dict[str, Any]:
    """Seconds of every step; perplexity of the held-out sentences as the trainer measures it; weights to ``output``.

    ``mix``: weights of the layers and scale that the model is to carry.
    """
    start_tensorflow().random.set_seed(1)
    settings = TrainOptions(**options)
    vocabulary = Vocabulary.read(Path(corpus) / "vocabulary.txt")
    arrays = initial_arrays(settings.network(), len(vocabulary), settings.seed)
    trainer = Trainer(LanguageModel(settings.network(), arrays, settings.precision), settings, Alone())
    schedule = Schedule(settings.learning_rate, settings.warmup, settings.schedule == "cosine")

    seconds, started = [], time.perf_counter()
    for i, window in enumerate(islice(_windows(Path(corpus) / "train.txt", settings, vocabulary), n_windows)):
        assert window.counts.all(), "the text ended before the windows"
        trainer.step(window, schedule.rate(i / n_windows), i + 1 == n_windows)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    perplexities = trainer.perplexity(_windows(Path(corpus) / "held_out.txt", settings, vocabulary))

    trained = {name: variable.numpy() for name, variable in trainer.model.variables.items()}
    np.savez(Path(output) / "softmax.npz", **{name: trained.pop(name) for name in SOFTMAX})
    write_allennlp(Model(settings.network(), trained, Mix(tuple(mix[:-1]), mix[-1])), Path(output))
    return {"seconds": seconds, "perplexity": perplexities.tolist()}


def _windows(path: Path, settings: TrainOptions, vocabulary: Vocabulary) -> Any:
    lines = path.read_text("utf-8").splitlines()
    return Streams((line.split() for line in lines), settings.n_streams, settings.n_steps).windows(vocabulary)
