"""Reads and writes the folder of a trained model, which ``--model`` and ``--initial`` accept."""

from __future__ import annotations

import logging
import shutil
from itertools import islice
from pathlib import Path

import numpy as np

from elmo_udf import npz
from elmo_udf.errors import UserError
from elmo_udf.formats import SIDECAR
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
"""Number of sentences for whitening. Some 100,000 tokens determine the covariance of some hundred dimensions."""
SOFTMAX_FILE = "softmax.npz"
"""The file with the weights that predict words: kernel (W, P) and bias (W,), for the words of VOCABULARY_FILE."""
VOCABULARY_FILE = "vocabulary.txt"
LOG_FILE, CURVE_FILE = "training.csv", "training.png"
FILES = {"options.json", "weights.hdf5", SOFTMAX_FILE, VOCABULARY_FILE, LOG_FILE, CURVE_FILE, SIDECAR}


def check_output(output: Path, mode: str) -> None:
    """Raises UserError if ``output`` contains something that a model must not replace."""
    if not output.exists():
        return
    surplus = (
        sorted(path.name for path in output.iterdir() if path.name not in FILES) if output.is_dir() else ["a file"]
    )
    if surplus:
        raise UserError(
            f"output {str(output)!r} contains {surplus[0]!r}, which is not part of a trained model; expected the "
            "folder "
            "of a model, or nothing; choose another path"
        )
    if mode == "error":
        raise UserError(f"output {str(output)!r} exists already; give another path, or --mode overwrite")


def write_result(work: Work, staged: Path, handle: str, whiten: bool) -> Model:
    """Writes the best weights of a training to the folder ``staged``, as a model with its vocabulary and its curve.

    ``handle`` is the path at which the model will be. With ``whiten``, the word vectors are whitened on a part of the
    training text.
    """
    arrays = npz.read(work.best)
    options = work.network_options()
    network = {name: array for name, array in arrays.items() if name not in SOFTMAX}
    model = Model(options, network, Mix.equal(options.n_layers), handle)
    if whiten and model.options.project_characters:  # else there is no matrix that could do it
        text = list(islice(sentences(files_of(work.train)), WHITENING_SENTENCES))
        model = whitened(model, running_text(text, model))
    staged.mkdir(parents=True)
    write_allennlp(model, staged)
    save_arrays(staged / SOFTMAX_FILE, {name: arrays[name] for name in SOFTMAX})
    shutil.copy(work.vocabulary, staged / VOCABULARY_FILE)
    shutil.copy(work.log, staged / LOG_FILE)
    training_curve(read_log(work.log), staged / CURVE_FILE, f"Training of {Path(handle).name}")
    return model


def read_result(handle: str, fetch: Fetch | None = None) -> tuple[Model, dict[str, np.ndarray], Vocabulary | None]:
    """Returns a model and, if training made it, the weights that predict words, and these words.

    ``fetch`` fetches URIs, as for ``load_model``. Raises UserError if the handle does not name a model.
    """
    if handle in builtin.MODELS:
        return load_model(handle), {}, None
    folder = resolve(handle, fetch=fetch)
    model, softmax, vocabulary = load_model(str(folder)), folder / SOFTMAX_FILE, folder / VOCABULARY_FILE
    if not softmax.is_file() or not vocabulary.is_file():
        log.warning("model %r is not a folder with %s, so the model learns new words to predict", handle, SOFTMAX_FILE)
        return model, {}, None
    return model, npz.read(softmax), Vocabulary.read(vocabulary)
