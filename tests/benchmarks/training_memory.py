"""Peak resident memory of a whole training process, imports included: ours against transformers' `Trainer`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tandem.corpora.schema.records import Record
from tandem.model.pretrained import locate
from tests.benchmarks import Measurement, Request, ours, paired
from tests.benchmarks.peaks import own_peak_megabytes, peak_megabytes
from tests.benchmarks.samples import Sizes, as_rows, describe, open_sample, prepare, spaced

BATCH = Sizes(sentiment=32, entities=16)
STEPS = 4


def measure(request: Request) -> Measurement:
    """A fresh process each, in turn, over the same texts; on the CPU in float32."""
    with tempfile.TemporaryDirectory() as name:
        folder, steps = Path(name), request.size(STEPS, 1)
        examples = prepare(request, folder, BATCH.times(steps), _with_the_longest)
        rows = folder / "rows.json"
        sizes = {"n_labels": len(examples.labels["sentiment"]), "n_tags": len(examples.labels["entities"])}
        rows.write_text(json.dumps({"sizes": sizes, "rows": list(chain(*as_rows(examples).values()))}))
        pairs = [
            (
                float(peak_megabytes("training_memory", name, request.pretrained)),
                float(peak_megabytes("trainer", str(rows), str(locate(request.pretrained)), str(sum(BATCH)))),
            )
            for _ in range(request.rounds)
        ]
        note = (
            f"{steps} steps of {sum(BATCH)} texts, one of them of the corpora's longest: {describe(examples)}; "
            "high-water mark of the whole process, dropout 0.1 throughout; reference: BertModel, Trainer"
        )
    return paired(pairs, unit="MB", note=note, limit=1 / 0.7)


def _with_the_longest(records: Sequence[Record], count: int) -> list[Record]:
    """A quarter of them the longest of all, the rest evenly spaced."""
    longest = sorted(records, key=lambda record: len(record.surface), reverse=True)[: -(-count // STEPS)]
    return longest + spaced(records, count - len(longest))


def main(folder: Path, pretrained: str) -> None:
    """Train on the sample under `folder`, in a process of its own, and print the peak of its memory."""
    examples = open_sample(folder)
    chosen = ours.execution(pretrained, BATCH, precision="float32")
    model = ours.build(pretrained, examples, chosen)
    ours.train(model, examples, ours.settings(BATCH), chosen)
    print(own_peak_megabytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
