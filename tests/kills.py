"""Lets a run die at its n-th change of a file, and be dead from then on, in the process of the tests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from elmo_udf.spark import changes, local_files
from elmo_udf.spark.outputs import owners

_CHANGES = ("replace", "rename", "link", "unlink", "remove", "rmdir", "mkdir")


AROUND = 8
"""So many changes before the end of a commit are tried one by one."""


class Killed(BaseException):
    """The process has ended: no handler of errors sees it, and nothing is changed any more."""


@dataclass
class Kills:
    """Counts changes of files in a folder, by Python; the one with the number ``at`` and all later ones fail."""

    folder: Path
    at: int | None = None
    n: int = 0
    error: Callable[[], BaseException] = Killed
    names: list[str] = field(default_factory=list)

    def met(self, what: str, path: Any, folder: int | None = None) -> None:
        above = Path(f"/proc/self/fd/{folder}").readlink() if folder is not None else Path()
        where = str(above / os.fsdecode(path))
        if not where.startswith(str(self.folder)):
            return
        self.n += 1
        self.names.append(f"{what} {where}")
        if self.at is not None and self.n >= self.at:
            raise self.error()

    @contextmanager
    def around(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kills]:
        with monkeypatch.context() as patch:
            for name in _CHANGES:
                patch.setattr(os, name, self._watched(name, getattr(os, name)))
            for name in ("write_bytes", "write_text"):
                patch.setattr(Path, name, self._watched(name, getattr(Path, name)))
            patch.setattr(local_files, "exchange", self._watched("exchange", local_files.exchange))
            yield self
        owners._tokens_of_this_process.clear()

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(path: Any, *more: Any, **named: Any) -> Any:
            self.met(name, path, named.get("dir_fd", named.get("src_dir_fd")))
            return real(path, *more, **named)

        return change


@dataclass(frozen=True)
class Case:
    """A command that writes, in a folder that ``prepare`` fills."""

    prepare: Callable[[Path], Any]
    run: Callable[[Path], dict[str, Any]]
    outputs: tuple[str, ...]
    each: bool = True
    """Whether each of the outputs is replaced at once. False for files that belong to one."""
    step: int = 7
    """Outside of commits the run is killed at every change of a file with such a distance."""


def content(path: Path) -> Any:
    """What a reader finds: rows without order and times, the names of other files, the text of a file."""
    if path.is_file():
        return path.read_text("utf-8") if path.suffix in (".jsonl", ".csv") else "a file"
    if not path.is_dir():
        return None
    if not any(path.rglob("*.parquet")):
        return sorted(one.name for one in path.iterdir())
    files = sorted(
        one for one in path.rglob("*.parquet") if not one.relative_to(path).as_posix().startswith(("_", "."))
    )
    rows = [json.dumps(_row(row | _folders(one, path)), default=str) for one in files for row in _rows(one)]
    return sorted(rows)


def _rows(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.ParquetFile(file).read().to_pylist()
    return found


def _folders(file: Path, table: Path) -> dict[str, Any]:
    parts = [part.split("=", 1) for part in file.relative_to(table).parts[:-1] if "=" in part]
    return dict(parts)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _rounded(value) for name, value in row.items() if name != "embedded_at"}


def _rounded(value: Any) -> Any:
    return [round(x, 4) for x in value] if isinstance(value, list) and value and isinstance(value[0], float) else value


def counts(report: dict[str, Any]) -> dict[str, Any]:
    """Of a report what does not depend on the time."""
    return {name: value for name, value in report.items() if name.startswith(("rows_", "n_", "texts_", "output"))}


def leftovers(folder: Path) -> list[str]:
    """What runs may leave while they work."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    return sorted(name for name in names if "_elmo-" in name or "_elmo~" in name or name.endswith(".tmp"))


def fresh(folder: Path, case: Case) -> Path:
    """The folder as it is before the run."""
    before, work = folder / "before", folder / "w"
    if not before.exists():
        work.mkdir()
        case.prepare(work)
        shutil.copytree(work, before, symlinks=True)
    shutil.rmtree(work)
    shutil.copytree(before, work, symlinks=True)
    return work


def file_by_file(patch: pytest.MonkeyPatch) -> None:
    """As on an object store: no folder is renamed at once, and none is exchanged."""
    patch.setattr(changes, "moves_at_once", lambda *_: False)
    patch.setattr(changes, "can_exchange", lambda *_: False)


def check_kills(
    case: Case,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int = 1,
    at_once: bool = True,
    most: int | None = None,
) -> int:
    """Kill the run at its :func:`moments`, run it again each time, and compare. Returns the number of kills.

    ``most`` limits their number; they are then as far apart as possible.
    """
    if not at_once:
        file_by_file(monkeypatch)
    work = fresh(folder, case)
    before = {name: content(work / name) for name in case.outputs}
    with Kills(work).around(monkeypatch) as undisturbed:
        report = counts(case.run(work))
    after = {name: content(work / name) for name in case.outputs}
    assert all(value is not None for value in after.values()) and leftovers(work) == []
    chosen = moments(undisturbed.names, step)
    if most is not None and len(chosen) > most:
        chosen = [chosen[i * (len(chosen) - 1) // (most - 1)] for i in range(most)]
    for at in chosen:
        fresh(folder, case)
        kills = Kills(work, at)
        with kills.around(monkeypatch), suppress(Killed):
            case.run(work)
        assert kills.n >= at, "the run changed fewer files than the undisturbed one"
        where = f"killed at {at} of {undisturbed.n}: {kills.names[at - 1]}"
        if at_once and case.each:
            for name in case.outputs:
                assert content(work / name) in (before[name], after[name]), f"{where}: a reader sees half of {name}"
        again = case.run(work)
        assert {name: content(work / name) for name in case.outputs} == after, where
        assert leftovers(work) == [], where
        if "done_already" in again:
            assert counts(again) == report, where
    return len(chosen)


def moments(names: list[str], step: int) -> list[int]:
    """All changes of files in a commit and around it, and every ``step``-th of the others."""
    ends = [i for i, name in enumerate(names, 1) if name.startswith("unlink ") and name.endswith("/intent.json")]
    of_commits = {at for end in ends for at in range(end - AROUND, end + 3)}
    return sorted({*range(step // 2 + 1, len(names) + 1, step), *(of_commits & {*range(1, len(names) + 1)})})
