"""Which stages re-run when something changes: DVC is asked, in a copy of the pipeline whose outputs are placeholders.

Every file of ours and every key of the params is changed there in turn. DVC tells for each stage which of its
dependencies differ, so one question answers for all files at once, and for one key of each section.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from tandem.hardware.execution import demand_of
from tandem.params import load_params
from tests.imports import ROOT
from tests.reading import recording

COPIED = ("src", "stages", "dvc.yaml", "params.yaml", ".dvcignore")
TWINS = ("twins", "tasks")
FACTS = ("data/plan.json", "data/encoder.json")

Table = dict[str, frozenset[str]]
"""What changes, and the stages that then have a dependency that differs."""


@contextmanager
def skeleton() -> Iterator[Repo]:
    """The pipeline as if it had just run, in a folder of its own that is the working folder meanwhile."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root)
        os.chdir(root)
        try:
            with Repo(str(root)) as repo:
                settle(repo)
                yield repo
        finally:
            os.chdir(before)


def lay_out(root: Path) -> None:
    """Copy the pipeline and its code into a folder, as a DVC project without git."""
    for name in COPIED:
        source = ROOT / name
        copier = shutil.copytree if source.is_dir() else shutil.copy
        copier(source, root / name)
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n")


def settle(repo: Repo) -> None:
    """Give every output that lacks a placeholder, and record all as if the stages had run."""
    for out in repo.index.outs:
        path = Path(out.fs_path)
        if path.exists():
            continue
        if path.name == "libraries.json":
            shutil.copy(ROOT / "data/libraries.json", path)
        elif path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("as it was")
        else:
            path.mkdir(parents=True)
            (path / "part").write_text("as it was")
    repo.commit(force=True)


def differing(repo: Repo) -> Iterator[tuple[str, str]]:
    """Each stage with each of its dependencies that is not as recorded: a path, or a key as the pipeline lists it."""
    repo._reset()  # the templates are read anew
    for stage in repo.index.stages:
        for dependency in stage.deps:
            yield from ((stage.name, name) for name in _names(dependency.status()))


def differing_params(repo: Repo) -> Iterator[tuple[str, str]]:
    """The same for params alone, which takes a tenth of the time."""
    for stage in repo.index.stages:
        for dependency in stage.deps:
            if isinstance(dependency, ParamsDependency):
                yield from ((stage.name, name) for name in _names(dependency.status()))


def _names(status: Mapping[str, Any]) -> Iterator[str]:
    for path, state in status.items():
        yield from [path] if isinstance(state, str) else state


