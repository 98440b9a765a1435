"""The import rules of ARCHITECTURE.md, read from the syntax tree of every module and tried in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "version": set(),
    "errors": set(),
    "npz": set(),
    "secrets": set(),
    "report": {"cleanup", "errors"},
    "formats": {"errors", "version"},
    "cleanup": set(),
    "correlation": set(),
    "options": {"errors", "text"},
    "flags": {"errors", "options"},
    "plots": {"errors"},
    "text": {"errors"},
    "models": {"cleanup", "errors", "formats", "npz", "secrets", "text"},
    "network": {"cleanup", "errors", "text", "models"},
    "spark": {"cleanup", "errors", "formats", "report", "secrets", "version", "options", "models"},
    "embedding": {"errors", "version", "options", "flags", "text", "models", "network", "spark"},
    "similarity": {"cleanup", "errors", "formats", "npz", "options", "plots", "text", "spark", "embedding"},
    "in_memory": {"errors", "flags", "options", "text", "models", "network", "embedding", "similarity"},
    "dedup": {"errors", "options", "similarity", "spark"},
    "tfidf": {
        *("cleanup", "correlation", "errors", "options", "plots", "text", "network", "spark", "embedding"),
        *("similarity",),
    },
    "evaluation": {
        *("cleanup", "correlation", "errors", "options", "plots", "text", "models", "network", "spark", "embedding"),
        *("similarity", "tfidf", "study"),
    },
    "words": {"errors", "options", "plots", "text", "spark", "similarity"},
    "lake": {"errors", "formats", "options", "spark", "embedding"},
    "cleaning": {"errors", "options", "text", "spark"},
    "study": {"errors", "options", "plots", "text", "network", "spark", "embedding"},
    "ml": {"errors", "options", "models", "spark", "embedding", "cleaning"},
    "classification": {
        *("cleanup", "errors", "options", "plots", "secrets", "models", "spark", "embedding"),
        *("cleaning", "tfidf", "ml"),
    },
    "training": {
        *("cleanup", "errors", "formats", "npz", "options", "plots", "text", "models", "network", "spark"),
        "embedding",
    },
    "cli": {"cleanup", "errors", "report", "secrets", "version", "flags", "spark"},
    "command": {"version"},
}
"""What each part of elmo_udf may import besides itself. There is no circle in it."""

TENSORFLOW = {"elmo_udf.models.hub", "elmo_udf.models.checkpoint"}
"""The modules outside of network and training that import TensorFlow; these and those inside of functions only."""

SPARK_FACING = {
    "classification": {"features", "job", "pipeline", "results", "rows", "source", "train", "trials"},
    "cleaning": {"columns", "job"},
    "dedup": {"first_come", "job"},
    "embedding": {
        "carried",
        "corpus",
        "increments",
        "device",
        "loaded",
        "plan",
        "reasons",
        "records",
        "rows",
        "run",
        "stats",
        "tokens",
        "udf",
        "worker",
    },
    "evaluation": {"agreement", "baselines", "correlations", "cosines", "inputs", "job", "pairs", "staged", "texts"},
    "lake": {"compact", "source", "validate"},
    "similarity": {"answers", "compare", "explain", "job", "pictures"},
    "similarity.blocks": {"comparable", "pack", "shared", "threads", "verdicts"},
    "similarity.joins": {"comparison", "corrected", "fit", "groups", "previous", "ranking", "sample", "update"},
    "similarity.queries": {"answers_file", "corpus", "job", "many_texts", "one_text", "prompt", "search", "sentences"},
    "study": {"job", "texts", "tokens", "trials"},
    "tfidf": {"job", "matrix"},
    "training": {"corpus", "job", "workers"},
    "words": {"find", "senses"},
}
"""The modules outside of elmo_udf.spark and elmo_udf.ml that import pyspark, or a module that does; others never do."""


@dataclass(frozen=True)
class Import:
    """One imported name: ``where`` is module (when the module is imported), function, or types (type checkers only)."""

    module: str
    imported: str
    where: str


def all_modules() -> dict[str, Path]:
    names = {}
    for path in (ROOT / "elmo_udf").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


MODULES = all_modules()


def imports_of(module: str) -> list[Import]:
    found: list[Import] = []

    def visit(node: ast.AST, where: str) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(module, alias.name, where) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import; the project names modules in full"
            for alias in node.names:  # "from package import module" imports the module as well
                full = f"{node.module}.{alias.name}"
                found.append(Import(module, full if full in MODULES else str(node.module), where))
        for child in ast.iter_child_nodes(node):
            visit(child, inner(node, child, where))

    def inner(node: ast.AST, child: ast.AST, where: str) -> str:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return "function"
        if isinstance(node, ast.If) and child in node.body and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return "types"
        return where

    visit(ast.parse(MODULES[module].read_text("utf-8")), "module")
    return found


IMPORTS = [item for module in MODULES for item in imports_of(module)]


def part(module: str) -> str:
    """``elmo_udf.text.characters`` is in the part ``text``."""
    return module.partition(".")[2].partition(".")[0]


def is_spark_facing(module: str) -> bool:
    folder, _, name = module.removeprefix("elmo_udf.").rpartition(".")
    return part(module) in ("spark", "ml") or name in SPARK_FACING.get(folder, set())


PLAIN = sorted(module for module in MODULES if not is_spark_facing(module))


def test_the_walk_sees_every_kind_of_import() -> None:
    """Imports that are known to be there, so that the rules below can't hold for want of imports."""
    assert Import("elmo_udf.network.bilm", "tensorflow", "types") in IMPORTS
    assert Import("elmo_udf.network.bilm", "tensorflow", "function") in IMPORTS
    assert Import("elmo_udf.spark.outputs.steps", "elmo_udf.spark.files", "module") in IMPORTS
    assert Import("elmo_udf.embedding.loaded", "pyspark", "function") in IMPORTS
    assert len(MODULES) > 40 and len(IMPORTS) > 300


