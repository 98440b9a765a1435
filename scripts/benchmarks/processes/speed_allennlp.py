"""How fast AllenNLP's ELMo reads sentences in their given order, a batch at a time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from absent import replace_absent


def main(folder: str, text: str, batch: int) -> dict[str, float]:
    """Seconds to read ``text``, a JSON list of sentences, with the model in ``folder``; and its tokens."""
    replace_absent()
    from allennlp.modules.elmo import _ElmoBiLm, batch_to_ids

    sentences = json.loads(Path(text).read_text("utf-8"))
    options, weights = (str(next(Path(folder).glob(pattern))) for pattern in ("*options*.json", "*.hdf5"))
    network = _ElmoBiLm(options, weights).eval()
    started = time.perf_counter()
    with torch.no_grad():
        for start in range(0, len(sentences), batch):
            layers = network(batch_to_ids(sentences[start : start + batch]))["activations"]
            torch.stack(layers).mean(dim=0)
    return {"seconds": time.perf_counter() - started, "n_tokens": sum(map(len, sentences))}
