"""Reading files side by side: line by line one text, with its words, tags and labels each in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from tandem.corpora.readers.entries import Entry, Notes, Source
from tandem.corpora.readers.text_files import TextFile, open_text
from tandem.corpora.readers.white_space import split_white
from tandem.errors import TandemError
from tandem.params import Corpus
from tandem.params.schema import FieldName

NAMES_LISTED = 10
PACKED_ENDINGS = (".gz", ".zip")


def open_parallel(path: Path, corpus: Corpus) -> Source:
    """Open the files that the fields of a corpus name: `path/seq.in`, or `path.seq.in` where `path` is a prefix.

    Blanks part words and tags. Raises `TandemError` at once if a file is missing or cannot be read, and from the
    entries, naming both files and the line, if the files differ in lines or a line in words and tags.
    """
    if corpus.spans or corpus.sentence is not None:
        raise TandemError(f"{path}: for parallel files corpora.*.sentence must be null and corpora.*.spans left out")
    texts = _texts(corpus)
    fields = [*texts, corpus.words, *corpus.labels.values(), *corpus.tags.values(), corpus.group]
    files = {
        str(name): open_text(_find(path, str(name)), corpus.encoding)
        for name in dict.fromkeys(fields)
        if name is not None
    }
    notes = Notes()
    reader = _Reader(path=path, corpus=corpus, texts=[str(name) for name in texts if name is not None], files=files)
    first = next(iter(files.values()))
    return Source(
        place=first.place,
        unit="line",
        facts={
            "format": "parallel",
            **first.facts,
            "encoding": _encoding(files),
            "files": {name: file.place for name, file in files.items()},
        },
        entries=reader.entries(notes),
        notes=notes,
    )


def common_names(corpus: Corpus) -> set[str]:
    """The names of files by which parallel files are recognised: those that the fields name, and `seq.in`."""
    fields = [*_texts(corpus), corpus.words, *corpus.labels.values(), *corpus.tags.values()]
    return {"seq.in", *(field for field in fields if isinstance(field, str))}


def packed_names(name: str) -> list[str]:
    """How a file of that name may be called: as it is, or packed."""
    return [f"{name}{ending}" for ending in ("", *PACKED_ENDINGS)]


def has_file(path: Path, name: str) -> bool:
    """Say whether the folder `path`, or the prefix, has a parallel file of that name."""
    return any(Path(f"{path}{joint}{packed}").is_file() for packed in packed_names(name) for joint in "/.")


def _texts(corpus: Corpus) -> Sequence[FieldName | None]:
    return corpus.text if isinstance(corpus.text, tuple) else (corpus.text,)


def _encoding(files: Mapping[str, TextFile]) -> str | Mapping[str, str]:
    """The encoding of all files, or each file's where they differ."""
    encodings = {name: file.encoding for name, file in files.items()}
    first, *others = set(encodings.values())
    return encodings if others else first


def _find(path: Path, name: str) -> Path:
    candidates = [Path(f"{path}{joint}{packed}") for packed in packed_names(name) for joint in ("/", ".", "")]
    try:
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        folder = path if path.is_dir() else path.parent
        found = ", ".join(sorted(file.name for file in folder.glob("[!.]*"))[:NAMES_LISTED])
    except OSError as error:
        raise TandemError(f"{path}: the files beside it cannot be looked at ({error.strerror})") from error
    raise TandemError(
        f"{path}: no file for {name!r}: neither {candidates[0]} nor {candidates[1]} is one; {folder} holds "
        f"{found or 'no files'}. Correct corpora.*.path, or name the files' own endings under `corpora`"
    )


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Makes an entry of the lines that stand side by side; `files` are by the field's name."""

    path: Path
    corpus: Corpus
    texts: Sequence[str]
    files: Mapping[str, TextFile]

    def entries(self, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each line."""
        lines = {name: file.lines() for name, file in self.files.items()}
        for number, side_by_side in enumerate(zip_longest(*lines.values()), start=1):
            if None in side_by_side:
                self._check_end(number, dict(zip(lines, side_by_side, strict=True)), lines, notes)
                return
            yield self._entry(number, dict(zip(lines, side_by_side, strict=True)))

    def _entry(self, number: int, lines: Mapping[str, str]) -> Entry:
        corpus = self.corpus
        labels = {task: lines[str(name)] for task, name in corpus.labels.items()}
        words = None if corpus.words is None else split_white(lines[str(corpus.words)])
        return Entry(
            row=number,
            text=None if words is not None else " ".join(filter(None, (lines[name] for name in self.texts))),
            words=words,
            labels={task: label for task, label in labels.items() if label},
            tags={} if words is None else self._tags(number, lines, len(words)),
            group=lines[str(corpus.group)] or None if corpus.group is not None else None,
        )

    def _tags(self, number: int, lines: Mapping[str, str], n_words: int) -> dict[str, list[str]]:
        tags = {}
        for task, name in self.corpus.tags.items():
            tags[task] = split_white(lines[str(name)])
            if len(tags[task]) != n_words:
                words = self.files[str(self.corpus.words)].place
                raise TandemError(
                    f"{words}, line {number}: {n_words} words, but {self.files[str(name)].place} has "
                    f"{len(tags[task])} tags in that line; expected one for each word. Correct the line in either"
                )
        return tags

    def _check_end(
        self, number: int, last: Mapping[str, str | None], lines: Mapping[str, Iterator[str]], notes: Notes
    ) -> None:
        """Pass over empty lines where other files have ended; raise `TandemError` for more."""
        ended = next(name for name, line in last.items() if line is None)
        for name, line in last.items():
            rest = [] if line is None else chain([line], lines[name])
            for further, text in enumerate(rest, start=number):
                if text.strip():
                    raise TandemError(
                        f"{self.files[ended].place} ends after line {number - 1}, but {self.files[name].place} has a "
                        f"line {further}: {text[:40]!r}; expected as many lines in each. Is one of them cut off?"
                    )
                notes.add("blank_lines_at_end", further)
