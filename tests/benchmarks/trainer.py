"""Full fine-tuning by transformers' `Trainer` with length grouping: the fastest that its own options give."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices

from tests.benchmarks.peaks import own_peak_megabytes
from tests.benchmarks.reference import Reference, Row, as_tensors, collate

BATCHES_SORTED_TOGETHER = 50  # what `get_length_grouped_indices` takes for a corpus of 200 batches or more


class GroupedTrainer(Trainer):
    """Groups a short sample as `Trainer` groups a whole corpus; its own rule would sort a quarter at a time."""

    def _get_train_sampler(self, train_dataset: list[Row] | None = None) -> list[int]:
        lengths = [len(row["input_ids"]) for row in self.train_dataset]
        return get_length_grouped_indices(lengths, self.args.train_batch_size, mega_batch_mult=BATCHES_SORTED_TOGETHER)


def make_trainer(
    model: Reference, rows: list[Row], folder: str, *, batch_size: int, epochs: int, device: str, precision: str
) -> Trainer:
    """Ready to train on all rows once, logging nothing and keeping nothing."""
    arguments = TrainingArguments(
        folder,
        per_device_train_batch_size=batch_size,
        num_train_epochs=epochs,
        train_sampling_strategy="group_by_length",
        learning_rate=1e-4,
        weight_decay=0.01,
        max_grad_norm=1.0,
        warmup_steps=0.1,
        optim="adamw_torch_fused",
        bf16=precision == "bfloat16",
        use_cpu=device == "cpu",
        remove_unused_columns=False,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = GroupedTrainer(model, arguments, data_collator=collate, train_dataset=as_tensors(rows))
    trainer.remove_callback(PrinterCallback)
    return trainer


def main(source: Path, pretrained: Path, batch_size: int) -> None:
    """Train on the CPU on the rows of a file, in a process of its own, and print the peak of its memory."""
    content = json.loads(source.read_text())
    model = Reference(pretrained, **content["sizes"])
    options = {"batch_size": batch_size, "epochs": 1, "device": "cpu", "precision": "float32"}
    with tempfile.TemporaryDirectory() as folder:
        make_trainer(model, content["rows"], folder, **options).train()
    print(own_peak_megabytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
