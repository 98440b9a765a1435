"""Runs a model: computes vectors for the tokens of sentences, in named layers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from elmo_udf.errors import UserError
from elmo_udf.models.form import Model, NetworkOptions
from elmo_udf.network.batches import Batch, batches
from elmo_udf.network.budget import Budget, gpu_budget, processor_budget
from elmo_udf.network.encoder import OutOfMemory
from elmo_udf.network.forest import plant
from elmo_udf.network.functions import Functions
from elmo_udf.network.runtime import free_gpu_bytes, operation_threads, start_tensorflow, visible_gpus
from elmo_udf.network.weights import DIRECTIONS
from elmo_udf.network.words import WordVectors
from elmo_udf.text.characters import BEGIN_OF_SENTENCE_IDS, END_OF_SENTENCE_IDS

log = logging.getLogger(__name__)

PRECISIONS = ("float32", "bfloat16")


class Network:
    """A model in TensorFlow. Create it in the process that uses it."""

    def __init__(
        self,
        model: Model,
        *,
        precision: str = "float32",
        device: str = "auto",
        threads: int | None = None,
        max_sentences: int | None = None,
        max_tokens: int | None = None,
        max_words: int = 65536,
        share: bool = True,
    ) -> None:
        """Copies the weights to the device, and computes what never changes.

        Args:
            model: The model.
            precision: The type of weights and products, ``float32`` or ``bfloat16``. States and the sums in products
                are float32.
            device: ``auto`` (a GPU if TensorFlow sees one), ``cpu`` or ``gpu``.
            threads: The number of cores to use, or None for TensorFlow's choice.
            max_sentences: The largest number of sentences on the device at one time. None chooses what is best on a
                CPU and fits on a GPU.
            max_tokens: The largest number of tokens, in the same way.
            max_words: The number of words whose vectors are kept for later batches.
            share: Whether sentences that begin (end) alike share the forward (backward) states of that part.

        Raises UserError for an unknown precision, for device ``gpu`` if TensorFlow sees none, and for weights that
        don't fit into the device's memory.
        """
        if precision not in PRECISIONS:
            raise UserError(f"precision {precision!r} is unknown; expected one of {', '.join(PRECISIONS)}")
        tf = start_tensorflow(operation_threads(threads), device, at_once=threads)
        self._memory_ran_out = tf.errors.ResourceExhaustedError
        options = model.options
        self._options, self._share = options, share
        self._threads = ThreadPoolExecutor(1 if threads == 1 else len(DIRECTIONS))
        self._widths = {name: model.width(name) for name in (*options.layer_names, "elmo")}
        try:
            self._functions = Functions(model, precision)
        except self._memory_ran_out:
            raise UserError(
                f"the weights of model {model.handle!r} don't fit into the device's memory in {precision}; expected "
                "room for them; end other programs that use the device, or add --device cpu"
            ) from None
        widest_filter = max(width for width, _ in options.filters)
        compute = self._functions.word_vectors
        self._words = WordVectors(compute, options.projection_dim, widest_filter, max_words, self._at_once)
        budget = gpu_budget(free_gpu_bytes(tf), options) if visible_gpus(tf) else processor_budget(precision)
        self._budget = Budget(max_sentences or budget.sentences, max_tokens or budget.tokens)
        # A sentence starts from the state after its boundary, a constant of the model; what would be read last,
        # the other boundary, is never looked at.
        self._boundary = {
            "forward": self._state_after("forward", BEGIN_OF_SENTENCE_IDS),
            "backward": self._state_after("backward", END_OF_SENTENCE_IDS),
        }

    def _state_after(self, direction: str, ids: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns the cell (1, C) and state (1, P) of each LSTM layer after one token, ids (50,), from zero state."""
        c, p = self._options.cell_dim, self._options.projection_dim
        zeros = [(np.zeros((1, c), np.float32), np.zeros((1, p), np.float32))] * self._options.n_layers
        zero, one = np.zeros(1, np.int32), np.ones(1, np.int32)
        after: list[tuple[np.ndarray, np.ndarray]]
        _, after = self._functions.reader(direction, ())(self._words.of_ids(ids[np.newaxis]), zero, zero, one, zeros)
        return after

    @property
    def options(self) -> NetworkOptions:
        """The sizes and the names of the layers."""
        return self._options

    @property
    def n_words_computed(self) -> int:
        """The number of tokens so far whose context-free vector was not known from an earlier text."""
        return self._words.n_computed

    def width(self, layer: str) -> int:
        """Returns the number of values of a token in ``layer``.

        Raises UserError if the model does not have this layer.
        """
        if layer not in self._widths:
            known = ", ".join(self._widths)
            raise UserError(f"layer {layer!r} is not in the model; expected one of {known}")
        return self._widths[layer]

    @property
    def n_traces(self) -> int:
        """How often TensorFlow has traced a function of the network. It does not grow with the number of texts."""
        return self._functions.n_traces

    def layers(self, sentences: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns the vectors of all N tokens: ``{name: (N, width) float32}``, in reading order.

        Args:
            sentences: Any number of tokenized sentences of any length.
            names: Layers, out of ``elmo`` and ``options.layer_names``.

        A sentence's vectors depend only on the sentence (in float32 within 1e-5), and not on the others. If the
        device's memory runs out, the sentences are read again with half the budget, and so on; a budget that fits is
        kept. Raises UserError for a layer that the model does not have, and if the device has no memory left for
        anything. Raises OutOfMemory if there is nothing left to halve.
        """
        n_tokens = sum(map(len, sentences))
        layers = {name: np.empty((n_tokens, self.width(name)), dtype=np.float32) for name in names}
        budget = self._budget
        while not self._fits(layers, sentences, budget):
            half = budget.halved()
            if half is None:  # these sentences are at fault, unless none would fit: others are read as before
                if not self._fits({"elmo": np.empty((1, self.width("elmo")), np.float32)}, [["."]], budget):
                    raise UserError(
                        "the device has no memory left for a single token; expected room beside the model; end other "
                        "programs that use the device, or add --device cpu"
                    )
                raise OutOfMemory(f"{n_tokens} tokens don't fit into the device's memory one by one")
            log.warning("the device's memory ran out with %s; the network continues with %s", budget, half)
            budget = half
        self._budget = budget
        return layers

    def _fits(self, layers: dict[str, np.ndarray], sentences: Sequence[Sequence[str]], budget: Budget) -> bool:
        """Computes all rows of ``layers``.

        Returns False if they don't fit into the device's memory within ``budget``.
        """
        try:
            for batch in batches(sentences, budget.sentences):
                self._fill(layers, batch, budget.tokens)
        except self._memory_ran_out:
            return False
        return True

    def _fill(self, layers: dict[str, np.ndarray], batch: Batch, max_tokens: int) -> None:
        """Computes the rows of ``layers`` that belong to the tokens of ``batch``, at most ``max_tokens`` at a time."""
        words = self._words.of_tokens(batch.vocabulary)  # (V, P)
        if "word_emb" in layers:
            layers["word_emb"][batch.positions] = words[batch.ids]
        names = [name for name in layers if name != "word_emb"]

        def fill_half(i: int) -> None:
            half = slice(i * self._options.projection_dim, (i + 1) * self._options.projection_dim)
            for nodes, positions, halves in self._read(DIRECTIONS[i], names, words, batch, max_tokens):
                for name in names:
                    layers[name][batch.positions[positions], half] = halves[name].numpy()[nodes]

        # The directions know nothing of each other: where one has too little work for all cores, the other has some.
        self._at_once(fill_half, range(len(DIRECTIONS) if names else 0))

    def _at_once(self, function: Callable[[Any], None], items: Iterable[Any]) -> None:
        """Calls the function with each item, several at a time. It raises an error of one call after all have ended."""
        calls = [self._threads.submit(function, item) for item in items]
        wait(calls)
        while calls:  # kept, a call that raised would keep, in a cycle, all that was on the device then
            calls.pop().result()

    def _read(
        self, direction: str, names: Sequence[str], words: np.ndarray, batch: Batch, max_tokens: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
        """Reads ``batch`` in one direction, at most ``max_tokens`` at a time.

        Yields the nodes and the positions (M,), and the layers {name: (N, P)}.
        """
        read = self._functions.reader(direction, names)
        before = self._boundary[direction][: self._functions.depth(names)]
        backward = direction == "backward"
        for levels in plant(batch.ids, batch.lengths, max_tokens, backward=backward, share=self._share):
            vocabulary, tokens = np.unique(levels.tokens, return_inverse=True)
            halves, before = read(words[vocabulary], tokens.astype(np.int32), levels.parents, levels.sizes, before)
            yield levels.nodes, levels.positions, halves
