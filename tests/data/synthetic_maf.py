"""Random alignments and the ways to write the same alignment differently in MAF."""

from dataclasses import dataclass, replace

import numpy as np

SPECIES = ("ref", "one", "two", "three", "four")
TREE = "((ref:0.1,one:0.2):0.1,(two:0.3,three:0.1):0.2,four:0.5);"
COMPLEMENT = str.maketrans("ACGTNacgtnRY-", "TGCANtgcanYR-")


@dataclass(frozen=True)
class Row:
    source: str
    start: int
    strand: str
    total: int
    text: str

    @property
    def size(self) -> int:
        return len(self.text) - self.text.count("-")

    def line(self) -> str:
        fields = (self.source, self.start, self.size, self.strand, self.total, self.text)
        return "s " + " ".join(map(str, fields))

    def flipped(self) -> "Row":
        """The same bases, given on the other strand."""
        return replace(
            self,
            start=self.total - self.start - self.size,
            strand="-" if self.strand == "+" else "+",
            text=self.text.translate(COMPLEMENT)[::-1],
        )

    def part(self, begin: int, end: int) -> "Row":
        """Aligned columns `begin` to `end`."""
        before = self.text[:begin]
        text = self.text[begin:end]
        return replace(self, start=self.start + len(before) - before.count("-"), text=text)


Block = list[Row]


def random_blocks(generator: np.random.Generator, *, contigs: int = 2) -> list[Block]:
    """Sorted blocks, some of them adjacent; the reference first, no species twice."""
    blocks = []
    for contig in range(contigs):
        position = 0
        for _ in range(int(generator.integers(1, 8))):
            position += int(generator.choice([0, 0, 1, 7, 300]))
            width = int(generator.integers(1, 60))
            others = [name for name in SPECIES[1:] if generator.random() < 0.7]
            block = [random_row(generator, "ref", f"chr{contig}", position, width, 10_000)]
            block += [
                random_row(generator, name, f"s{contig}", int(generator.integers(500)), width, 900)
                for name in others
            ]
            if block[0].size == 0:
                continue
            position += block[0].size
            blocks.append(block)
    return blocks


def random_row(
    generator: np.random.Generator, species: str, contig: str, start: int, width: int, total: int
) -> Row:
    letters = generator.choice(list("ACGTacgtNR-"), size=width, p=[0.15] * 4 + [0.05] * 6 + [0.1])
    return Row(f"{species}.{contig}", start, "+", total, "".join(letters))


def text_of(blocks: list[Block]) -> str:
    body = "\n".join("a\n" + "\n".join(row.line() for row in block) + "\n" for block in blocks)
    return "##maf version=1\n" + body


def with_flipped_strands(generator: np.random.Generator, blocks: list[Block]) -> list[Block]:
    """Some blocks given on the other strand."""
    return [
        [row.flipped() for row in block] if generator.random() < 0.5 else block for block in blocks
    ]


def with_split_blocks(generator: np.random.Generator, blocks: list[Block]) -> list[Block]:
    """Blocks cut in two anywhere; parts without a reference base stay."""
    parts = []
    for block in blocks:
        cut = int(generator.integers(0, len(block[0].text) + 1))
        for begin, end in ((0, cut), (cut, len(block[0].text))):
            if begin < end:
                parts.append([row.part(begin, end) for row in block])
    return parts


def with_reordered_rows(generator: np.random.Generator, blocks: list[Block]) -> list[Block]:
    return [[block[i] for i in generator.permutation(len(block))] for block in blocks]


def with_reordered_blocks(generator: np.random.Generator, blocks: list[Block]) -> list[Block]:
    return [blocks[i] for i in generator.permutation(len(blocks))]
