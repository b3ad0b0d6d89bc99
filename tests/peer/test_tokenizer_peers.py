"""The DNA tokenizer under the tests that Transformers runs over every tokenizer of its own."""

import tempfile
import unittest
from typing import Any

import pytest

from hf_genomics import DNATokenizer
from tests.peer.transformers_tests import upstream

pytestmark = [
    pytest.mark.network,
    # The suites do on purpose what libraries warn of, and are run with warnings off upstream.
    pytest.mark.filterwarnings("ignore"),
]

TokenizerTesterMixin: Any = upstream("test_tokenization_common").TokenizerTesterMixin


class TestDNATokenizer(TokenizerTesterMixin, unittest.TestCase):
    """The suite encodes English sentences: only a tokenizer that reads letters as N takes them."""

    tokenizer_class = rust_tokenizer_class = DNATokenizer
    test_seq2seq = False  # no model of ours translates
    test_tokenizer_from_extractor = False  # the alphabet is fixed: there is no vocabulary to give

    integration_test_input_string = "ACgt\nn-RU[MASK]?"
    integration_expected_tokens = ["A", "C", "G", "T", "N", "-", "N", "T", "[MASK]", "N"]
    integration_expected_token_ids = [0, 1, 2, 3, 4, 5, 4, 3, 6, 4]
    integration_expected_decoded_text = "ACGTN-NT[MASK]N"

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        DNATokenizer(on_invalid="n").save_pretrained(folder.name)
        cls.from_pretrained_id = folder.name
        super().setUpClass()

    def get_clean_sequence(
        self,
        tokenizer: DNATokenizer,
        with_prefix_space: bool = False,
        max_length: int | None = 20,
        min_length: int = 5,
    ) -> tuple[str, list[int]]:
        """A long sequence: upstream's has each token once, and a space, which is removed here."""
        sequence = ("ACGTN" * min_length)[:max_length]
        return sequence, tokenizer.encode(sequence)

    def test_conversion_reversible(self) -> None:
        """As upstream, where it is only run with the slow tests."""
        tokenizer = self.get_tokenizer()
        for token, token_id in tokenizer.get_vocab().items():
            assert tokenizer.convert_tokens_to_ids(token) == token_id
            assert tokenizer.convert_ids_to_tokens(token_id) == token
