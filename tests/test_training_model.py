"""The language model that is trained: its layers, its losses, its gradients and its optimizers."""

from __future__ import annotations

import numpy as np
import pytest

from elmo_udf.models.form import Mix, Model
from elmo_udf.network.engine import Network
from elmo_udf.training.cluster import Alone
from elmo_udf.training.initial import initial_arrays
from elmo_udf.training.language_model import SOFTMAX, LanguageModel
from elmo_udf.training.optimizer import Adagrad, Adam, Schedule, summed_rows
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.sampled_softmax import sampled_softmax_losses
from elmo_udf.training.trainer import Trainer
from elmo_udf.training.vocabulary import Vocabulary
from elmo_udf.training.windows import Streams
from tests import numpy_elmo

TEXT = [
    ["the", "cat", "sat", "on", "the", "mat", "."],
    ["a", "dog", ",", "unlike", "the", "cat", ",", "barks", "."],
    ["unbelievable", "!"],
    ["Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen", "is", "a", "word"],
]
VOCABULARY = Vocabulary(sorted({word for sentence in TEXT for word in sentence if word != "barks"}))


def options(**changed: object) -> TrainOptions:
    small = {
        "input": "x",
        "output": "y",
        "filters": ("1:4", "3:8"),
        "character_dim": 4,
        "cell_dim": 12,
        "projection_dim": 6,
        "clip": 1.5,
        "n_streams": 2,
        "n_steps": 5,
        "n_sampled_words": len(VOCABULARY) - 1,
        "dropout": 0.0,
        "optimizer": "adam",
    }
    return TrainOptions(**(small | changed))  # type: ignore[arg-type]


def language_model(settings: TrainOptions, seed: int = 3) -> LanguageModel:
    arrays = initial_arrays(settings.network(), len(VOCABULARY), seed)
    arrays |= {name: array + 0.1 for name, array in arrays.items() if name.endswith("bias")}
    return LanguageModel(settings.network(), arrays, settings.precision)


def log_probabilities(model: Model, softmax: list[np.ndarray], sentence: list[str]) -> tuple[float, float]:
    """Sum of the log probabilities of what each direction predicts, one token at a time, in numpy."""
    begin, end = (numpy_elmo.word_vector(model, b"", mark) for mark in (256, 257))
    words = [begin, *(numpy_elmo.word_vector(model, token.encode()) for token in sentence), end]
    labels = [0, *VOCABULARY.ids(sentence), 1]
    sums = []
    for direction, read, targets in (
        ("forward", words[:-1], labels[1:]),
        ("backward", words[:0:-1], labels[-2::-1]),
    ):
        states = numpy_elmo.read(model, direction, read)[-1]
        logits = states @ softmax[0].T.astype(np.float64) + softmax[1]
        normal = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        sums.append(float(normal[np.arange(len(targets)), targets].sum()))
    return sums[0], sums[1]


@pytest.mark.parametrize("changed", [{}, {"residual": False, "n_highway": 0, "activation": "tanh", "n_layers": 1}])
def test_perplexity_is_that_of_the_model_in_numpy(changed: dict[str, object]) -> None:
    settings = options(**changed)
    trainer = Trainer(language_model(settings), settings, Alone())
    found = trainer.perplexity(Streams(iter(TEXT), 2, 5).windows(VOCABULARY))
    softmax = [trainer.model.variables[name].numpy() for name in SOFTMAX]
    sums = np.array([log_probabilities(trainer.model.model(), softmax, sentence) for sentence in TEXT]).sum(axis=0)
    np.testing.assert_allclose(found, np.exp(-sums / sum(len(s) + 1 for s in TEXT)), rtol=1e-5)
    otherwise = Trainer(trainer.model, options(n_streams=3, n_steps=20, **changed), Alone())
    other = otherwise.perplexity(Streams(iter(TEXT[::-1]), 3, 20).windows(VOCABULARY))
    np.testing.assert_allclose(other, found, rtol=1e-5)


def test_engine_gives_the_layers_of_the_trainer() -> None:
    settings = options(n_steps=30, n_streams=1)
    model = language_model(settings)
    sentence = TEXT[1]
    (window,) = Streams(iter([sentence]), 1, 30).windows(VOCABULARY)
    layers, _ = model.read(
        model.words(window.characters), window.tokens, window.starts, model.zero_states(1), dropout=0.0, carry=True
    )
    n = len(sentence)
    found = Network(model.model()).layers([sentence], ["lstm_outputs1", "lstm_outputs2"])
    for i, name in enumerate(found):
        forward = layers[0][i].numpy()[1 : n + 1, 0]
        backward = layers[1][i].numpy()[1 : n + 1, 0][::-1]
        np.testing.assert_allclose(found[name], np.concatenate([forward, backward], axis=1), atol=1e-5)


def test_carried_state_reaches_the_next_sentence_only_where_asked_for() -> None:
    settings = options(n_steps=20, n_streams=1)
    model = language_model(settings)
    results = {}
    for carry in (True, False):
        for first in (TEXT[0], TEXT[2]):
            (window,) = Streams(iter([first, TEXT[1]]), 1, 20).windows(VOCABULARY)
            words = model.words(window.characters)
            layers, _ = model.read(words, window.tokens, window.starts, model.zero_states(1), dropout=0.0, carry=carry)
            results[carry, len(first)] = layers[0][-1].numpy()[len(first) + 1 : len(first) + 4, 0]
    assert np.abs(results[False, 7] - results[False, 2]).max() < 1e-6
    assert np.abs(results[True, 7] - results[True, 2]).max() > 1e-4