def test_parts_import_one_way() -> None:
    parts = {part(module) for module in MODULES} - {""}
    assert parts == MAY_IMPORT.keys(), "a new part of the library needs its place in MAY_IMPORT"
    for item in IMPORTS:
        target = part(item.imported)
        if item.imported.startswith("elmo_udf.") and part(item.module) not in ("", target):
            assert target in MAY_IMPORT[part(item.module)], f"{item.module} imports {item.imported}"


def test_the_parts_are_in_no_circle() -> None:
    done: list[str] = []
    while len(done) < len(MAY_IMPORT):
        ready = [name for name, needs in MAY_IMPORT.items() if name not in done and needs <= set(done)]
        assert ready, f"a circle among {MAY_IMPORT.keys() - set(done)}"
        done += ready


ROOMS = {
    "similarity": ["options", "kernels", "blocks", "joins", "queries", ""],
    "spark": ["", "inputs", "outputs"],
}
"""The rooms inside a part, from the ground up ("" are the files that are not named): arrows point down only."""


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_import_downward(name: str) -> None:
    def floor(module: str) -> int:
        inside = module.removeprefix(f"elmo_udf.{name}").lstrip(".").split(".")
        return ROOMS[name].index(inside[0] if inside[0] in ROOMS[name] else "")

    prefix = f"elmo_udf.{name}."
    inner = [item for item in IMPORTS if item.module.startswith(prefix) and item.imported.startswith(prefix)]
    assert {floor(name) for item in inner for name in (item.module, item.imported)} == set(range(len(ROOMS[name])))
    for item in inner:
        assert floor(item.imported) <= floor(item.module), f"{item.module} imports {item.imported}"


def test_modules_are_in_no_circle() -> None:
    """Imports that run when a module is imported; inside a function one may look back."""
    needs = {module: set() for module in MODULES}
    for item in IMPORTS:
        if item.where == "module" and item.imported in MODULES and item.imported != item.module:
            needs[item.module].add(item.imported)
    while needs:
        ready = [module for module, missing in needs.items() if not missing]
        assert ready, f"a circle among {sorted(needs)}"
        needs = {module: missing - set(ready) for module, missing in needs.items() if module not in ready}


def test_tensorflow_is_imported_by_the_network_and_the_readers_of_its_files_when_used() -> None:
    found = [item for item in IMPORTS if item.imported.split(".")[0] in ("tensorflow", "tensorflow_hub")]
    assert {item.module for item in found if part(item.module) not in ("network", "training")} == TENSORFLOW
    assert {item.where for item in found} <= {"function", "types"}


def test_pyspark_is_imported_by_the_spark_facing_modules_only() -> None:
    uses = {item.module for item in IMPORTS if item.imported.split(".")[0] in ("pyspark", "py4j")}
    when_imported = [item for item in IMPORTS if item.where == "module"]
    brings = {item.module for item in when_imported if item.imported.split(".")[0] in ("pyspark", "py4j")}
    while more := {item.module for item in when_imported if item.imported in brings} - brings:
        brings |= more
    found = uses | brings
    named = {f"elmo_udf.{package}.{name}" for package, names in SPARK_FACING.items() for name in names}
    assert {module for module in found if part(module) not in ("spark", "ml")} == named


@pytest.mark.parametrize("name", ["elmo_udf", "plain modules", "a text, tokenized"])
def test_neither_spark_nor_tensorflow_is_loaded_by(name: str) -> None:
    """In a fresh interpreter: what other libraries bring along counts too."""
    code = {
        "elmo_udf": "import elmo_udf; elmo_udf.__version__; elmo_udf.UserError; elmo_udf.load_model",
        "plain modules": "; ".join(f"import {module}" for module in PLAIN),
        "a text, tokenized": "from elmo_udf.text.tokenizer import Tokenizer; assert Tokenizer()('One. Two.').n_tokens",
    }[name]
    heavy = "{'pyspark', 'py4j', 'tensorflow', 'tensorflow_hub'}"
    check = f"import sys; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", f"{code}; {check}"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_jobs_import_the_runner_their_options_and_one_function() -> None:
    for path in (ROOT / "jobs").glob("*.py"):
        nodes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
        modules = {f"{node.module}" for node in nodes}
        options = {module for module in modules if module.endswith("options")}
        assert len(modules) == 3 and len(options) == 1 and "elmo_udf.cli" in modules, path.name
        assert all(len(node.names) == 1 for node in nodes), path.name


def test_only_the_runner_of_jobs_prints_exits_or_configures_logging() -> None:
    for module, path in MODULES.items():
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        loud = calls & {"print", "sys.exit", "exit", "quit", "os._exit", "logging.basicConfig", "SystemExit"}
        assert module in ("elmo_udf.cli", "elmo_udf.command") or not loud, f"{module} calls {loud}"
