"""Checkpoints in folders, as a user would have them; no network."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertModel

from tandem.model.multitask import MultiTaskModel
from tests.model.references import VOCABULARY, load_ours, random_reference, unfilled_bert_base


@pytest.fixture(scope="session")
def reference() -> BertModel:
    return random_reference()


@pytest.fixture(scope="session")
def checkpoint(reference: BertModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with config.json, model.safetensors and a tokenizer that would cut and pad."""
    folder = tmp_path_factory.mktemp("checkpoint")
    reference.save_pretrained(folder)
    tokenizer = Tokenizer(
        models.WordPiece({piece: number for number, piece in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    return folder


@pytest.fixture(params=[False, True], ids=["padded", "unpadded"])
def skips_padding(request: pytest.FixtureRequest) -> bool:
    """Either way in which the encoder lays a batch out; a test that takes `model` runs with both."""
    return bool(request.param)


@pytest.fixture
def model(checkpoint: Path, skips_padding: bool) -> MultiTaskModel:
    loaded = load_ours(checkpoint)
    loaded.encoder.skips_padding = skips_padding
    return loaded


@pytest.fixture
def bert_base() -> MultiTaskModel:
    return unfilled_bert_base()
