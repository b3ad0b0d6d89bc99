"""One DNA tokenizer for all model families: one token per base, coded by a byte look-up table.

The saved form is a plain `tokenizer.json`, so `AutoTokenizer` reads it without this package. This
class gives the same ids many times faster, and errors that say where a sequence is wrong.
"""

import functools
import json
import os
import re
from collections import UserString
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, processors
from transformers import BatchEncoding, PreTrainedTokenizerFast
from transformers.tokenization_utils_base import TruncationStrategy
from transformers.utils import PaddingStrategy, TensorType

__all__ = ["DNATokenizer"]

VOCABULARY = {"A": 0, "C": 1, "G": 2, "T": 3, "N": 4, "-": 5}
PAD_TOKEN = "-"
MASK_TOKEN = "[MASK]"
MASK_ID = len(VOCABULARY)
IUPAC_CODES = "RYSWKMBDHV"  # two or three possible bases each; all become N
WHITE_SPACE = " \t\n\r\v\f"  # removed, as in a FASTA record; other Unicode spaces are errors

# `tokenizers` looks its unknown token up only when it meets an unknown character. A name that is no
# token makes it fail there, with this text in the message, instead of dropping the character.
NO_UNKNOWN_TOKEN = "(for a character that is no nucleotide code: correct the sequence)"

_SPACE_CODE, _INVALID_CODE = 0xFE, 0xFF
_MASK_PLACEHOLDER = "\x06"  # one character in place of [MASK] during the look-up


def _byte_codes() -> bytes:
    """The look-up table: byte of the sequence -> token id, `_SPACE_CODE` or `_INVALID_CODE`."""
    table = bytearray([_INVALID_CODE] * 256)
    tokens = dict(VOCABULARY, U=VOCABULARY["T"], **dict.fromkeys(IUPAC_CODES, VOCABULARY["N"]))
    for character, code in tokens.items():
        table[ord(character)] = table[ord(character.lower())] = code
    for character in WHITE_SPACE:
        table[ord(character)] = _SPACE_CODE
    return bytes(table)


_CODES = _byte_codes()
_CODES_WITH_MASK = _CODES[: ord(_MASK_PLACEHOLDER)] + bytes([MASK_ID]) + _CODES[MASK_ID + 1 :]
_SPACES = WHITE_SPACE.encode()
_VALID_CHARACTERS = "".join(chr(byte) for byte, code in enumerate(_CODES) if code != _INVALID_CODE)
_INVALID_CHARACTER = re.compile(f"[^{re.escape(_VALID_CHARACTERS)}]")
# token id -> character, for decoding
_CHARACTERS = ("".join(VOCABULARY) + _MASK_PLACEHOLDER).encode().ljust(256, b"?")

# What `_encode_plus` may be given and the look-up can honour; anything else goes to `tokenizers`.
_LOOK_UP_OPTIONS = {
    "add_special_tokens",
    "padding_strategy",
    "truncation_strategy",
    "max_length",
    "stride",
    "is_split_into_words",
    "pad_to_multiple_of",
    "padding_side",
    "return_tensors",
    "return_token_type_ids",
    "return_attention_mask",
    "return_overflowing_tokens",
    "return_special_tokens_mask",
    "return_offsets_mapping",
    "return_length",
    "verbose",
    "split_special_tokens",
}
_NOT_BY_LOOK_UP = (
    "stride",
    "is_split_into_words",
    "return_overflowing_tokens",
    "return_offsets_mapping",
)


