"""Draw a scored region: sequence logo, heat map of all SNVs, rate of every site.

    hf-genomics score-variants --model M --fasta hg38.fa.gz --region chr17:43,063,874-43,063,951 \
        --output exon.parquet
    python examples/plot_region.py --scores exon.parquet --output exon.png

The suffix of the output says the format: png, svg or pdf.
"""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

import pandas as pd

from hf_genomics.plots import ScoredSites, region_figure


def main() -> None:
    args = parse_arguments()
    sites = ScoredSites.from_table(pd.read_parquet(args.scores), start=args.start, end=args.end)
    region_figure(sites, title=args.title).savefig(args.output, dpi=args.dpi)
    print(f"{len(sites.position)} bases of {sites.contig} in {args.output}")


def parse_arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--scores", required=True, help="Parquet file of a scored region.")
    parser.add_argument("--output", required=True, help="Figure to write.")
    parser.add_argument("--start", type=int, help="First position, 1-based; default: all.")
    parser.add_argument("--end", type=int, help="Last position, included.")
    parser.add_argument("--title", help="Default: the region.")
    parser.add_argument("--dpi", type=int, default=150, help="Dots per inch of a png.")
    return parser.parse_args()


if __name__ == "__main__":
    main()
