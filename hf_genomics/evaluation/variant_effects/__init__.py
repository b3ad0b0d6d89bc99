"""Scores of variants: a FASTA file and variants or a region in, rows with scores out."""
