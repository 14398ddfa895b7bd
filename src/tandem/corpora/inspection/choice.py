"""Which corpus a user means: a section of the params, or a file with the fields that options name."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tandem.corpora.inspection.fields import complete, task_name
from tandem.errors import TandemError
from tandem.params import Corpus, Params
from tandem.params.schema import FieldName

_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The corpus to inspect, the params' section that describes it, if one does, and what was guessed of it.

    `obstacle` says why nothing could be guessed: the file cannot be read, or has no column of a common name.
    """

    corpus: Corpus
    section: str | None = None
    guessed: Sequence[str] = ()
    obstacle: TandemError | None = None


def choose_corpus(
    path: Path | None, name: str | None, options: Mapping[str, Any], params: Params | None, root: Path
) -> Choice:
    """Say how to read the file at `path`: by the section `name` or the one that names the file, or else by guessing.

    `options` replace what the section says: text (a list), words, sentence, label, tags, spans (lists of TASK=COLUMN),
    columns, format, delimiter and encoding, each maybe None. Paths of params begin at `root`. Raises `TandemError` if
    there is no file or section, or the options contradict each other.
    """
    if path is None and name is None:
        raise TandemError("nothing to inspect: give a FILE, or --corpus and the name of a section of params.yaml")
    if name is not None and params is None:
        raise TandemError(
            f"--corpus {name}: there is no params.yaml here; run from the project's root, or give --params"
        )
    given = _corpus_of_options(Path() if path is None else path, options)
    section: tuple[str, Corpus] | None = None
    if name is not None and params is not None:
        section = name, _named_section(path, name, params, root)
    elif path is not None and params is not None:
        section = _section_for(path, params, root)
    if section is not None:
        return Choice(corpus=_overridden(section[1], given), section=section[0])
    if not Path(given.path).exists() and not _is_prefix(Path(given.path)):
        raise TandemError(f"{given.path} does not exist; expected a corpus file or folder")
    try:
        corpus, guessed = complete(given)
    except TandemError as error:
        return Choice(corpus=given, obstacle=error)
    return Choice(corpus=corpus, guessed=guessed)


def _is_prefix(path: Path) -> bool:
    """Say whether parallel files begin so."""
    return any(path.parent.glob(f"{glob.escape(path.name)}.*"))


def _section_for(path: Path, params: Params, root: Path) -> tuple[str, Corpus] | None:
    """The section whose file, or one of whose splits, lies at `path`, with its name; its paths are from `root`."""
    wanted = path.resolve()
    for name, corpus in params.corpora.items():
        whole = (root / corpus.path).resolve()
        if whole == wanted:
            return name, replace(corpus, path=str(path))
        if corpus.splits and any((whole / part).resolve() == wanted for part in corpus.splits.values()):
            return name, replace(corpus, path=str(path), splits=None)
    return None


def _named_section(path: Path | None, name: str, params: Params, root: Path) -> Corpus:
    """The section of that name, read at `path` instead of its own if there is one."""
    corpus = params.corpus(name)
    if path is None:
        return replace(corpus, path=str(root / corpus.path))
    return replace(corpus, path=str(path), splits=corpus.splits if path.is_dir() else None)


def _overridden(section: Corpus, given: Corpus) -> Corpus:
    """A section with what the command line names in its place."""
    values = {
        key: value
        for key in ("text", "words", "sentence", "labels", "tags", "spans", "columns", "delimiter", "encoding")
        if (value := getattr(given, key)) not in (None, {})
    }
    if given.format != "auto":
        values["format"] = given.format
    if "text" in values:
        values |= {"words": None, "sentence": None, "tags": {}}
    elif "words" in values:
        values |= {"text": None, "spans": {}}
    return replace(section, **values)


def _corpus_of_options(path: Path, options: Mapping[str, Any]) -> Corpus:
    """Make a corpus of what the command line names; all the rest is left open.

    Raises `TandemError` for what a corpus cannot be.
    """
    text = [_field(name) for name in options.get("text") or ()]
    values: dict[str, Any] = {
        "path": str(path),
        "format": options.get("format") or "auto",
        "text": None if not text else text[0] if len(text) == 1 else tuple(text),
        "words": None if options.get("words") is None else _field(options["words"]),
        "sentence": None if options.get("sentence") is None else _field(options["sentence"]),
        "group": None,
        "labels": _by_task(options.get("label") or (), "label"),
        "tags": _by_task(options.get("tags") or (), "tags"),
        "spans": _by_task(options.get("spans") or (), "spans"),
        "columns": tuple(options["columns"]) if options.get("columns") else None,
        "delimiter": options.get("delimiter"),
        "encoding": options.get("encoding"),
    }
    try:
        return _consistent(Corpus(**values))
    except ValidationError as error:
        told = "; ".join(f"--{item['loc'][0]}: {item['msg']}, got {item['input']!r}" for item in error.errors())
        raise TandemError(told) from None


def _consistent(corpus: Corpus) -> Corpus:
    """Raises `TandemError` for fields that cannot go together."""
    if corpus.text is not None and corpus.words is not None:
        raise TandemError("--text and --words: a corpus holds running texts or words; give one of them")
    if corpus.text is not None and corpus.tags:
        raise TandemError("--tags go with --words; for a running text with marked characters give --spans TASK=KEY")
    if corpus.words is not None and corpus.spans:
        raise TandemError("--spans go with --text; for words with tags give --tags TASK=COLUMN")
    if corpus.sentence is not None and corpus.words is None:
        raise TandemError("--sentence needs --words: it names the column that marks a sentence's first word")
    return corpus


def _field(name: str) -> FieldName:
    return int(name) if _NUMBER.fullmatch(name) else name


def _by_task(named: Sequence[str], option: str) -> dict[str, FieldName]:
    """Fields by task; a field alone gives its task its name."""
    fields = {}
    for one in named:
        task, has_task, column = one.rpartition("=")
        if not column or (has_task and not task):
            raise TandemError(f"--{option} {one!r}: expected TASK=COLUMN, such as sentiment=label")
        is_number = _NUMBER.fullmatch(column) is not None
        default = {"label": "label"}.get(option, "entities") if is_number else task_name(column)
        fields[task or default] = _field(column)
    return fields
