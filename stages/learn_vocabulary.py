"""Learn a vocabulary from the training texts, for an encoder that begins from scratch."""

from pathlib import Path

from stages import run
from tandem.params import load_params
from tandem.tokens.word_pieces import write_vocabulary


def main() -> str:
    """Write `data/vocabulary/`; for a pretrained encoder there is nothing to learn."""
    params = load_params(Path("params.yaml"))
    return write_vocabulary(
        Path("data/vocabulary"),
        params.model.pretrained,
        Path("data/split"),
        params.corpora,
        scratch=params.model.from_scratch,
    )


if __name__ == "__main__":
    run(main)
