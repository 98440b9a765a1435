"""Small random models for tests: every option of the network can be set, every weight comes from a seed."""

from __future__ import annotations

import dataclasses

import numpy as np

from elmo_udf.models.form import Mix, Model, NetworkOptions, array_shapes

TINY = NetworkOptions(
    character_dim=4,
    filters=((1, 4), (2, 8), (3, 8)),
    n_highway=1,
    activation="relu",
    n_layers=2,
    cell_dim=16,
    projection_dim=8,
    cell_clip=3.0,
    projection_clip=3.0,
    residual=True,
)


def random_model(seed: int, mix: Mix | None = None, **changes: object) -> Model:
    """A model of ``TINY``'s sizes with ``changes`` to its options; weights are large enough for the clips to bite."""
    options = dataclasses.replace(TINY, **changes)  # type: ignore[arg-type]
    random = np.random.default_rng(seed)
    arrays = {}
    for name, shape in array_shapes(options):
        scale = 0.3 if name.endswith("bias") else 1.5 / np.sqrt(max(1, int(np.prod(shape[:-1]))))
        arrays[name] = (random.standard_normal(shape) * scale).astype(np.float32)
    arrays["character_embedding"][0] = 0
    return Model(options, arrays, mix or Mix((0.0,) * (options.n_layers + 1), 1.0), handle=f"random:{seed}")
