"""What the sections allow one by one, but not together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain

from tandem.params.schema import Corpus, Kind, Model, Params, Task, Train

_RESERVED = ("baseline", "before", "calibration", "combined", "combined_score", "operating_point")


def contradictions(params: Params) -> list[str]:
    """Every contradiction between sections, as `section.key` and what it must be."""
    return [
        *(
            text
            for name, corpus in params.corpora.items()
            for text in _corpus_contradictions(name, corpus, params.tasks)
        ),
        *(text for name, task in params.tasks.items() for text in _task_contradictions(name, task, params.corpora)),
        *_number_contradictions(params),
        *_evaluate_contradictions(params),
        *_twins_contradictions(params),
    ]


def _corpus_contradictions(name: str, corpus: Corpus, tasks: Mapping[str, Task]) -> list[str]:
    found = _name_contradictions("corpora", name)
    if (corpus.text is None) == (corpus.words is None):
        found.append(f"corpora.{name} must name a column in exactly one of `text` and `words`")
    if corpus.sentence is not None and corpus.words is None:
        found.append(f"corpora.{name}.sentence needs `words`: it marks a sentence's first word")
    if corpus.tags and corpus.words is None:
        found.append(f"corpora.{name}.tags needs `words`: tags belong to words (for spans of characters take `spans`)")
    if corpus.spans and corpus.text is None:
        found.append(f"corpora.{name}.spans needs `text`: spans are characters of a running text")
    if corpus.splits is not None and "train" not in corpus.splits:
        found.append(f"corpora.{name}.splits must name at least train, got {', '.join(corpus.splits) or 'none'}")
    if not corpus.kinds():
        found.append(f"corpora.{name} serves no task: name a column or key in its `labels`, `tags` or `spans`")
    return found + _task_key_contradictions(name, corpus, tasks) + _map_contradictions(name, corpus, tasks)


def _task_key_contradictions(name: str, corpus: Corpus, tasks: Mapping[str, Task]) -> list[str]:
    """Each task that a corpus serves is one of `tasks`, of the right kind, and served once."""
    found = []
    keys: tuple[tuple[str, Iterable[str], Kind], ...] = (
        ("labels", corpus.labels, "classification"),
        ("tags", corpus.tags, "tagging"),
        ("spans", corpus.spans, "tagging"),
        ("without", corpus.without, "tagging"),
    )
    for key, named, kind in keys:
        for task in named:
            if task not in tasks:
                found.append(f"corpora.{name}.{key}.{task} is not a task; tasks: {', '.join(tasks)}")
            elif tasks[task].kind != kind:
                found.append(f"corpora.{name}.{key}.{task} must be a {kind} task, got {tasks[task].kind}")
    served = Counter(chain(corpus.tags, corpus.spans, set(corpus.without)))
    twice = ", ".join(task for task, count in served.items() if count > 1)
    if twice:
        found.append(f"corpora.{name} must name a task in one of `tags`, `spans`, `without` alone, got {twice} twice")
    return found


def _map_contradictions(name: str, corpus: Corpus, tasks: Mapping[str, Task]) -> list[str]:
    found = []
    for task, names in corpus.map.items():
        if task not in {**corpus.labels, **corpus.tags, **corpus.spans}:
            served = ", ".join({**corpus.labels, **corpus.tags, **corpus.spans}) or "none"
            found.append(f"corpora.{name}.map.{task} is no task in its `labels`, `tags` or `spans` ({served})")
            continue
        if task not in tasks:
            continue
        outside = ("O",) if tasks[task].kind == "tagging" else ()
        allowed = tasks[task].labels
        odd = sorted(
            {new for new in names.values() if allowed is not None and new not in (*allowed, *outside)}
            | {new for new in names.values() if not _is_plain_label(new)}
        )
        if odd:
            listed = "" if allowed is None else f" ({', '.join((*allowed, *outside))})"
            found.append(f"corpora.{name}.map.{task} must give labels of tasks.{task}{listed}, got {odd}")
    return found


def _is_plain_label(label: str) -> bool:
    return bool(label) and label == label.strip(" -")


def _task_contradictions(name: str, task: Task, corpora: Mapping[str, Corpus]) -> list[str]:
    found = _name_contradictions("tasks", name)
    if not any(name in corpus.kinds() for corpus in corpora.values()):
        found.append(f"tasks.{name} has no corpus: name its column or key in corpora.<name>.labels, .tags or .spans")
    odd = [label for label in task.labels or () if not _is_plain_label(label)]
    if odd:
        found.append(f"tasks.{name}.labels must not be empty or begin or end with a space or '-', got {odd}")
    if task.kind == "tagging" and task.labels == ():
        found.append(f"tasks.{name}.labels must list the entity types, or be auto")
    if task.labels is not None and len(set(task.labels)) < len(task.labels):
        found.append(f"tasks.{name}.labels must not repeat a label, got {list(task.labels)}")
    if task.kind == "classification" and task.labels is not None and len(task.labels) < 2:
        found.append(f"tasks.{name}.labels must list at least two labels, got {list(task.labels)}")
    if task.kind == "tagging":
        prefixed = [label for label in task.labels or () if label == "O" or label[:2] in ("B-", "I-")]
        if prefixed:
            found.append(f"tasks.{name}.labels must list entity types without B- and I-, and no O, got {prefixed}")
        if task.scheme is None:
            found.append(f"tasks.{name}.scheme must be auto, iob1, iob2, bilou or io, got null")
    return found


def _name_contradictions(section: str, name: str) -> list[str]:
    """Names become names of files."""
    if name in _RESERVED:
        return [f"{section}.{name}: the metrics use this name for themselves; take another"]
    is_plain = re.fullmatch(r"[A-Za-z0-9_-]+", name)
    return [] if is_plain else [f"{section}.{name}: a name may hold letters, digits, '-' and '_' alone"]


def _number_contradictions(params: Params) -> list[str]:
    found = []
    if params.split.valid < 1 and params.split.test < 1 and params.split.valid + params.split.test >= 1:
        found.append("split.valid and split.test must leave texts for training: their sum must be below 1")
    if params.tokenize_align.stride > params.tokenize_align.max_length // 2:
        found.append(
            f"tokenize_align.stride must be at most half of max_length ({params.tokenize_align.max_length // 2}), "
            f"got {params.tokenize_align.stride}"
        )
    return [*found, *_model_contradictions(params.model), *_train_contradictions(params.train, tuple(params.tasks))]


def _model_contradictions(model: Model) -> list[str]:
    if model.pretrained != "none":
        return []
    if model.scratch is None:
        return ["model.scratch is missing: `pretrained: none` needs the sizes of the encoder"]
    found = []
    width, heads = model.scratch.hidden_width, model.scratch.n_heads
    if width % heads or (model.scratch.positions == "sinusoidal" and width % 2):
        found.append(f"model.scratch.hidden_width must be even and a multiple of n_heads ({heads}), got {width}")
    if model.pooling == "pooler":
        found.append("model.pooling must not be pooler with `pretrained: none`: there is no pretrained tanh layer")
    return found


def _train_contradictions(train: Train, tasks: tuple[str, ...]) -> list[str]:
    found = []
    for key in ("batch_size", "loss_weights", "label_smoothing"):
        value = getattr(train, key)
        if isinstance(value, dict) and set(value) != set(tasks):
            given = ", ".join(value) or "none"
            found.append(f"train.{key} must have a number for each task ({', '.join(tasks)}), got {given}")
    for key in ("frozen_heads", "class_weights"):
        unknown = sorted(set(getattr(train, key)) - set(tasks))
        if unknown:
            found.append(f"train.{key} must name tasks ({', '.join(tasks)}), got {', '.join(unknown)}")
    if train.select_by not in ("combined", *tasks):
        found.append(f"train.select_by must be combined or a task ({', '.join(tasks)}), got {train.select_by!r}")
    if train.schedule == "separate" and train.patience is not None:
        found.append("train.patience must be null under train.schedule: separate, or later tasks might get no turn")
    if isinstance(train.loss_weights, dict) and not any(train.loss_weights.values()):
        found.append("train.loss_weights must not all be 0")
    if train.adaptive_rates[0] > train.adaptive_rates[1]:
        found.append(f"train.adaptive_rates must be [lowest, highest], got {list(train.adaptive_rates)}")
    return found


def _evaluate_contradictions(params: Params) -> list[str]:
    targets = params.evaluate.target_recall or {}
    tagging = [name for name, task in params.tasks.items() if task.kind == "tagging"]
    unknown = sorted(set(targets) - set(tagging))
    if unknown:
        known = ", ".join(tagging) or "there is none"
        return [f"evaluate.target_recall must name tagging tasks ({known}), got {', '.join(unknown)}"]
    if params.evaluate.needs_valid and params.split.valid == 0 and not _has_valid_file(params):
        return ["evaluate.calibration and evaluate.target_recall need a valid split: split.valid must be above 0"]
    return []


def _twins_contradictions(params: Params) -> list[str]:
    asked, tasks = params.twins.tasks, params.tasks
    if asked and len(tasks) < 2:
        return [f"twins.tasks must be [] where there is one task alone, got {', '.join(asked)}: nothing is shared"]
    odd = [task for task in asked if task not in tasks or asked.count(task) > 1]
    if odd:
        return [f"twins.tasks must name tasks ({', '.join(tasks)}), each once, got {', '.join(asked)}"]
    weights = params.train.loss_weights
    idle = [task for task in asked if isinstance(weights, dict) and not weights.get(task, 1)]
    return [f"twins.tasks must name tasks that learn, but train.loss_weights.{task} is 0" for task in idle]


def _has_valid_file(params: Params) -> bool:
    """Whether a corpus comes with a valid split of its own."""
    return any(corpus.splits is not None and "valid" in corpus.splits for corpus in params.corpora.values())
