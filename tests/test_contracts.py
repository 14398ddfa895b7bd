"""What holds for the project as a whole, checked on its files."""

import ast
import re
import subprocess

import pytest

from tests.imports import PIPELINE, ROOT, dependencies, imports_of

SOURCES = sorted((ROOT / "src/tandem").rglob("*.py"))
STAGES = sorted(path for path in (ROOT / "stages").glob("*.py") if path.name != "__init__.py")

# from the doors down; a room may import from itself and from the rooms after it
ROOMS = (
    ("cli", "commands"),
    ("verification",),
    ("serving", "export", "parity"),
    ("validation", "twins"),
    ("evaluation",),
    ("training",),
    ("hardware",),
    ("tokens",),
    ("model",),
    ("corpora",),
    ("params", "artifacts", "libraries"),
    ("errors",),
)
TORCH_FREE = ("fetch", "clean", "split", "check_leakage", "learn_vocabulary", "tokenize_align")


def room_of(module: str) -> int:
    name = module.split(".")[1]
    return next(number for number, room in enumerate(ROOMS) if name in room)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_imports_point_down(path):
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    if parts[-1] == "__init__":
        return
    own = room_of(".".join(parts))
    for module in imports_of(path):
        if module != "tandem":
            assert room_of(module) >= own, f"{'.'.join(parts)} imports {module}, which is above it"


def test_the_encoder_imports_torch_alone():
    tree = ast.parse((ROOT / "src/tandem/model/encoder.py").read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    outside = {name.partition(".")[0] for name in names} - {
        "__future__",
        "dataclasses",
        "math",
        "tandem",
        "collections",
        "typing",
    }
    assert outside == {"torch"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_transformers_stays_where_weights_cross_over(path):
    if path.parent.name not in ("parity", "export") and path.stem != "pretrained":
        assert not re.search(r"^\s*(from|import) transformers", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_a_stage_is_short_and_straight(path):
    assert len(path.read_text().splitlines()) <= 32
    main = next(node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    assert not any(isinstance(node, ast.For | ast.While | ast.If | ast.Try) for node in ast.walk(main))


def test_a_stage_has_one_name_everywhere():
    names = {name.replace("-", "_") for name in PIPELINE}
    assert names == {path.stem for path in STAGES}
    for name, stage in PIPELINE.items():
        command = stage.get("do", stage)["cmd"].split()
        assert command[:3] == ["python", "-m", f"stages.{name.replace('-', '_')}"]


@pytest.mark.parametrize("name", [name for name, stage in PIPELINE.items() if not stage.get("always_changed")])
def test_code_dependencies_are_what_a_stage_imports(name):
    stage = PIPELINE[name]
    listed = [dep for dep in stage.get("do", stage)["deps"] if dep.startswith(("src/", "stages/"))]
    assert listed == sorted(dependencies(f"stages.{name.replace('-', '_')}"))


def test_another_seed_of_training_leaves_the_test_texts_as_they_are():
    assert PIPELINE["split"]["do"]["params"] == ["split"]
    assert "seed" in PIPELINE["train"]["params"]
    for name in ("fetch", "clean", "split", "tokenize-align"):
        stage = PIPELINE[name]
        assert "seed" not in stage.get("do", stage).get("params", [])


@pytest.mark.parametrize("name", TORCH_FREE)
def test_a_stage_without_torch_does_not_import_it(name):
    code = f"import sys, stages.{name}; print(*(set(sys.modules) & {{'torch', 'transformers', 'pandas', 'sklearn'}}))"
    python = ["python", "-c", code]
    assert subprocess.run(python, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.parametrize("path", [*SOURCES, *STAGES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_unpickled_and_nothing_swallowed(path):
    text = path.read_text()
    assert not re.search(r"\bpickle\b|torch\.load\(|joblib|allow_pickle=True", text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert getattr(node.type, "id", "") not in ("Exception", "BaseException")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno <= 50, node.name


def test_the_readme_names_what_is_there():
    text = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"`((?:src|stages|tests|data)/[\w./-]*)`", text):
        ignored = path.startswith("data/")
        assert ignored or (ROOT / path).exists(), path


def test_the_top_level_is_the_cards():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {name.partition("/")[0] for name in tracked.splitlines()}
    named = {"dvc.yaml", "params.yaml", "stages", "src", "data", "tests", "README.md", "pyproject.toml", "Makefile"}
    assert {name for name in top if not name.startswith(".")} <= named | {"requirements.lock", "dvc.lock"}
