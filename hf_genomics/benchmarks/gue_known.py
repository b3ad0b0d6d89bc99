"""What is known of the published files of GUE: rows of every split, and checksums of rows.

The checksums are of the rows (`labelled_rows.content_digest`) of two copies on GitHub that agree
row for row, wds-seu/DeepGene at 486343e5 and xinhexing/DNABERT_2 at f1e5ad57, as are the sizes of
these splits. The other sizes are those that later implementations of the benchmark state.
"""

# train, validation, test
ROWS: dict[str, tuple[int, int, int]] = {
    "emp_H3": (11971, 1497, 1497),
    "emp_H3K14ac": (26483, 3305, 3305),
    "emp_H3K36me3": (27904, 3488, 3488),
    "emp_H3K4me1": (25341, 3168, 3168),
    "emp_H3K4me2": (24545, 3069, 3069),
    "emp_H3K4me3": (29439, 3680, 3680),
    "emp_H3K79me3": (23069, 2884, 2884),
    "emp_H3K9ac": (22224, 2779, 2779),
    "emp_H4": (11679, 1461, 1461),
    "emp_H4ac": (27275, 3410, 3410),
    "mouse_0": (6478, 810, 810),
    "mouse_1": (53952, 6745, 6745),
    "mouse_2": (2620, 328, 328),
    "mouse_3": (1904, 239, 239),
    "mouse_4": (15064, 1883, 1883),
    "prom_300_all": (47356, 5920, 5920),
    "prom_300_notata": (42452, 5307, 5307),
    "prom_300_tata": (4904, 613, 613),
    "prom_core_all": (47356, 5920, 5920),
    "prom_core_notata": (42452, 5307, 5307),
    "prom_core_tata": (4904, 613, 613),
    "splice_reconstructed": (36496, 4562, 4562),
    "tf_0": (32378, 1000, 1000),
    "tf_1": (30672, 1000, 1000),
    "tf_2": (19000, 1000, 1000),
    "tf_3": (27294, 1000, 1000),
    "tf_4": (19000, 1000, 1000),
    "virus_covid": (77669, 7000, 7000),
}

