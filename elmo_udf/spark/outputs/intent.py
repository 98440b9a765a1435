"""The intent of a commit: a file that names every step of it, written before the first and deleted after the last.

A run that is killed before the file is there has changed nothing that readers see. One that is killed afterwards is
rolled forward by the next run: the steps are done that were not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from elmo_udf.errors import ResourceError, UserError
from elmo_udf.spark import changes, files
from elmo_udf.spark.outputs.addresses import Address
from elmo_udf.spark.outputs.lock import Lock, owners_of
from elmo_udf.spark.outputs.steps import Step, as_json, from_json

log = logging.getLogger(__name__)

FORMAT = 1


class Unfinished(ResourceError):
    """A commit has begun and could not be ended. What it needs stays where it is; the next run ends it."""


def commit(spark: SparkSession, lock: Lock, steps: Sequence[Step], run: dict[str, Any]) -> None:
    """Does all steps, or none if the run ends before the intent is there. Raises Unfinished if they can't be done.

    ``run`` is what the next run gets from :func:`recover` if it has to end this commit.
    """
    if not steps:
        return
    lock.check()
    path = path_of(lock)
    changes.write_text(spark, path, json.dumps({"format": FORMAT, "run": run, "steps": as_json(steps)}, default=str))
    try:
        _roll_forward(spark, path, steps)
    except Exception as error:
        raise Unfinished(f"{error}; a part is in place, and the same command puts the rest there") from error


def path_of(lock: Lock) -> str:
    """Returns the path of the intent of a run while it commits."""
    return _path(Address(lock.owner.first), lock.owner.token)


def recover(spark: SparkSession, lock: Lock) -> list[dict[str, Any]]:
    """Does what is left of the commits of runs that are gone, and deletes what they have staged. Returns these runs."""
    runs = []
    for address in lock.indexes:
        for token in _tokens(spark, address) - {lock.owner.token}:
            path = _path(address, token)
            if (found := _read(spark, path, list(lock.indexes))) is not None:
                run, steps = found
                log.warning("a run was interrupted as it put %s in place; this one ends that first", address.uri)
                _roll_forward(spark, path, steps)
                runs.append(run)
    lock.clear()
    return runs


def _roll_forward(spark: SparkSession, path: str, steps: Sequence[Step]) -> None:
    for step in steps:
        step.do(spark)
    changes.delete(spark, path)


def _path(first: Address, token: str) -> str:
    """Returns the path of a run's file, beside the first of its outputs."""
    return f"{first.work_folder}/{token}/intent.json"


def _tokens(spark: SparkSession, address: Address) -> set[str]:
    """Returns the tokens of all runs that have worked on an output and have not cleaned up."""
    owners = {owner.token for owner in owners_of(spark, address).values()} - {""}
    return owners | {name for name, is_folder in files.list_entries(spark, address.work_folder) if is_folder}


def _read(spark: SparkSession, path: str, outputs: Sequence[Address]) -> tuple[dict[str, Any], list[Step]] | None:
    """Returns the run and the steps of an intent file, or None. Raises UserError for one that is not ours."""
    try:
        text = files.read_text(spark, path)
        if text is None:
            return None
        said = json.loads(text)
        run, steps = dict(said["run"]), from_json(said["steps"])
        if said["format"] == FORMAT and all(_is_within(outputs, one) for step in steps for one in step.paths):
            return run, steps
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(
        f"file {path!r} is no list of steps that this version knows; expected what an interrupted run wrote there; "
        "run the command with the version that was interrupted"
    )


def _is_within(outputs: Sequence[Address], path: str) -> bool:
    """Returns whether a path lies in an output, or in what is staged for one."""
    path = f"{path}/"
    return "/../" not in path and any(path.startswith((f"{one.uri}/", f"{one.work_folder}/")) for one in outputs)
