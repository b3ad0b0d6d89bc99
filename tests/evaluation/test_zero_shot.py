"""Scores of variants against assays: labels, signs, strands, and what is left out."""

import numpy as np
import pytest
import torch

from hf_genomics.evaluation.bootstrap import Estimate
from hf_genomics.evaluation.context_rates import Context, ContextRates
from hf_genomics.evaluation.metrics import auprc, auroc, spearman
from hf_genomics.evaluation.variant_assays import (
    VariantAssay,
    element_of,
    read_brca1,
    read_mpra,
)
from hf_genomics.evaluation.variant_contexts import context_scores
from hf_genomics.evaluation.zero_shot import (
    ALL_VARIANTS,
    MeasuredEffects,
    compare_scores,
    lead_table,
    markdown_table,
    mean_over_kinds,
    mean_table,
)
from tests.references.row_bootstrap import percentile_interval, resampled_rows

BRCA1 = """chromosome,pos_hg19,ref,alt,transcript_variant,consequence,function_score,func_class,phylop_mammalian,cadd,index0
17,100,T,G,c.-19-3A>C,Splice region,-0.4,FUNC,1.5,6.0,3
17,101,A,C,c.4T>G,Missense,-2.1,LOF,,20,4
17,102,C,A,c.6G>T,Synonymous,-1.0,INT,0.1,3,5
"""  # noqa: E501
MPRA = """element,chrom,pos,index0,ref,alt,barcodes,dna,rna,log2_effect,p_value
E1,2,1,0,C,A,146,1,1,-0.5,1e-9
E1,2,1,0,C,,32,1,1,-0.3,0.5
E1,2,1,0,C,G,9,1,1,-0.3,0.5
E2,2,1,7,G,T,10,1,1,0.25,0.5
"""


def assay(record, position, reference, alternative, *, codon=None, coding_strand=None):
    n = len(reference)
    return VariantAssay(
        record=record,
        position=np.array(position),
        reference=reference,
        alternative=alternative,
        effects=MeasuredEffects(np.zeros(n), np.zeros(n), np.array(["x"] * n)),
        other_scores={},
        codon_position=np.array([-1] * n if codon is None else codon, np.int8),
        coding_strand=coding_strand,
    )


def table(context, parent=None):
    generator = torch.Generator().manual_seed(context.size)
    rates = torch.randn(context.num_cells, 4, generator=generator, dtype=torch.float64)
    return ContextRates(context, rates, parent, 1.0)


def test_brca1_compares_loss_of_function_with_function(tmp_path):
    (tmp_path / "t.csv").write_text(BRCA1)
    read = read_brca1(tmp_path / "t.csv", "chr17")
    assert read.record == ("chr17",) * 3
    np.testing.assert_equal(read.effects.damaging, [0, 1, np.nan])
    assert read.effects.effect.tolist() == [0.4, 2.1, 1.0]
    assert read.effects.kind.tolist() == ["Splice region", "Missense", "Synonymous"]
    np.testing.assert_equal(read.other_scores["phyloP (mammals)"], [1.5, np.nan, 0.1])
    assert read.codon_position.tolist() == [-1, 0, 2]
    assert (read.reference, read.alternative) == ("TAC", "GCA")


def test_mpra_keeps_measured_substitutions(tmp_path):
    (tmp_path / "t.csv").write_text(MPRA)
    read = read_mpra(tmp_path / "t.csv")
    assert read.record == ("E1", "E2")
    assert read.position.tolist() == [0, 7]
    assert read.effects.damaging.tolist() == [1, 0]
    assert read.effects.effect.tolist() == [0.5, 0.25]


def test_alleles_may_be_in_lower_case(tmp_path):
    (tmp_path / "t.csv").write_text(MPRA.replace("0,C,A,146", "0,c,a,146"))
    read = read_mpra(tmp_path / "t.csv")
    assert (read.record, read.reference, read.alternative) == (("E1", "E2"), "CG", "AT")
    (tmp_path / "t.csv").write_text(BRCA1.replace("101,A,C", "101,a,C"))
    assert read_brca1(tmp_path / "t.csv", "chr17").reference == "TAC"


@pytest.mark.parametrize("unknown", ["", "NA"])
def test_a_variant_without_p_value_is_neither_damaging_nor_not(tmp_path, unknown):
    (tmp_path / "t.csv").write_text(MPRA.replace("1e-9", unknown))
    read = read_mpra(tmp_path / "t.csv")
    np.testing.assert_equal(read.effects.damaging, [np.nan, 0])
    assert len(read) == 2


