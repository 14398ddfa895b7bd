"""Which files of ours a module needs: the closure of its imports, read from the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
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


@cache
def _has_code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


if __name__ == "__main__":
    for script in sorted((ROOT / "stages").glob("[a-z]*.py")):
        print(script.stem, *sorted(closure(f"stages.{script.stem}")), sep="\n      - ")
