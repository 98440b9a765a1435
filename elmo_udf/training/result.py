"""The folder of a trained model: what ``--model`` takes, and what another training can go on from."""

from __future__ import annotations

import logging
import shutil
import uuid
from itertools import islice
from pathlib import Path

import numpy as np

from elmo_udf import npz
from elmo_udf.errors import UserError
from elmo_udf.models import builtin, load_model
from elmo_udf.models.form import Mix, Model
from elmo_udf.models.handles import Fetch, resolve
from elmo_udf.models.writing import write_allennlp
from elmo_udf.plots.training import training_curve
from elmo_udf.training.folder import Work, save_arrays
from elmo_udf.training.language_model import SOFTMAX
from elmo_udf.training.report import read_log
from elmo_udf.training.sentences import files_of, sentences
from elmo_udf.training.vocabulary import Vocabulary
from elmo_udf.training.whitening import running_text, whitened

log = logging.getLogger(__name__)

WHITENING_SENTENCES = 20_000
"""Of running text: some hundred thousand tokens tell the covariance of some hundred dimensions."""
SOFTMAX_FILE = "softmax.npz"
"""What predicts words: kernel (W, P) and bias (W,), for the words of VOCABULARY_FILE."""
VOCABULARY_FILE = "vocabulary.txt"
LOG_FILE, CURVE_FILE = "training.csv", "training.png"
FILES = {"options.json", "weights.hdf5", SOFTMAX_FILE, VOCABULARY_FILE, LOG_FILE, CURVE_FILE}


def check_output(output: Path, mode: str) -> None:
    """Raise UserError where ``output`` holds anything that may not be replaced by a model."""
    if not output.exists():
        return
    surplus = (
        sorted(path.name for path in output.iterdir() if path.name not in FILES) if output.is_dir() else ["a file"]
    )
    if surplus:
        raise UserError(
            f"output {str(output)!r} holds {surplus[0]!r}, which is no part of a trained model; expected a folder of "
            "one, or nothing; give another path"
        )
    if mode == "error":
        raise UserError(f"output {str(output)!r} exists already; give another path, or --mode overwrite")


def write_result(work: Work, output: Path, whiten: bool) -> Model:
    """Put the best weights of a training, as a model with its vocabulary and its curve, into the folder ``output``.

    ``whiten``: with word vectors whitened over a part of the text it was trained on.
    """
    arrays = npz.read(work.best)
    options = work.network_options()
    network = {name: array for name, array in arrays.items() if name not in SOFTMAX}
    model = Model(options, network, Mix.equal(options.n_layers), str(output))
    if whiten and model.options.project_characters:  # else there is no matrix that could do it
        text = list(islice(sentences(files_of(work.train)), WHITENING_SENTENCES))
        model = whitened(model, running_text(text, model))
    staged = output.with_name(f"_elmo-{uuid.uuid4().hex[:12]}")
    staged.mkdir(parents=True)
    try:
        write_allennlp(model, staged)
        save_arrays(staged / SOFTMAX_FILE, {name: arrays[name] for name in SOFTMAX})
        shutil.copy(work.vocabulary, staged / VOCABULARY_FILE)
        shutil.copy(work.log, staged / LOG_FILE)
        training_curve(read_log(work.log), staged / CURVE_FILE, f"Training of {output.name}")
        if output.exists():
            shutil.rmtree(output)
        staged.replace(output)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return model


def read_result(handle: str, fetch: Fetch | None = None) -> tuple[Model, dict[str, np.ndarray], Vocabulary | None]:
    """A model, and where it is a folder that training made, with what predicts words and these words; else with none.

    ``fetch`` brings URIs, as for ``load_model``. Raises UserError for what is no model.
    """
    if handle in builtin.MODELS:
        return load_model(handle), {}, None
    folder = resolve(handle, fetch=fetch)
    model, softmax, vocabulary = load_model(str(folder)), folder / SOFTMAX_FILE, folder / VOCABULARY_FILE
    if not softmax.is_file() or not vocabulary.is_file():
        log.warning("model %r is no folder with %s: the words it predicts are learned anew", handle, SOFTMAX_FILE)
        return model, {}, None
    return model, npz.read(softmax), Vocabulary.read(vocabulary)