@pytest.mark.slow
def test_a_tiny_corpus_is_learned_by_heart() -> None:
    settings = options(cell_dim=48, projection_dim=24, n_streams=4, n_steps=12, clip=5.0, carry_state=False)
    trainer = Trainer(language_model(settings), settings, Alone())
    windows = Streams(iter(TEXT * 400), 4, 12).windows(VOCABULARY)
    before = trainer.perplexity(Streams(iter(TEXT), 4, 12).windows(VOCABULARY))
    for _, window in zip(range(220), windows, strict=False):
        losses, _ = trainer.step(window, 0.01, False)
    after = trainer.perplexity(Streams(iter(TEXT), 4, 12).windows(VOCABULARY))
    assert before.min() > 10
    # Which of four sentences begins can't be known: 4 of 26 predictions have up to four answers, the others one.
    assert after.max() < np.exp(4 / 26 * np.log(4)) + 0.1, (losses, after)
    assert not trainer.model.variables["character_embedding"].numpy()[0].any(), "no token has row 0"


def test_sampled_loss_of_all_words_is_near_the_full_one() -> None:
    """With nearly every word drawn, the corrected logits are those of the full softmax, but for the words left out."""
    settings = options()
    model = language_model(settings)
    (window, *_) = Streams(iter(TEXT), 2, 5).windows(VOCABULARY)
    layers, _ = model.read(
        model.words(window.characters), window.tokens, window.starts, model.zero_states(2), dropout=0.0, carry=True
    )
    outputs = [direction[-1] for direction in layers]
    full = np.mean([loss.numpy() for loss in model.full_losses(outputs, window.targets)])
    draws = [
        np.mean([x.numpy() for x in model.sampled_losses(outputs, window.targets, len(VOCABULARY) - 1, 0.0)])
        for _ in range(20)
    ]
    assert abs(np.mean(draws) - full) < 0.15 * full


def test_sampled_losses_and_gradients_are_those_of_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    random = np.random.default_rng(2)
    kernel, bias = (tf.Variable(random.normal(size=shape).astype(np.float32)) for shape in ((50, 8), (50,)))
    inputs = tf.Variable(random.normal(size=(300, 8)).astype(np.float32))
    labels = tf.constant(random.integers(0, 50, 300))
    weights = tf.constant(random.normal(size=300).astype(np.float32))  # losses don't count alike
    drawn = tf.random.log_uniform_candidate_sampler(labels[:, None], 1, 20, True, 50)
    assert 0 < np.isin(labels, drawn.sampled_candidates).sum() < 300, "labels are drawn, and are not"
    monkeypatch.setattr(tf.random, "log_uniform_candidate_sampler", lambda *args, **kwargs: drawn)
    results = []
    for own in (True, False):
        with tf.GradientTape() as tape:
            if own:
                losses = sampled_softmax_losses(kernel, bias, inputs, labels, 20)
            else:
                losses = tf.nn.sampled_softmax_loss(kernel, bias, labels[:, None], inputs, 20, 50, sampled_values=drawn)
            total = tf.reduce_sum(losses * weights)
        gradients = tape.gradient(total, [inputs, kernel, bias])
        results.append([losses.numpy(), *(tf.convert_to_tensor(gradient).numpy() for gradient in gradients)])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("own", "theirs"), [(Adam, "Adam"), (Adagrad, "Adagrad")])
def test_optimizers_are_those_of_keras(own: type, theirs: str) -> None:
    import tensorflow as tf

    start = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    mine, other = tf.Variable(start), tf.Variable(start)
    optimizer = own([mine])
    settings = {"initial_accumulator_value": 1.0} if theirs == "Adagrad" else {}
    keras = getattr(tf.keras.optimizers, theirs)(learning_rate=0.05, epsilon=1e-8, **settings)
    for step in range(6):
        gradient = np.random.default_rng(step).normal(size=(5, 3)).astype(np.float32)
        optimizer.apply([tf.constant(gradient)], tf.constant(0.05))
        keras.apply_gradients([(tf.constant(gradient), other)])
        np.testing.assert_allclose(mine.numpy(), other.numpy(), atol=2e-6)


def test_rows_of_a_gradient_change_only_their_rows() -> None:
    import tensorflow as tf

    table = tf.Variable(np.ones((4, 2), np.float32))
    whole = tf.Variable(np.ones((4, 2), np.float32))
    by_rows, dense = Adagrad([table]), Adagrad([whole])
    rows = tf.IndexedSlices(
        tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tf.constant([2, 0, 2]), tf.constant([4, 2])
    )
    for _ in range(2):
        by_rows.apply([summed_rows(rows)], tf.constant(0.1))
        dense.apply([tf.convert_to_tensor(rows)], tf.constant(0.1))
    np.testing.assert_allclose(table.numpy(), whole.numpy(), atol=1e-6)
    assert (table.numpy()[[1, 3]] == 1).all()


def test_schedule_rises_then_falls() -> None:
    schedule = Schedule(1.0, 0.1, True)
    assert schedule.rate(0.05) == pytest.approx(0.5)
    assert schedule.rate(0.1) == pytest.approx(1.0)
    assert schedule.rate(0.55) == pytest.approx(0.55)
    assert schedule.rate(1.0) == schedule.rate(2.0) == pytest.approx(0.1)
    assert Schedule(0.2, 0.0, False).rate(0.7) == 0.2


def test_initial_weights_fit_the_network_and_its_seed() -> None:
    settings = options()
    first, again, other = (initial_arrays(settings.network(), 9, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["softmax_kernel"], other["softmax_kernel"])
    Model(settings.network(), {n: a for n, a in first.items() if n not in SOFTMAX}, Mix.equal(2))
