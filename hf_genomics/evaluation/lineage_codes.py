"""VQDNA codes of many genomes that differ at few positions: every context is read once.

A code depends on the nucleotides within the quantizer's receptive radius r and on nothing else
(beyond the ends of a sequence there is nothing, which is what N is read as too). So a position
whose 2 r + 1 nucleotides were seen before, in whatever genome, has the codes it had there. The
codes are those of `VQDNAQuantizerModel.tokenize`, and hundreds of genomes of one virus cost as much
as a handful.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.utils.logging import tqdm

from hf_genomics.data.indexed_genome import encode
from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel

Codes = NDArray[np.int32]

NOTHING = 4  # the id of N: what is read as nothing
LONGEST_STRETCH = 512  # nucleotides that are read in one piece
NUCLEOTIDES_AT_ONCE = 1 << 13
SAVED_EVERY = 25  # genomes


class ContextCodes:
    """Codes of sequences, looked up by context where the context was read before.

    Args:
        model: A quantizer in evaluation mode with one code for each nucleotide.

    Raises:
        ValueError: The quantizer has several nucleotides to a code, or is in training mode.
    """

    def __init__(self, model: VQDNAQuantizerModel) -> None:
        if model.config.downsample_ratio != 1:
            raise ValueError(
                f"The quantizer has {model.config.downsample_ratio} nucleotides to a code, and "
                "codes are looked up by nucleotide; take one with downsample_ratio=1."
            )
        if model.training:
            raise ValueError("The quantizer is in training mode; call model.eval() first.")
        self.model = model
        self.radius: int = model.receptive_radius
        self.num_read = 0  # positions that went through the network
        self._codes: dict[bytes, tuple[int, ...]] = {}

    def __call__(self, sequence: str) -> Codes:
        """Codes `(Q, L)` of a sequence of L letters, -1 where a letter is no base."""
        contexts, text = self._contexts(sequence)
        new = [i for i, context in enumerate(contexts) if context not in self._codes]
        if new:
            self._read(contexts, text, stretches(new))
        found = [self._codes[context] for context in contexts]
        levels = self.model.config.num_quantizers
        return np.array(found, np.int32).reshape(len(sequence), levels).T

    def learn(self, sequence: str, codes: Codes) -> None:
        """Takes the codes `(Q, L)` of a sequence that were computed before as known."""
        contexts, _ = self._contexts(sequence)
        self._codes.update(zip(contexts, map(tuple, codes.T.tolist()), strict=True))

    def _contexts(self, sequence: str) -> tuple[list[bytes], bytes]:
        """The 2 r + 1 ids around every letter, and the ids with r of nothing at either end."""
        ends = bytes([NOTHING]) * self.radius
        text = ends + encode(sequence).tobytes() + ends
        width = 2 * self.radius + 1
        return [text[i : i + width] for i in range(len(sequence))], text

    def _read(self, contexts: list[bytes], text: bytes, found: list[slice]) -> None:
        found.sort(key=lambda stretch: stretch.stop - stretch.start)
        while found:
            longest = found[-1].stop - found[-1].start + 2 * self.radius
            batch = found[-max(1, NUCLEOTIDES_AT_ONCE // longest) :]
            del found[-len(batch) :]
            ids = np.full((len(batch), longest), NOTHING, np.int64)
            for row, stretch in zip(ids, batch, strict=True):
                piece = text[stretch.start : stretch.stop + 2 * self.radius]
                row[: len(piece)] = np.frombuffer(piece, np.uint8)
            input_ids = torch.from_numpy(ids).to(self.model.device)
            codes = self.model.tokenize(input_ids)[:, :, self.radius :].cpu().numpy()
            for of_stretch, stretch in zip(codes, batch, strict=True):
                width = stretch.stop - stretch.start
                self.num_read += width
                rows = map(tuple, of_stretch[:, :width].T.tolist())
                self._codes.update(zip(contexts[stretch], rows, strict=True))


def stretches(positions: Sequence[int], longest: int = LONGEST_STRETCH) -> list[slice]:
    """Ascending positions as runs without a gap, none longer than `longest`."""
    runs: list[slice] = []
    for position in positions:
        if runs and runs[-1].stop == position and position - runs[-1].start < longest:
            runs[-1] = slice(runs[-1].start, position + 1)
        else:
            runs.append(slice(position, position + 1))
    return runs


def codes_of_genomes(
    reader: ContextCodes, sequences: Sequence[str], cache: str | Path | None = None
) -> list[Codes]:
    """Codes `(Q, L)` of each genome.

    Args:
        reader: Reads them; it knows the contexts of all genomes afterwards.
        sequences: The genomes.
        cache: An .npz file that is written from time to time. What it holds of these genomes by
            this quantizer is not computed again; a file of others is overwritten.
    """
    levels = reader.model.config.num_quantizers
    fingerprint = weights_fingerprint(reader.model)
    codes = _cached(cache, fingerprint, sequences, levels)
    for sequence, known in zip(sequences, codes, strict=False):
        reader.learn(sequence, known)
    with tqdm(total=len(sequences), initial=len(codes), desc="genomes", unit=" genomes") as bar:
        for sequence in sequences[len(codes) :]:
            codes.append(reader(sequence))
            bar.update()
            if cache and (len(codes) % SAVED_EVERY == 0 or len(codes) == len(sequences)):
                _save(Path(cache), fingerprint, sequences, codes)
    return codes


def weights_fingerprint(model: torch.nn.Module) -> str:
    """A SHA-256 of the names and values of a model's weights and buffers."""
    digest = hashlib.sha256()
    for name, values in model.state_dict().items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _save(path: Path, fingerprint: str, sequences: Sequence[str], codes: list[Codes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{os.getpid()}.partial.npz")
    read = sequences[: len(codes)]
    arrays: dict[str, Any] = {
        "fingerprint": fingerprint,
        "sequences": [hashlib.sha256(sequence.encode()).hexdigest() for sequence in read],
        "lengths": [len(sequence) for sequence in read],
        "codes": np.concatenate(codes, 1),
    }
    try:
        np.savez_compressed(aside, **arrays)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _cached(
    path: str | Path | None, fingerprint: str, sequences: Sequence[str], levels: int
) -> list[Codes]:
    """Codes of the first genomes, as far as the file holds them in this order."""
    if path is None or not Path(path).exists():
        return []
    try:
        with open(path, "rb") as opened, np.load(opened) as file:
            if str(file["fingerprint"]) != fingerprint or len(file["codes"]) != levels:
                return []
            of_genome = np.split(file["codes"], np.cumsum(file["lengths"])[:-1], axis=1)
            digests = file["sequences"]
    except (KeyError, TypeError, ValueError, EOFError, BadZipFile):
        return []  # a file of others, or a damaged one
    known = []
    for sequence, digest, codes in zip(sequences, digests, of_genome, strict=False):
        if hashlib.sha256(sequence.encode()).hexdigest() != digest:
            break
        known.append(codes)
    return known
