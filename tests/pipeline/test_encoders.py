"""From texts to the parity report with each family of encoder and its own kind of tokenizer, and from scratch."""

from pathlib import Path

import pytest
import tokenizers
import torch
import yaml
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from tandem.corpora.schema.records import write_records
from tandem.evaluation.run import run_evaluation
from tandem.hardware.process import keep_freed_memory
from tandem.model.folder import load_model
from tandem.model.pretrained import checkpoint_of
from tandem.params import Params, load_params
from tandem.parity.check import check_parity, first_texts
from tandem.tokens.packing.packing import tokenize_corpus
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.word_pieces import write_vocabulary
from tandem.training.run import Places, run_training
from tandem.validation import score_split
from tests.model.family_references import write_family
from tests.pipeline.conftest import ROOT
from tests.small_corpora import labelled, tagged

CORPORA = {"moods": labelled, "people": tagged}
TEXTS = [CORPORA[name](number).surface for name in CORPORA for number in range(30)]


def byte_level() -> tokenizers.Tokenizer:
    """As RoBERTa's: no space before a text's first word, unless asked for."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return backend


def unigram() -> tokenizers.Tokenizer:
    """As XLM-R's."""
    backend = tokenizers.Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    ends = [(name, backend.token_to_id(name)) for name in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ends
    )
    return backend


def word_piece() -> tokenizers.Tokenizer:
    """As BERT's, DistilBERT's and ELECTRA's."""
    backend = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=special, show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return backend


TOKENIZERS = {"roberta": byte_level, "xlm-roberta": unigram, "distilbert": word_piece, "electra": word_piece}


def write_params(folder: Path, pretrained: str) -> Params:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    rest = {"path": "x", "format": "auto", "sentence": None, "group": None}
    params["corpora"] = {
        "moods": {**rest, "text": "t", "words": None, "labels": {"mood": "m"}, "tags": {}},
        "people": {**rest, "text": None, "words": "w", "labels": {}, "tags": {"names": "n"}},
    }
    params["tasks"] = {
        "mood": {"kind": "classification", "labels": ["bad", "good"], "scheme": None},
        "names": {"kind": "tagging", "labels": "auto", "scheme": "iob2"},
    }
    params["tokenize_align"] |= {"max_length": 24, "stride": 8}
    params["model"] |= {"pretrained": pretrained, "encoder_dropout": 0.1}
    params["model"]["scratch"] |= {
        "vocabulary_size": 90,
        "hidden_width": 32,
        "max_positions": 24,
        "norm": "pre",
        "positions": "sinusoidal",
        "activation": "relu",
    }
    params["train"] |= {
        "schedule": "random",
        "batch_size": 8,
        "max_steps": 30,
        "epochs": 20,
        "learning_rate": 0.01,
        "loss_weights": {"mood": 0.5, "names": 0.5},
    }
    params["parity_check"] |= {"texts": 3, "sentences": TEXTS[:2]}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return load_params(folder / "params.yaml")


def run_pipeline(root: Path, pretrained: str) -> tuple[dict, dict]:
    """Every stage after `split`; what evaluate and parity-check measured."""
    params = write_params(root, pretrained)
    for corpus, make in CORPORA.items():
        for split, numbers in (("train", range(24)), ("valid", range(40, 44)), ("test", range(60, 68))):
            write_records(root / f"split/{corpus}/{split}.jsonl", map(make, numbers))
    write_vocabulary(root / "vocabulary", pretrained, root / "split", CORPORA, scratch=params.model.from_scratch)
    folder = checkpoint_of(pretrained) or root / "vocabulary"
    for corpus in CORPORA:
        tokenize_corpus(
            root / "split" / corpus, root / "tokens" / corpus, load_tokenizer(folder), params.tokenize_align
        )
    hardware = root / "hardware.json"
    places = Places(
        tokens=root / "tokens", hardware=hardware, work=root / "work", model=root / "model", history=root / "train"
    )
    run_training(params, places, score=score_split, module="", n_local=1)
    evaluation = run_evaluation(params, model=root / "model", tokens=root / "tokens", hardware=hardware)
    texts = first_texts(root / "split", CORPORA, 3)
    parity = check_parity(folder, root / "model", texts, params.parity_check, max_length=24, begins=params.model)
    parity.raise_if_failed()
    return evaluation.metrics(), parity.as_dict()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TOKENIZERS, "none"])
def test_an_encoder_goes_all_the_way(name: str, tmp_path: Path) -> None:
    if name != "none":
        backend = TOKENIZERS[name]()
        write_family(name, tmp_path / "encoder", vocab_size=backend.get_vocab_size())
        backend.save(str(tmp_path / "encoder/tokenizer.json"))
    n_threads = torch.get_num_threads()
    try:
        metrics, parity = run_pipeline(tmp_path, name if name == "none" else str(tmp_path / "encoder"))
    finally:
        torch.set_num_threads(n_threads)
        keep_freed_memory(is_kept=False)
    assert metrics["mood"]["n"] == metrics["names"]["n"] == 8
    assert parity["similarity"]["trained"] != parity["similarity"]["pretrained"]
    assert parity["pretrained"]["ids"]["differing"] == parity["trained"]["ids"]["differing"] == 0
    assert parity["trained"]["step"]["max_rel_diff"] < 1e-5
    loaded = load_model(tmp_path / "model").model.encoder.config
    assert loaded.family == (None if name == "none" else name)
    assert loaded.position_offset == (2 if "roberta" in name else 0)