class DNATokenizer(PreTrainedTokenizerFast):
    """Turns DNA sequences into token ids, one per base.

    Ids: A 0, C 1, G 2, T 3, N 4, gap and padding `-` 5, `[MASK]` 6. Nothing is added at the ends.

    | in the sequence | becomes |
    | --- | --- |
    | `A C G T N`, either case | ids 0 to 4 |
    | `U`, `u` (RNA) | T |
    | IUPAC codes `R Y S W K M B D H V`, either case | N |
    | `-` | 5 with attention mask 1 (padding is 5 with attention mask 0) |
    | `[MASK]` | 6 |
    | space, tab, line break, form feed | removed, as in FASTA |
    | anything else: digits, `X`, `*`, emoji | `ValueError` with its place; `on_invalid="n"`: N |

    | input | outcome |
    | --- | --- |
    | `""`, or white space only | no tokens |
    | `[]` | empty `input_ids` and `attention_mask`; arrays of shape (0, 0) |
    | list, tuple, numpy array, pandas or datasets column of `str` | a batch |
    | `None`, numbers, `bytes`, other objects, alone or in a batch | `ValueError` with a remedy |

    Args:
        on_invalid: what a character outside the alphabet leads to: `"error"` or `"n"`.
        pad_token: token for padding.
        mask_token: token for masked language modelling.
        **kwargs: as for `PreTrainedTokenizerFast`: `model_max_length`, `padding_side`,
            `truncation_side`, `extra_special_tokens` (they get ids from 7 on) and so on.

    Raises:
        ValueError: `on_invalid` is neither of the two, or another vocabulary was given.

    Example:
        >>> tokenizer = DNATokenizer()
        >>> tokenizer(["ACGT", "nac"], padding=True)["input_ids"]
        [[0, 1, 2, 3], [4, 0, 1, 5]]
    """

    model_input_names = ["input_ids", "attention_mask"]
    _tokenizer: Any  # the base class sets it to None first

    def __init__(
        self,
        on_invalid: str = "error",
        *,
        pad_token: str | AddedToken = PAD_TOKEN,
        mask_token: str | AddedToken = MASK_TOKEN,
        **kwargs: Any,
    ) -> None:
        for name in ("tokenizer_object", "tokenizer_file", "vocab", "vocab_file"):
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"DNATokenizer was given {name}, but its alphabet is fixed; load another "
                    "tokenizer with transformers.PreTrainedTokenizerFast."
                )
        self._on_invalid = _checked_on_invalid(on_invalid)
        # An argument, so that it is written to tokenizer_config.json and the generic class obeys.
        kwargs.setdefault("model_input_names", list(self.model_input_names))
        super().__init__(
            tokenizer_object=_build_backend(on_invalid),
            on_invalid=on_invalid,
            pad_token=pad_token,
            mask_token=mask_token,
            **kwargs,
        )
        self._read_added_tokens()

    @property
    def on_invalid(self) -> str:
        """`"error"` or `"n"`: what a character outside the alphabet leads to."""
        return self._on_invalid

    @on_invalid.setter
    def on_invalid(self, value: str) -> None:
        self._on_invalid = _checked_on_invalid(value)
        self._tokenizer.model.unk_token = _unknown_token(value)

    def train_new_from_iterator(self, *args: Any, **kwargs: Any) -> Any:
        """Not offered: the alphabet of DNA is fixed.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "DNATokenizer cannot be trained: its alphabet is fixed. Train a subword tokenizer with "
            "transformers.PreTrainedTokenizerFast.train_new_from_iterator."
        )

    def ids_from_bytes(self, sequence: bytes) -> np.ndarray:
        """Token ids of one sequence of bytes, such as a chromosome: the look-up table alone.

        The ids are those of a call, in an eighth of its memory; nothing is padded, cut or added.

        Args:
            sequence: ASCII, L bytes.

        Returns:
            uint8 `(L,)`, less what a call removes.

        Raises:
            ValueError: `sequence` is no `bytes` or has a character that a call refuses, or tokens
                were added to the tokenizer.

        Example:
            >>> DNATokenizer().ids_from_bytes(b"ACGTnr")
            array([0, 1, 2, 3, 4, 4], dtype=uint8)
        """
        if not isinstance(sequence, bytes | bytearray):
            raise ValueError(
                f"the sequence is a {type(sequence).__name__}; give bytes, or call the tokenizer."
            )
        if self._extra_tokens != ():
            raise ValueError(
                "the table does not know the tokens that were added; call the tokenizer."
            )
        codes = bytearray(sequence).translate(_CODES)
        if np.frombuffer(codes, np.uint8).max(initial=0) >= _SPACE_CODE:
            text = sequence.decode("latin-1")  # a character a byte, so that errors name its place
            codes = bytearray(self._clean_row(text, "sequence", self.split_special_tokens))
        return np.frombuffer(codes, np.uint8)

    # Encoding: the look-up

    def _encode_plus(  # type: ignore[override]  # the options are passed on as they are
        self, text: Any, text_pair: Any = None, **options: Any
    ) -> BatchEncoding:
        """Encodes by look-up where that can be done, else checks and asks `tokenizers`."""
        text = _as_text_or_list(text)
        if text_pair is None and self._look_up_applies(options):
            sequences = [text] if isinstance(text, str) else text
            rows = self._look_up(sequences, self._splits_special_tokens(options))
            if rows is not None:
                return self._batch_encoding(rows, text, options)
        if text_pair is not None:
            text_pair = _as_text_or_list(text_pair)
        item = "word" if options.get("is_split_into_words") else "sequence"
        for part, name in ((text, item), (text_pair, f"second {item}")):
            if part is not None:
                self._check(part, name, self._splits_special_tokens(options))
        return super()._encode_plus(text=text, text_pair=text_pair, **options)

    def _look_up_applies(self, options: Mapping[str, Any]) -> bool:
        truncation = options.get("truncation_strategy", TruncationStrategy.DO_NOT_TRUNCATE)
        max_length = options.get("max_length")
        return (
            self._extra_tokens is not None
            # an added token that did not come through `add_tokens`
            and self._tokenizer.get_vocab_size(with_added_tokens=True) == self._full_vocabulary_size
            and options.keys() <= _LOOK_UP_OPTIONS
            and not any(options.get(name) for name in _NOT_BY_LOOK_UP)
            and truncation != TruncationStrategy.ONLY_SECOND
            and (max_length is None or max_length >= 0)
            and (
                not options.get("add_special_tokens", True)
                or self._tokenizer.num_special_tokens_to_add(False) == 0
            )
        )

    def _splits_special_tokens(self, options: Mapping[str, Any]) -> bool:
        choice = options.get("split_special_tokens")
        return bool(self.split_special_tokens if choice is None else choice)

    def _look_up(self, sequences: Sequence[str], split_special_tokens: bool) -> list[bytes] | None:
        """Token ids of each sequence, one byte each; None if only `tokenizers` can tell."""
        try:
            text = "".join(sequences)
        except TypeError:  # pairs, or what `_check` will name
            return None
        if text.isascii():
            codes = text.encode("ascii").translate(_CODES)
            if np.frombuffer(codes, np.uint8).max(initial=0) < _SPACE_CODE:
                return _split(codes, sequences)
        if self._extra_tokens and _INVALID_CHARACTER.search(text):
            return None  # perhaps one of the added tokens
        many = len(sequences) > 1
        return [
            self._clean_row(
                sequence, f"sequence {i} of the batch" if many else "sequence", split_special_tokens
            )
            for i, sequence in enumerate(sequences)
        ]

    def _clean_row(self, sequence: str, where: str, split_special_tokens: bool) -> bytes:
        """Token ids of a sequence with white space, masks or invalid characters."""
        table, characters = _CODES, sequence
        if MASK_TOKEN in sequence and not split_special_tokens:
            characters = sequence.replace(_MASK_PLACEHOLDER, "?")
            characters = characters.replace(MASK_TOKEN, _MASK_PLACEHOLDER)
            table = _CODES_WITH_MASK
        # "replace" writes one "?", an invalid character, for each one beyond ASCII
        codes = characters.encode("ascii", "replace").translate(table, _SPACES)
        if _INVALID_CODE in codes:
            if self.on_invalid == "error":
                self._check(sequence, where, split_special_tokens)
            codes = codes.replace(bytes([_INVALID_CODE]), bytes([VOCABULARY["N"]]))
        return codes

    def _batch_encoding(
        self, rows: list[bytes], text: str | Sequence[str], options: Mapping[str, Any]
    ) -> BatchEncoding:
        """Truncates, pads and wraps the token ids as `tokenizers` does."""
        tensors = options.get("return_tensors")
        max_length: Any = options.get("max_length")  # an int wherever it is used
        no_truncation = TruncationStrategy.DO_NOT_TRUNCATE
        if options.get("truncation_strategy", no_truncation) != no_truncation:
            if self.truncation_side == "right":
                rows = [row[:max_length] for row in rows]
            else:
                rows = [row[max(len(row) - max_length, 0) :] for row in rows]

        lengths = [len(row) for row in rows]
        longest = max(lengths, default=0)
        padding = options.get("padding_strategy", PaddingStrategy.DO_NOT_PAD)
        on_left = (options.get("padding_side") or self.padding_side) == "left"
        if padding != PaddingStrategy.DO_NOT_PAD:
            width = max_length if padding == PaddingStrategy.MAX_LENGTH else longest
            width += -width % (options.get("pad_to_multiple_of") or 1)
            filler = bytes([self.pad_token_id])
            if on_left:
                rows = [row.rjust(width, filler) for row in rows]
            else:
                rows = [row.ljust(width, filler) for row in rows]
            longest = max(longest, width if rows else 0)

        as_arrays = tensors is not None and all(len(row) == longest for row in rows)
        layout = (_ArrayLayout if as_arrays else _ListLayout)(rows, lengths, longest, on_left)
        names = self.model_input_names
        wanted = {
            "token_type_ids": (0, self.pad_token_type_id),
            "attention_mask": (1, 0),
            "special_tokens_mask": (0, 1),
        }
        data: dict[str, Any] = {"input_ids": layout.ids()}
        for name, (at_base, at_padding) in wanted.items():
            choice = options.get(f"return_{name}")
            if name in names if choice is None else choice:
                data[name] = layout.fill(at_base, at_padding)
        if options.get("return_length"):
            data["length"] = layout.widths()

        verbose = options.get("verbose", True)
        too_long = (row for row in rows if len(row) > self.model_max_length)
        for row in too_long if longest > self.model_max_length else ():
            self._eventual_warn_about_too_long_sequence(list(row), max_length, verbose)
            break
        if isinstance(text, str) and tensors is None:
            data = {key: value if key == "length" else value[0] for key, value in data.items()}
        if as_arrays and TensorType(tensors) == TensorType.PYTORCH:
            import torch

            data = {key: torch.from_numpy(value) for key, value in data.items()}
        make_encodings = functools.partial(self._backend_encodings, text, dict(options))
        return LazyBatchEncoding(data, make_encodings, tensors)

    def _backend_encodings(self, text: Any, options: dict[str, Any]) -> Sequence[Any]:
        if not isinstance(text, str) and len(text) == 0:
            return []
        options.update(return_tensors=None, verbose=False)
        return super()._encode_plus(text=text, **options).encodings or []

    # Encoding: checks

    def _check(self, text: Any, name: str, split_special_tokens: bool) -> None:
        """Raises for anything but strings of known characters in lists, however deep."""
        if isinstance(text, str):
            if self.on_invalid == "error":
                error = self._invalid_character(text, name, split_special_tokens)
                if error is not None:
                    raise error
        elif isinstance(text, list | tuple):
            for i, part in enumerate(text):
                nested = " of the " in name
                place = f"{name}, part {i}" if nested else f"{name} {i} of the batch"
                self._check(part, place, split_special_tokens)
        else:
            raise _not_a_string(text, name)

    def _invalid_character(
        self, sequence: str, where: str, split_special_tokens: bool
    ) -> ValueError | None:
        remaining = sequence
        for token in self.added_tokens_decoder.values():
            if not (split_special_tokens and token.special):
                remaining = remaining.replace(token.content, " " * len(token.content))
        match = _INVALID_CHARACTER.search(remaining)
        if match is None:
            return None
        character = match.group()
        return ValueError(
            f"{where} has {character!r} (U+{ord(character):04X}) at position {match.start()} "
            "(counted from 0), which is no nucleotide code. Allowed in either case: A C G T U N "
            f"and the IUPAC codes {' '.join(IUPAC_CODES)} (read as N); also '-', [MASK] and white "
            "space. Correct the sequence, or use DNATokenizer(on_invalid='n') to read such "
            "characters as N."
        )

    # Added tokens

    def _add_tokens(self, new_tokens: list[Any], special_tokens: bool = False) -> int:
        added = super()._add_tokens(new_tokens, special_tokens=special_tokens)
        self._read_added_tokens()
        return added

    def _read_added_tokens(self) -> None:
        """Notes which texts the look-up may still decide after tokens were added.

        `_extra_tokens` holds the added tokens with a character outside the alphabet: a clean
        sequence cannot contain them. It is None if a token could occur in a clean sequence.
        """
        standard = {**VOCABULARY, MASK_TOKEN: MASK_ID}
        extra: list[str] | None = []
        special_ids = []
        for token_id, token in self.added_tokens_decoder.items():
            special_ids += [token_id] if token.special else []
            if standard.get(token.content) == token_id:
                unusual = token.single_word or (token.content == MASK_TOKEN and token.normalized)
            else:
                unusual = _INVALID_CHARACTER.search(token.content) is None
                extra = None if extra is None else [*extra, token.content]
            extra = None if unusual else extra
        self._extra_tokens = None if extra is None else tuple(extra)
        self._skipped_codes = bytes(i for i in special_ids if i <= MASK_ID)
        self._full_vocabulary_size = self._tokenizer.get_vocab_size(with_added_tokens=True)

    # Decoding

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, **kwargs: Any) -> Any:
        """Decodes ids, given as a list, array or tensor of one or two dimensions.

        Args:
            token_ids: ids of one sequence (length) or of a batch (batch_size, length).
            skip_special_tokens: leave out `-`, `[MASK]` and other special tokens.
            **kwargs: as for `PreTrainedTokenizerFast.decode`.

        Returns:
            A string, or a list of strings for a batch.
        """
        # Arrays keep their bytes; the generic class would make a Python list of them first.
        array = token_ids
        if hasattr(array, "detach"):
            array = array.detach().cpu().numpy()
        if (
            isinstance(array, np.ndarray)
            and array.ndim in (1, 2)
            and array.dtype.kind in "iu"
            and array.size > 0
            and array.min() >= 0
            and array.max() <= MASK_ID
        ):
            codes = array.astype(np.uint8)
            rows = [codes] if array.ndim == 1 else codes
            texts = [self._decode(row.tobytes(), skip_special_tokens, **kwargs) for row in rows]
            return texts[0] if array.ndim == 1 else texts
        return super().decode(token_ids, skip_special_tokens=skip_special_tokens, **kwargs)

    def _decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *args: Any, **kwargs: Any
    ) -> str:
        clean_up = kwargs.get("clean_up_tokenization_spaces")
        plain = not (self.clean_up_tokenization_spaces if clean_up is None else clean_up)
        codes = _as_codes(token_ids) if plain and not args else None
        if codes is None:
            ids = list(token_ids) if isinstance(token_ids, bytes) else token_ids
            return super()._decode(ids, skip_special_tokens, *args, **kwargs)
        text = codes.translate(_CHARACTERS, self._skipped_codes if skip_special_tokens else b"")
        return text.decode("ascii").replace(_MASK_PLACEHOLDER, MASK_TOKEN)

    # Loading and saving

    @classmethod
    def convert_to_native_format(
        cls, trust_remote_code: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Checks that the files on disk hold this vocabulary; the pipeline itself is built here."""
        kwargs.pop("vocab_file", None)
        tokenizer_file = kwargs.pop("tokenizer_file", None)
        if tokenizer_file is not None and os.path.isfile(tokenizer_file):
            with open(tokenizer_file, encoding="utf-8") as file:
                model = json.load(file).get("model", {})
            if model.get("vocab") != VOCABULARY:
                raise ValueError(
                    f"{tokenizer_file} holds a {model.get('type')} model of "
                    f"{len(model.get('vocab', ()))} tokens, but DNATokenizer needs exactly "
                    f"{VOCABULARY}; load it with transformers.AutoTokenizer."
                )
            kwargs.setdefault("on_invalid", "n" if model.get("unk_token") == "N" else "error")
        return kwargs

    def _save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        file_names: tuple[str, ...],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
    ) -> tuple[str, ...]:
        config_file = file_names[0]
        with open(config_file, encoding="utf-8") as file:
            config = json.load(file)
        # The one class name that Transformers 4 and 5 both know.
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        for name in ("auto_map", "is_local", "local_files_only"):
            config.pop(name, None)
        if isinstance(extra := config.pop("extra_special_tokens", None), list):
            config["additional_special_tokens"] = extra  # a list of the newer name stops 4.57
        _write(config_file, json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n")

        # The backend's last call left its padding and truncation there; they are no part of it.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        prefix = f"{filename_prefix}-" if filename_prefix else ""
        tokenizer_file = os.path.join(save_directory, f"{prefix}tokenizer.json")
        _write(tokenizer_file, self._tokenizer.to_str(pretty=True))
        return (*file_names, tokenizer_file)


class LazyBatchEncoding(BatchEncoding):
    """A `BatchEncoding` that makes its `Encoding` objects (tokens, offsets) when first asked.

    Args:
        data: the model inputs, as for `BatchEncoding`.
        make_encodings: called at most once, without arguments, for the `tokenizers.Encoding` list.
        tensor_type: as for `BatchEncoding`.
    """

    def __init__(
        self,
        data: dict[str, Any] | None = None,
        make_encodings: Callable[[], Sequence[Any]] | None = None,
        tensor_type: str | None = None,
    ) -> None:
        self._make_encodings = make_encodings
        self._made_encodings: Sequence[Any] | None = None
        super().__init__(data, tensor_type=tensor_type, n_sequences=1)

    @property
    def is_fast(self) -> bool:
        """Whether `Encoding` objects are to be had."""
        return self._made_encodings is not None or self._make_encodings is not None

    @property
    def _encodings(self) -> Sequence[Any] | None:
        if self._made_encodings is None and self._make_encodings is not None:
            self._made_encodings = self._make_encodings()
        return self._made_encodings

    @_encodings.setter
    def _encodings(self, encodings: Sequence[Any] | None) -> None:
        self._made_encodings = encodings

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _ArrayLayout:
    """Model inputs as int64 arrays of shape (batch_size, width)."""

    def __init__(self, rows: list[bytes], lengths: list[int], width: int, on_left: bool) -> None:
        self._rows, self._width = rows, width
        self._is_base = None
        if min(lengths, default=width) < width:
            columns = np.arange(width)
            bases = np.array(lengths)[:, None]
            self._is_base = columns >= width - bases if on_left else columns < bases

    def ids(self) -> np.ndarray:
        codes = np.frombuffer(b"".join(self._rows), np.uint8)
        return codes.reshape(len(self._rows), self._width).astype(np.int64)

    def fill(self, at_base: int, at_padding: int) -> np.ndarray:
        if self._is_base is None or at_base == at_padding:
            return np.full((len(self._rows), self._width), at_base, np.int64)
        if (at_base, at_padding) == (1, 0):
            return self._is_base.astype(np.int64)
        return np.where(self._is_base, at_base, at_padding)

    def widths(self) -> np.ndarray:
        return np.full(len(self._rows), self._width, np.int64)


class _ListLayout:
    """Model inputs as lists of int, of any lengths."""

    def __init__(self, rows: list[bytes], lengths: list[int], width: int, on_left: bool) -> None:
        self._rows, self._lengths, self._on_left = rows, lengths, on_left

    def ids(self) -> list[list[int]]:
        return [list(row) for row in self._rows]

    def fill(self, at_base: int, at_padding: int) -> list[list[int]]:
        parts = [
            ([at_base] * length, [at_padding] * (len(row) - length))
            for row, length in zip(self._rows, self._lengths, strict=True)
        ]
        return [padding + bases if self._on_left else bases + padding for bases, padding in parts]

    def widths(self) -> list[int]:
        return [len(row) for row in self._rows]


def _build_backend(on_invalid: str) -> Tokenizer:
    """The `tokenizers` pipeline that gives the same ids as the look-up table."""

    def replace(characters: str, content: str) -> normalizers.Normalizer:
        return normalizers.Replace(Regex(characters), content)

    # A BPE without merges yields single characters: twice as fast as a splitter and WordLevel.
    unknown = _unknown_token(on_invalid)
    model = models.BPE(vocab=dict(VOCABULARY), merges=[], unk_token=unknown, fuse_unk=False)
    backend = Tokenizer(model)
    backend.normalizer = normalizers.Sequence(
        [
            replace(r"[ \t\n\r\x0b\x0c]+", ""),
            replace("a", "A"),
            replace("c", "C"),
            replace("g", "G"),
            replace("[tuU]", "T"),
            replace(f"[n{IUPAC_CODES}{IUPAC_CODES.lower()}]", "N"),
        ]
    )
    backend.decoder = decoders.Fuse()
    backend.post_processor = processors.TemplateProcessing(
        single="$A:0", pair="$A:0 $B:1", special_tokens=[]
    )
    backend.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in (PAD_TOKEN, MASK_TOKEN)]
    )
    return backend


