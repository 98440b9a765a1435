"""Settings that are known to work, a file of conf/ each."""

from __future__ import annotations

from typing import Any

_PUBLISHED_FILTERS = ("1:32", "2:32", "3:64", "4:128", "5:256", "6:512", "7:1024")
_PUBLISHED: dict[str, Any] = {
    "filters": _PUBLISHED_FILTERS,
    "max_words": 793468,
    "n_streams": 128,
    "dropout": 0.1,
    "n_sampled_words": 8192,
    "optimizer": "adagrad",
    "learning_rate": 0.2,
    "warmup": 0.0,
    "max_gradient_norm": 10.0,
    "epochs": 10.0,
    "carry_state": True,
}
"""What the published models share: sizes and settings of Peters et al. 2018, as their options.json files say them."""

PRESETS: dict[str, dict[str, Any]] = {
    "mini": {
        "carry_state": False,
        "dropout": 0.0,
        "evaluate_every": 400,
        "n_sampled_words": 2048,
        "n_streams": 256,
        "precision": "bfloat16",
        "schedule": "cosine",
    },
    "small": _PUBLISHED | {"n_highway": 1, "cell_dim": 1024, "projection_dim": 128},
    "original": _PUBLISHED | {"n_highway": 2, "cell_dim": 4096, "projection_dim": 512},
}
"""Options of jobs/train.py that differ from their defaults."""