@pytest.mark.parametrize("unknown", ["", "NA"])
def test_a_variant_of_unknown_barcodes_is_left_out(tmp_path, unknown):
    (tmp_path / "t.csv").write_text(MPRA.replace("146", unknown))
    assert read_mpra(tmp_path / "t.csv").record == ("E2",)


@pytest.mark.parametrize(("ref", "alt"), [("A", "AG"), ("AG", "A"), ("A", "A"), ("N", "A")])
def test_rows_of_the_mpra_that_are_no_substitution_are_left_out(tmp_path, ref, alt):
    (tmp_path / "t.csv").write_text(MPRA.replace("0,C,A,146", f"0,{ref},{alt},146"))
    read = read_mpra(tmp_path / "t.csv")
    assert (read.record, read.reference, read.alternative) == (("E2",), "G", "T")


@pytest.mark.parametrize(
    ("ref", "alt"), [("AG", "C"), ("A", ""), ("A", "A"), ("A", "N"), ("", "CC")]
)
def test_rows_of_brca1_that_are_no_substitution_are_refused(tmp_path, ref, alt):
    """Later variants would have the bases of their neighbours."""
    (tmp_path / "t.csv").write_text(BRCA1.replace("101,A,C", f"101,{ref},{alt}"))
    with pytest.raises(
        ValueError, match=rf"Row 1 \(from 0\) of .* ref '{ref}' and alt '{alt}', but"
    ):
        read_brca1(tmp_path / "t.csv", "chr17")


@pytest.mark.parametrize(
    ("read", "table", "message"),
    [
        (
            lambda table: read_mpra(table),
            MPRA.replace("146", "many"),
            r"Row 0 \(from 0\) of .*t.csv has 'many' in its column barcodes; write a number, or NA",
        ),
        (
            lambda table: read_mpra(table),
            MPRA.replace("E2,2,1,7", "E2,2,1,x"),
            r"Row 3 \(from 0\) of .*t.csv has 'x' in its column index0; write the position",
        ),
        (
            lambda table: read_brca1(table, "chr17"),
            BRCA1.replace("6.0,3", "6.0,-3"),
            r"Row 0 \(from 0\) of .*t.csv has '-3' in its column index0",
        ),
        (
            lambda table: read_brca1(table, "chr17"),
            BRCA1.replace("-2.1", "low"),
            r"Row 1 \(from 0\) of .*t.csv has 'low' in its column function_score",
        ),
    ],
)
def test_text_in_place_of_a_number_is_named_with_its_row(tmp_path, read, table, message):
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "t.csv")


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("element,ref\nE1,A\n")
    with pytest.raises(ValueError, match="no column index0, alt, barcodes"):
        read_mpra(tmp_path / "t.csv")


def test_a_score_is_minus_the_log_ratio_of_alternative_and_reference():
    rates = table(Context(1, both_strands=True))
    given = assay(("r", "r"), [1, 3], "CT", "AG")
    scores = context_scores({"base": rates}, given, {"r": "ACGT"})["base"]
    c, a = rates.table[1], rates.table[0].flip(0)  # a T is an A of the other strand
    assert scores.tolist() == pytest.approx([float(c[1] - c[0]), float(a[3] - a[2])], rel=1e-6)


def test_a_table_of_one_strand_is_read_on_the_coding_strand():
    rates = table(Context(3), parent=table(Context(0)))
    sequence = "GATTACA"
    opposite = "TGTAATC"
    minus = assay(("r",), [2], "T", "C", coding_strand="-")
    plus = assay(("r",), [4], "A", "G", coding_strand="+")
    assert context_scores({"t": rates}, minus, {"r": sequence})["t"] == pytest.approx(
        context_scores({"t": rates}, plus, {"r": opposite})["t"]
    )
    nowhere = assay(("r",), [2], "T", "C")
    assert context_scores({"t": rates}, nowhere, {"r": sequence}) == {}


def test_a_table_by_codon_position_scores_coding_variants_only():
    rates = table(Context(1, codon=True), parent=table(Context(0)))
    given = assay(("r", "r"), [0, 1], "AC", "GG", codon=[2, -1], coding_strand="+")
    scores = context_scores({"t": rates}, given, {"r": "AC"})["t"]
    assert scores[0] == pytest.approx(float(rates.table[2, 0] - rates.table[2, 2]), rel=1e-6)
    assert np.isnan(scores[1])


