"""What training needs to go on after it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elmo_udf.training.trainer import Trainer


class Checkpoints:
    """Files of one training process: the two last checkpoints, each whole or not there (tf.train.CheckpointManager)."""

    def __init__(self, folder: Path, trainer: Trainer, rank: int) -> None:
        """``folder`` is that of all processes, ``rank`` this one's number."""
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
        """Everything, with ``position`` (values that JSON takes: where the text was, and what was measured)."""
        self._position.assign(json.dumps(position))
        self._manager.save(checkpoint_number=position["progress"]["step"])

    def restore(self, step: int | None) -> dict[str, Any] | None:
        """Bring the checkpoint of ``step`` back and return its position; None where there is none."""
        if step is None:
            return None
        self._manager.checkpoint.restore(f"{self._manager.directory}/ckpt-{step}").assert_consumed()
        position: dict[str, Any] = json.loads(self._position.numpy())
        return position


def last_step(folder: Path, n_workers: int) -> int | None:
    """The last step of which every one of ``n_workers`` processes has a checkpoint."""
    steps = [
        {int(file.stem.removeprefix("ckpt-")) for file in (folder / str(rank)).glob("ckpt-*.index")}
        for rank in range(n_workers)
    ]
    return max(set.intersection(*steps), default=None)
