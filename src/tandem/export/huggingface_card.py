"""What stands in the README.md of an exported checkpoint."""

from __future__ import annotations

from pathlib import Path

import yaml

from tandem.artifacts import atomic_file
from tandem.model.folder import LoadedModel

_PIPELINES = {"classification": "text-classification", "tagging": "token-classification"}


def write_card(path: Path, loaded: LoadedModel, task: str | None) -> None:
    """Write how to use the checkpoint of a task, or of the bare encoder, and what to know of it."""
    head = {"library_name": "transformers", "pipeline_tag": "feature-extraction"}
    if task is not None:
        head["pipeline_tag"] = _PIPELINES[loaded.model.head_configs[task].kind]
    parts = [f"---\n{yaml.safe_dump(head, sort_keys=True)}---", _body(loaded, task)]
    with atomic_file(path) as handle:
        handle.write(("\n\n".join(parts) + "\n").encode())


def _body(loaded: LoadedModel, task: str | None) -> str:
    origin = f"Fine-tuned from `{loaded.card.get('pretrained', 'an unnamed encoder')}` with Tandem"
    if task is None:
        return (
            f"# Encoder\n\n{origin}, for {', '.join(loaded.model.heads)}; the heads are left out.\n\n"
            '```python\nfrom transformers import AutoModel\n\nencoder = AutoModel.from_pretrained("DIR")\n```\n\n'
            "Its vectors are those of `last_hidden_state`; a pooler, where the class has one, is not trained."
        )
    labels = ", ".join(f"`{label}`" for label in loaded.card["labels"][task])
    is_tagging = loaded.model.head_configs[task].kind == "tagging"
    options = ', aggregation_strategy="first"' if is_tagging else ""
    notes = [f"Labels: {labels}."]
    if is_tagging:
        notes.append("A word's tag is read at its first piece, so entities are aggregated by `first`.")
    elif loaded.model.pooling == "cls":
        notes.append(
            "The layer before the tanh is the identity times 2^-14, so that the tanh changes nothing: use float32 or "
            "bfloat16, not float16."
        )
    usage = f'from transformers import pipeline\n\nread = pipeline("{_PIPELINES[loaded.model.head_configs[task].kind]}"'
    return f'# {task}\n\n{origin}.\n\n```python\n{usage}, model="DIR"{options})\n```\n\n' + "\n\n".join(notes)