def by_file(repo: Repo) -> Table:
    """For every file of `src` and `stages`, the stages that depend on it or a folder of it, after one byte more."""
    depending = defaultdict(list)
    for stage in repo.index.stages:
        for dependency in stage.deps:
            depending[Path(dependency.fs_path)].append((stage.name, dependency))
    table = {}
    for path in sorted(path for folder in ("src/tandem", "stages") for path in Path(folder).rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            path.write_bytes(content + b"\n")
            named = (pair for place in (path, *path.parents) for pair in depending[place.absolute()])
            table[path.as_posix()] = frozenset(name for name, dependency in named if dependency.status())
            path.write_bytes(content)
    return table


def by_fact(repo: Repo) -> Table:
    """For every file that the probe writes for git to track, the stages that depend on it."""
    table = {}
    for name in FACTS:
        Path(name).write_text("something else")
        table[name] = _by_name(differing(repo))[name]
        Path(name).write_text("as it was")
    return table


def by_library(repo: Repo) -> Table:
    """For every library whose version is tracked, the stages that depend on it."""
    path = Path("data/libraries.json")
    text = path.read_text()
    path.write_text(json.dumps(dict.fromkeys(json.loads(text), "0.0")))
    found = _by_name(differing_params(repo))
    path.write_text(text)
    return {name: found.get(name, frozenset()) for name in json.loads(text)}


def by_key(repo: Repo) -> Table:
    """For every key of the params, the stages that depend on it; `corpora` goes through the templates.

    `twins.tasks` is no dependency: it says which stages there are.
    """
    path = Path("params.yaml")
    text = path.read_text()
    params = yaml.safe_load(text)
    ours = [key for key in leaves(params) if key[0] != "corpora" and key != TWINS]
    theirs = [key for key in leaves(params) if key[0] == "corpora"]
    table: Table = {".".join(TWINS): added_stages(repo)}
    for keys, look, depth in ((ours, differing_params, 1), (theirs, differing, 2)):
        for together in _one_of_each(keys, depth):
            changed = copy.deepcopy(params)
            for key in together:
                change(changed, key)
            path.write_text(yaml.safe_dump(changed))
            found = list(look(repo))
            for key in together:
                table[".".join(key)] = frozenset(stage for stage, name in found if _is_of(name, key[:depth], params))
    path.write_text(text)
    return {".".join(key): table[".".join(key)] for key in leaves(params)}


def added_stages(repo: Repo) -> frozenset[str]:
    """The stages that come to be when the first task is to be trained alone as well."""
    path = Path("params.yaml")
    text = path.read_text()
    params = yaml.safe_load(text)
    before = {stage.name for stage in repo.index.stages}
    params["twins"]["tasks"] = [next(iter(params["tasks"]))]
    path.write_text(yaml.safe_dump(params))
    repo._reset()
    added = {stage.name for stage in repo.index.stages} - before
    path.write_text(text)
    repo._reset()
    return frozenset(added)


def _one_of_each(keys: list[tuple[str, ...]], depth: int) -> Iterator[list[tuple[str, ...]]]:
    """The first key of every section together, then the second of each, and so on."""
    sections = defaultdict(list)
    for key in keys:
        sections[key[:depth]].append(key)
    for number in range(max(map(len, sections.values()))):
        yield [keys[number] for keys in sections.values() if number < len(keys)]


def _is_of(name: str, section: tuple[str, ...], params: Mapping[str, Any]) -> bool:
    """Whether a dependency that differs is of this section: by its name, or as the path that a corpus now names."""
    if name.split(".")[: len(section)] == list(section) or (len(section) > 1 and name == section[0]):
        return True
    return len(section) > 1 and name.startswith(f"{params['corpora'][section[1]]['path']}-changed")


def leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys down to where something else than a section stands; what users name themselves stays whole."""
    for name, value in values.items():
        key = (*above, name)
        inner = key[0] in ("corpora", "tasks") or key == ("model", "scratch")
        is_section = isinstance(value, dict) and (len(key) == 1 or (inner and len(key) == 2))
        if is_section:
            yield from leaves(value, key)
        else:
            yield key


def change(params: dict[str, Any], key: tuple[str, ...]) -> None:
    """Give a key another value."""
    for name in key[:-1]:
        params = params[name]
    value = params[key[-1]]
    params[key[-1]] = f"{value}-changed"


def _by_name(pairs: Iterator[tuple[str, str]]) -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = defaultdict(set)
    for stage, name in pairs:
        table[name].add(stage)
    return {name: frozenset(stages) for name, stages in table.items()}


def following(repo: Repo) -> dict[str, frozenset[str]]:
    """Each stage with all that come after it."""
    import networkx  # noqa: PLC0415 - DVC's own

    graph = repo.index.graph
    return {stage.name: frozenset(later.name for later in networkx.ancestors(graph, stage)) for stage in graph}


def plan_keys() -> frozenset[str]:
    """The keys that `data/plan.json` is made of: the probe rewrites it, and the stages that depend on it re-run."""
    params = load_params(ROOT / "params.yaml")
    with recording() as read:
        demand_of(params)
    return frozenset(read) - {"corpora", "tasks"}  # of these, the names alone


def whole_table(repo: Repo) -> Table:
    """What changes, and the stages that run again whatever comes of it."""
    facts, keys, planned = by_fact(repo), by_key(repo), plan_keys()
    for key in keys.keys() & planned:
        keys[key] |= facts["data/plan.json"]
    libraries = {f"{name} (its version)": stages for name, stages in by_library(repo).items()}
    return {**keys, **libraries, **facts, **by_file(repo)}


def main() -> None:
    """Print the table as Markdown."""
    with skeleton() as repo:
        found, later = whole_table(repo), following(repo)
    print("| a change of | re-runs | and, if their outputs change |")
    print("|---|---|---|")
    for name, stages in found.items():
        rest = frozenset[str]().union(*(later[stage] for stage in stages)) - stages
        print(f"| `{name}` | {', '.join(sorted(stages)) or 'nothing'} | {', '.join(sorted(rest))} |")


if __name__ == "__main__":
    main()