SHA256: dict[str, dict[str, str]] = {
    "emp_H3": {
        "validation": "17fb21243432adfd87bed157ba67e7622269d2541208d8ca89f7ff2aa5636ccf",
        "test": "e26d3bb3e312c1393d6a8acc247d926ebc98f6e1228aedddf1147814092e8ac8",
    },
    "emp_H3K14ac": {
        "validation": "c5e010d952fe807f9047a4c1541e040b7ac0d607db8e926187c35bf13afe7a9a",
        "test": "9e2bac1421ee6bb1eee2ff109e5ce40b958fc47af6d72bf1f65323699cdf6c8c",
    },
    "emp_H3K36me3": {
        "validation": "9a97edaf8d3ee2781cf78d8a2378f017854811b9abfdea8548d297ed524d6270",
        "test": "f844376cbd28eef8c92f87e41c455cfec5af531dd436028d98328ef56dddc7c6",
    },
    "emp_H3K4me1": {
        "validation": "1cf0981a8595784326b6af0ecd011f4cd29321738bdf67b7f29d3796abaf8fa3",
        "test": "0556bd43b1afca400efe66d6d00309272dc1d132639145f9acdcac8cc014e0cf",
    },
    "emp_H3K4me2": {
        "validation": "912c57ecb028ba9cada1b6de04d3c282a2b776357c650d14c119cd1669c8180b",
        "test": "9e92d12f01b11aab8f9304685530e0951380d01e60225f8d534d7492190e5c31",
    },
    "emp_H3K4me3": {
        "validation": "4229cf5bafa6ad574eb87d6281dd48df4ec1c40516c4f0608244d6dd8d63209d",
        "test": "d51d7f35b77eafc67d0b45770541fa40db57a3c65db94dc59340512f1ecf3691",
    },
    "emp_H3K79me3": {
        "validation": "1519ad9d34e0bf09804a3f4f0500066320558792962ee71c16f0c6df5dc27a4a",
        "test": "b5fea3b881bd53829d246225a1af4c37883e87a11b3994c2f20de7a261bbb295",
    },
    "emp_H3K9ac": {
        "validation": "c4df32454806c1337f5d61bfeba6e9b50d76efbb599071ce87b710cfae46a1f3",
        "test": "e052a2eaf0fe7e49542f2c3589c0df8848cdcb8f2e5dc9bb6cd2be0e6da0a77a",
    },
    "emp_H4": {
        "validation": "c6d0b32a563f3b2703da2461a79d09349b1a4df9718a91b49fa63a48083397a7",
        "test": "20baa6be38c0ff6916744fcb4100e12ba34cc8f2779530ccf994c303436edc6c",
    },
    "emp_H4ac": {
        "validation": "17dee1b1193e533d024e69318cd4348fb2fccc6e01daf222fcbfa756bd608109",
        "test": "9862770a9d67f153ca04ab8fac62e0f9daf2c7594a70c775c35792d75190cebf",
    },
    "mouse_0": {
        "train": "5100d121eb15ac0e7b4fdb6f13a2ea2703bfc44fa50eb706966b0026d211523d",
        "validation": "654b9c95fffd91e2049e5473c2240aeed80f557aa7b69b82eab218200d5239c0",
        "test": "e33c3b83e560a1771bfc25cd9fc69b395619bff2bcab106d9c152fab4cce1401",
    },
    "mouse_1": {
        "validation": "4a315ef8e9145b3d695b5d437c252d659f363c2e482e5967bdd1a7f4887abaff",
        "test": "6233bf74f7eab6dbff7ba4baa7bd889d9deeaa34c94fa0ac3e1bdbc48166d3b2",
    },
    "mouse_2": {
        "train": "ac45e1110178ef60c091a65dce046542b57849e150b45c430a08a1dd4e3b4679",
        "validation": "b2d7a11b45bc84ff37025993a526eadddd70ce41f82d1734bc8362be6e7cd4d8",
        "test": "b7414b52f45d39a581360b52f70a1b6161a3948c2fd953d10dc9ee3550e09a38",
    },
    "mouse_3": {
        "train": "de8c3348c84220a8b28589502b46a24842ee63b4b5c60a9c203174a0f678eca3",
        "validation": "a6b0513a5e8ad2a74c245029e7cff204fd8809cdc4c530027845e77c8a51368f",
        "test": "714dc789433c61146ebb85d2c15906693af5cddcdb34cc49ae8e8b754db2773a",
    },
    "prom_300_all": {
        "validation": "07e2508baae433a11306e80e88b5ac993dfe0befef730b4b42d6f9b3134d03a6",
        "test": "ee980647312c9a2a5bcb152e28b2481754cb85adf7c26a6252dbd1f877c53699",
    },
    "prom_300_notata": {
        "validation": "3fe7e44684be2a716673f408c6dae217377ca0194fac633721f1dddc80073c24",
        "test": "6e02b439b2308ba589edf5f1180a24cbc066cb1f27278d51f0aa055cfdcdc6b4",
    },
    "prom_core_all": {
        "train": "c08ede4d211648b49d47022e7921cf0b6f0cff054052129482624df6e738d93c",
        "validation": "bdb38c0a87683896bf85fc8bda3e2bcb1e5267b70f603a139fe010288d688120",
        "test": "bcaf5ba349cc3c1bc008c6aa903733b5f6fb0ab5eb2f4f3f323e17669e3399e9",
    },
    "prom_core_notata": {
        "train": "35ebce5a68581d0b704fd8674e2449181c87b50c6171085814c394755bc45aeb",
        "validation": "a001fe70a94941cbc8884f1cb437778d034bf72565995820a82ce6085de3a2f9",
        "test": "0383424c0efc810237b7d309e34ce2755fcab49ecee7c4c458bdbb6b8895e4f6",
    },
    "prom_core_tata": {
        "train": "010177ccda2506d476f56cfae2a8894822ba266a37ed3471529ecf6084fad7c0",
        "validation": "f383cce845f4d7a31eef0f9e773b398550d6139fd6aba166069883f96eb20339",
        "test": "b6f9194719083865a5bf5166542455e837b4c6b5f2e26ed5f1b1d478d056cdc4",
    },
    "splice_reconstructed": {
        "validation": "8a5d71f80064f85528f6ca1810b9e0cb3a7c3f5e67e3578bcc6d8bf1930f8af2",
        "test": "71a5e8611fee9661a26606655a84f87a83e392fc2ddb2ed109c133dc30737275",
    },
    "tf_0": {
        "train": "e69ed5b0569a44078f18c624fa45b2f1cab7def64b578b66a28ac637ee2fc5db",
        "validation": "811165a8a9adf4d5029200df4353a1fc8439ce5b2f706cbc3b8d0956e485a570",
        "test": "4ed8b03cf5fc2b21146273ba39c7aaca79a6444a97c4b2ed3030f49871d5e995",
    },
    "tf_2": {
        "train": "5e776d20c537e690a2df45d784deef659295084d123a339debf1cc1e12a5f04c",
        "validation": "7f0072cecec8ddb2f028788c875f54e2c269db61ed5288c4a717187ecaeb52e0",
        "test": "e2413d69a5db84a077fe401bf1df435ea09e32e6730364b8f2d1dbae8d9832b0",
    },
    "tf_3": {
        "train": "e717a25de777fe91f860c43d6bb114eb570061793fcda870ab152f553ce8d9a6",
        "validation": "e82cc7d63fca1667a5f5ab1da893418f51357ffb9d73ad6de0f41d8c5d6aa7d4",
        "test": "bf1306a90be7417f3adab4cdac65baf2d0ffb6cd35bf0f8f06a0a8071251b73b",
    },
    "tf_4": {
        "train": "d634a7ed33d4a816953ece1c193bfc28569d5ca2ee59da64b1e8b4c48e5e01f7",
        "validation": "2091dcffbc14abca1bd7e8975c56e57b2df094240f2ccf30c7cb8fb3bc441fdf",
        "test": "5bf606708c5d16456f3412887fdb25a4d7fc17ff29a1cd8ec97dbf67b5a95bad",
    },
}
