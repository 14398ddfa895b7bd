"""The pipeline's stages, and which files of ours a module needs: the closure of its imports, from the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
PIPELINE: dict[str, Any] = {
    name: stage
    for file in ("dvc.yaml", "stages/dvc.yaml")
    for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items()
}
SOURCES = {"tandem": ROOT / "src", "stages": ROOT}


def file_of(module: str) -> Path | None:
    """The file of a module of ours, or None for anything else."""
    top = module.partition(".")[0]
    if top not in SOURCES:
        return None
    path = SOURCES[top].joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@cache
def imports_of(path: Path) -> frozenset[str]:
    """The modules of ours that a file imports, at its top or within a function."""
    return frozenset(module for module in _named(ast.parse(path.read_text())) if file_of(module) is not None)


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def closure(module: str) -> set[str]:
    """The files, relative to the root, whose code runs when a module is imported; bare docstrings left out."""
    found: set[Path] = set()
    waiting = [file_of(module)]
    while waiting:
        path = waiting.pop()
        if path is None or path in found:
            continue
        found.add(path)
        waiting += [file_of(name) for name in imports_of(path)]
    return {path.relative_to(ROOT).as_posix() for path in found if _has_code(path)}


def dependencies(module: str) -> set[str]:
    """The closure as a stage lists it: a folder whose every file is in it stands for them all."""
    files = closure(module)
    folders = [folder for folder in _folders() if files >= files_of(folder)]
    widest = [folder for folder in folders if not any(folder.startswith(f"{other}/") for other in folders)]
    return {*widest, *(path for path in files if not any(path.startswith(f"{folder}/") for folder in widest))}


def files_of(folder: str) -> set[str]:
    """The files with code in a folder of ours and those below it, relative to the root."""
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py") if _has_code(path)}


@cache
def _folders() -> tuple[str, ...]:
    packages = sorted(path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "src/tandem").rglob("__init__.py"))
    return tuple(folder for folder in packages if len(files_of(folder)) > 1)


@cache
def _has_code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


if __name__ == "__main__":
    for script in sorted((ROOT / "stages").glob("[a-z]*.py")):
        print(script.stem, *sorted(dependencies(f"stages.{script.stem}")), sep="\n      - ")