@pytest.mark.parametrize(
    ("record", "position", "message"),
    [
        ("r", 2, r"at position 2 \(0-based\) of 'r', which has 2 bases; give the FASTA"),
        ("r", -1, "at position -1"),
        ("q", 0, "no sequence 'q', which the variants are of; give the FASTA"),
    ],
)
def test_a_variant_that_the_fasta_does_not_have_is_an_error(record, position, message):
    given = assay((record,), [position], "A", "G")
    with pytest.raises(ValueError, match=message):
        context_scores({"t": table(Context(0, both_strands=True))}, given, {"r": "AC"})


def test_no_variants_have_no_scores():
    given = assay((), np.array([], np.int64), "", "")
    scores = context_scores({"t": table(Context(1, both_strands=True))}, given, {"r": "AC"})
    assert scores["t"].shape == (0,)


def test_a_kind_called_all_is_refused():
    effects = MeasuredEffects(np.zeros(2), np.zeros(2), np.array(["all", "x"]))
    with pytest.raises(ValueError, match="'all', which stands for all kinds together"):
        compare_scores({"a": np.zeros(2)}, effects)


def test_a_wrong_reference_base_is_an_error():
    given = assay(("r", "r"), [0, 1], "AA", "GG", coding_strand="+")
    with pytest.raises(ValueError, match=r"1 of 2 variants .* first at r, position 1 \(from 0\)"):
        context_scores({"t": table(Context(0))}, given, {"r": "AC"})


def test_scores_are_compared_on_the_same_variants():
    generator = np.random.default_rng(0)
    damaging = (np.arange(80) % 4 == 0).astype(float)
    damaging[:8] = np.nan
    effect = generator.normal(size=80) + np.nan_to_num(damaging)
    kind = np.array(["coding", "intron"] * 40)
    good = effect + generator.normal(size=80)
    gappy = good.copy()
    gappy[[20, 41]] = np.nan
    coding_only = np.where(kind == "coding", good, np.nan)
    rows = compare_scores(
        {"good": good, "gappy": gappy, "coding only": coding_only},
        MeasuredEffects(damaging, effect, kind),
        num_resamples=50,
    )
    by_name = {(row["kind"], row["score"]): row for row in rows}
    assert {name for place, name in by_name if place == ALL_VARIANTS} == {"good", "gappy"}
    assert {name for place, name in by_name if place == "coding"} == {
        "good",
        "gappy",
        "coding only",
    }
    assert {name for place, name in by_name if place == "intron"} == {"good", "gappy"}
    assert by_name["intron", "good"]["variants"] == 39
    assert by_name["intron", "good"]["auroc"] is None  # none is damaging
    assert by_name["coding", "good"]["damaging"] == 17

    for name in ("good", "gappy"):
        whole = by_name[ALL_VARIANTS, name]
        shared = np.isfinite(gappy)
        labelled = shared & np.isfinite(damaging)
        truth = damaging[labelled].astype(int)
        assert whole["variants"] == 78
        assert whole["auroc"].value == auroc(truth, good[labelled])
        assert whole["auprc"].value == auprc(truth, good[labelled])
        assert whole["spearman"].value == spearman(effect[shared], good[shared])
        assert whole["auroc"].low < whole["auroc"].value < whole["auroc"].high
    assert markdown_table(rows).count("\n") == len(rows) + 2


def test_a_kind_that_no_score_covers_is_left_out():
    """It ended in an error of numpy."""
    effects, scores = graded(n=60)
    kind = np.array(["covered", "half", "none"] * 20)
    partly = np.where((kind == "none") | ((kind == "half") & (np.arange(60) < 30)), np.nan, 1.0)
    scores = {name: score * partly for name, score in scores.items()}
    effects = MeasuredEffects(effects.damaging, effects.effect, kind)
    rows = compare_scores(scores, effects, num_resamples=5)
    assert [(row["kind"], row["score"]) for row in rows] == [
        ("covered", "good"),
        ("covered", "bad"),
    ]
    nothing = {"none": np.full(60, np.nan)}
    assert compare_scores(nothing, effects, num_resamples=5) == []
    assert compare_scores({}, effects, num_resamples=5) == []


def graded(n=120, seed=0):
    """Effects of which a tenth is in between, a good score with ties, and a bad one."""
    generator = np.random.default_rng(seed)
    effect = generator.normal(size=n)
    damaging = (effect > 0.5).astype(float)
    damaging[::10] = np.nan
    effects = MeasuredEffects(damaging, effect, np.array(["one"] * n))
    good = np.round(effect + generator.normal(size=n), 1)
    return effects, {"good": good, "bad": generator.normal(size=n)}


