"""Saves and restores everything that is needed to continue a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elmo_udf.training.trainer import Trainer


class Checkpoints:
    """The last two checkpoints of one training process. Each is complete or absent (tf.train.CheckpointManager)."""

    def __init__(self, folder: Path, trainer: Trainer, rank: int) -> None:
        """``folder`` is that of all processes, and ``rank`` is the number of this one."""
        import tensorflow as tf

        self._position = tf.Variable("", trainable=False)
        optimizer = trainer.optimizer
        checkpoint = tf.train.Checkpoint(
            variables=trainer.model.variables,
            slots=optimizer.state,
            n_steps=optimizer.n_steps,
            states=trainer.states,
            position=self._position,
        )
        # Of two, because a process may be stopped when others have written a checkpoint that it has not.
        self._manager = tf.train.CheckpointManager(checkpoint, str(folder / str(rank)), max_to_keep=2)

    def save(self, position: dict[str, Any]) -> None:
        """Saves everything. ``position`` says where the text was and what was measured, with values for JSON."""
        self._position.assign(json.dumps(position))
        self._manager.save(checkpoint_number=position["progress"]["step"])

    def restore(self, step: int | None) -> dict[str, Any] | None:
        """Restores the checkpoint of ``step``. Returns its position, or None if there is no checkpoint."""
        if step is None:
            return None
        self._manager.checkpoint.restore(f"{self._manager.directory}/ckpt-{step}").assert_consumed()
        position: dict[str, Any] = json.loads(self._position.numpy())
        return position


def last_step(folder: Path, n_workers: int) -> int | None:
    """Returns the last step for which each of ``n_workers`` processes has a checkpoint."""
    steps = [
        {int(file.stem.removeprefix("ckpt-")) for file in (folder / str(rank)).glob("ckpt-*.index")}
        for rank in range(n_workers)
    ]
    return max(set.intersection(*steps), default=None)