def _unknown_token(on_invalid: str) -> str:
    return "N" if on_invalid == "n" else NO_UNKNOWN_TOKEN


def _checked_on_invalid(value: str) -> str:
    if value not in ("error", "n"):
        raise ValueError(f"on_invalid is {value!r}; it must be 'error' or 'n'.")
    return value


def _as_text_or_list(text: Any) -> Any:
    """A string as it is; lists and the usual columns of strings as a list."""
    if isinstance(text, str | list | tuple):
        return text
    if isinstance(text, np.ndarray) and text.ndim == 1:
        return text.tolist()
    is_text_like = isinstance(text, bytes | bytearray | memoryview | UserString | Mapping)
    if not is_text_like:
        if isinstance(text, Sequence):  # a datasets column, for one
            return list(text)
        for name in ("to_list", "to_pylist"):  # pandas, pyarrow
            if callable(convert := getattr(text, name, None)):
                return convert()
    raise _not_a_string(text, "the input")


def _not_a_string(value: Any, where: str) -> ValueError:
    if isinstance(value, bytes | bytearray):
        remedy = "Decode it first: sequence.decode('ascii')."
    elif value is None or isinstance(value, float):
        remedy = "A table with missing values gives these; drop or fill those rows."
    else:
        remedy = "Convert it first, for example by str(sequence)."
    kind = "None" if value is None else f"{value!r:.40} of type {type(value).__name__}"
    return ValueError(f"{where} is {kind}, but a DNA sequence must be a str. {remedy}")


def _split(codes: bytes, sequences: Sequence[str]) -> list[bytes]:
    rows, start = [], 0
    for sequence in sequences:
        end = start + len(sequence)
        rows.append(codes[start:end])
        start = end
    return rows


def _as_codes(token_ids: Any) -> bytes | None:
    """Ids as bytes if each is one of the alphabet's, else None."""
    try:
        codes = bytes([token_ids] if isinstance(token_ids, int | np.integer) else token_ids)
    except (TypeError, ValueError):
        return None
    return codes if np.frombuffer(codes, np.uint8).max(initial=0) <= MASK_ID else None


def _write(path: str, text: str) -> None:
    """Writes a file aside and moves it into place, so that no half-written file is ever seen."""
    aside = f"{path}.{os.getpid()}.tmp"
    with open(aside, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(aside, path)