def test_intervals_are_those_of_drawing_and_scoring_rows_one_sample_at_a_time():
    effects, scores = graded()
    rows = compare_scores(scores, effects, num_resamples=40, seed=5)
    labelled = np.isfinite(effects.damaging)
    truth = effects.damaging[labelled].astype(int)
    strata = np.nan_to_num(effects.damaging, nan=-1.0)
    for row in rows:
        score = scores[row["score"]]
        of_labelled = score[labelled]
        slow = {
            "auroc": (lambda r, s=of_labelled: auroc(truth[r], s[r]), truth),
            "auprc": (lambda r, s=of_labelled: auprc(truth[r], s[r]), truth),
            "spearman": (lambda r, s=score: spearman(effects.effect[r], s[r]), strata),
        }
        for metric, (one, drawn_within) in slow.items():
            expected = percentile_interval(one, drawn_within, 40, 5)
            assert (row[metric].low, row[metric].high) == pytest.approx(expected, abs=1e-12)


def test_a_lead_is_paired():
    effects, scores = graded()
    scores["good again"] = scores["good"] * 2 + 1
    first, bad, again = compare_scores(scores, effects, num_resamples=40)[:3]
    assert first["lead"] is None
    for metric in ("auroc", "auprc", "spearman"):
        same = again["lead"][metric]
        assert (same.value, same.low, same.high) == (0, 0, 0)
        assert bad["lead"][metric].value == first[metric].value - bad[metric].value
    differences = [
        spearman(effects.effect[r], scores["good"][r])
        - spearman(effects.effect[r], scores["bad"][r])
        for r in resampled_rows(np.nan_to_num(effects.damaging, nan=-1.0), 40, 0)
    ]
    lead = bad["lead"]["spearman"]
    assert (lead.low, lead.high) == pytest.approx(np.quantile(differences, [0.025, 0.975]))


def test_the_table_of_leads_has_a_line_for_every_other_score():
    effects, scores = graded()
    lines = lead_table(compare_scores(scores, effects, num_resamples=5)).splitlines()
    assert lines[0] == "| good minus | AUROC | AUPRC | Spearman |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| bad"]
    assert lead_table(compare_scores({"good": scores["good"]}, effects, num_resamples=5)) == ""


def row_of(kind, score, value):
    return {"kind": kind, "score": score, "spearman": Estimate(value, value, value)}


def test_means_over_kinds_are_bootstrapped_over_blocks_of_kinds():
    values = {"a": (0.1, 0.3), "a.2": (0.1, 0.2), "b": (0.4, 0.1)}
    rows = [row_of(k, s, v) for k, of in values.items() for s, v in zip("xy", of, strict=True)]
    rows += [row_of("a", "of one kind", 0.9), row_of(ALL_VARIANTS, "x", 0.9)]
    x, y = mean_over_kinds(rows, lambda kind: kind[0])
    assert (x["score"], x["kinds"], x["lead"]) == ("x", 3, None)
    assert (x["spearman"].value, x["spearman"].low, x["spearman"].high) == pytest.approx(
        (0.2, 0.1, 0.4)
    )
    assert y["lead"].value == pytest.approx(0.0)
    assert (y["lead"].low, y["lead"].high) == pytest.approx((-0.15, 0.3))  # a alone, b alone
    assert mean_table([x, y]).splitlines()[0] == "| mean over 3 kinds | Spearman | x minus it |"
    assert mean_over_kinds([row_of(ALL_VARIANTS, "x", 0.9)]) == []
    assert mean_table([]) == ""


@pytest.mark.parametrize(
    ("experiment", "element"),
    [("LDLR.2", "LDLR"), ("TERT-GBM", "TERT"), ("ZRSh-13h2", "ZRSh"), ("F9", "F9")],
)
def test_experiments_name_their_element(experiment, element):
    assert element_of(experiment) == element


def test_ten_of_a_kind_and_nine_tenths_of_it_are_enough():
    damaging, score = np.array([1.0, 0.0, 0.0] * 10), np.arange(30.0)
    damaging[[1, 2]] = 1
    kind = np.array(["ten"] * 10 + ["twenty"] * 20)
    gappy = score.copy()
    gappy[[12, 15, 16]] = np.nan  # 27 of 30, and two of twelve damaging
    scores = {"whole": score, "gappy": gappy}
    rows = compare_scores(scores, MeasuredEffects(damaging, score, kind), num_resamples=5)
    found = {(row["kind"], row["score"]): row for row in rows}
    assert found[ALL_VARIANTS, "gappy"]["variants"] == 27
    assert found[ALL_VARIANTS, "gappy"]["damaging"] == 10
    assert found[ALL_VARIANTS, "gappy"]["auroc"] is not None
    assert found["ten", "gappy"]["variants"] == 10
    assert ("twenty", "gappy") not in found
