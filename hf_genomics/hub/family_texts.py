"""The papers behind the families, as the card of a fine-tuned model names them."""

PHYLOGPN_PAPER = (
    "a PhyloGPN, which reads how bases evolve, with a head for the labels. The idea of the network "
    'is that of\n"A Phylogenetic Approach to Genomic Language Modeling" (Albors et al., RECOMB '
    "2025, [arXiv 2503.03773](https://arxiv.org/abs/2503.03773))."
)

VQDNA_PAPER = (
    "a Transformer on the codes of a VQDNA quantizer, with a head for the labels. The idea is that "
    'of\n"VQDNA: Unleashing the Power of Vector Quantization for Multi-Species Genomic Sequence '
    'Modeling" (Li et al., ICML 2024,\n[arXiv 2405.10812](https://arxiv.org/abs/2405.10812)).'
)

PHYLOGPN_CITATION = """```bibtex
@inproceedings{albors2025phylogenetic,
  title     = {A Phylogenetic Approach to Genomic Language Modeling},
  author    = {Albors, Carlos and Li, Jianan Canal and Benegas, Gonzalo and Ye, Chengzhong and
               Song, Yun S.},
  booktitle = {Research in Computational Molecular Biology (RECOMB)},
  year      = {2025},
  url       = {https://arxiv.org/abs/2503.03773}
}
```"""

VQDNA_CITATION = """```bibtex
@inproceedings{li2024vqdna,
  title     = {{VQDNA}: Unleashing the Power of Vector Quantization for Multi-Species Genomic
               Sequence Modeling},
  author    = {Li, Siyuan and Wang, Zedong and Liu, Zicheng and Wu, Di and Tan, Cheng and
               Zheng, Jiangbin and Huang, Yufei and Li, Stan Z.},
  booktitle = {International Conference on Machine Learning},
  year      = {2024},
  url       = {https://arxiv.org/abs/2405.10812}
}
```"""
