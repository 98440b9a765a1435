"""Puts a trained model into the package as builtin:mini.

python scripts/mini.py MODEL_FOLDER EVALUATION_REPORT

MODEL_FOLDER is what jobs/train.py left, EVALUATION_REPORT the report of jobs/evaluate.py --fit-mix, whose mix of layers
the model then carries.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path

from elmo_udf.models import Mix, load_model, store
from elmo_udf.models.builtin import MINI, MINI_FILE


def main(folder: str, evaluation: str) -> int:
    """Write the weights, rounded to float16, and the curve of the training beside them."""
    mix = json.loads(Path(evaluation).read_text("utf-8"))["mix"]
    model = dataclasses.replace(load_model(folder), mix=Mix(tuple(mix["weights"]), mix["scale"]), handle=MINI, note="")
    MINI_FILE.parent.mkdir(exist_ok=True)
    store.save(model, MINI_FILE, "float16")
    for name in ("training.csv", "training.png"):
        shutil.copy(Path(folder) / name, MINI_FILE.parent / name)
    print(f"{MINI_FILE}: {MINI_FILE.stat().st_size / 1e6:.1f} MB, fingerprint {load_model(MINI).fingerprint()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
