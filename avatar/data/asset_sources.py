"""Where the 3D assets come from: repositories, pinned commits, folders with their git tree hashes.

A git tree hash covers every name, mode and byte below a folder, so one hash verifies a folder.
Knows names only; fetching is in `avatar.data.asset_fetch`. The packs' hashes are those of the
archives that this project's people, tables and weights were made with.
"""

from __future__ import annotations

from dataclasses import dataclass

HOST = "https://codeload.github.com"

PACK_SHA256 = {
    "face": "e7bdf97a6a9f4afd32649510857e03fbd1aecf9b3cffac8ba3e30dbb1ba97336",
    "body": "2908ef0be45fa8cc535f10e513a79fbff982ce510a1b45808427737faae5f1b9",
    "wardrobe": "f310dc193882d4d833e0e389b4841666fb07a94bd39d45907ff1a8e7b66c548b",
    "motion": "a749dd266e5683fb08a35df0376f716dc1f65d263c2ba1320b34aeaad3ba9cce",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One repository at one commit, and what of it is wanted."""

    name: str
    repository: str
    commit: str
    folders: tuple[tuple[str, str], ...]
    """(path, git tree hash)."""
    licences: tuple[tuple[str, str], ...]
    """(path, git blob hash); copied beside the packs."""
    terms: str
    packs: tuple[str, ...]

    def url(self, host: str = HOST) -> str:
        """The archive of the commit (.tar.gz)."""
        return f"{host}/{self.repository}/tar.gz/{self.commit}"


SOURCES = (
    Source(
        "ict-facekit",
        "ICT-VGL/ICT-FaceKit",
        "da5f95a607f5e6b37755b38d3385d7f2853732e5",
        (("FaceXModel", "8651fa085a9f6043368aba92567d69d8d95ea605"),),
        (("LICENSE", "b48fef2f199ff2009537e07175b87ec334f23ec4"),),
        "MIT, Copyright (c) 2020 USC Institute for Creative Technologies",
        ("face",),
    ),
    Source(
        "makehuman",
        "makehumancommunity/makehuman",
        "a8bc2d54ff0ac92e78ff71431b1023eda42bf482",
        (("makehuman/data", "27ab2b765f3ec987138547adbe0b3bf2efc7a305"),),
        (("LICENSE.ASSETS.md", "f3ede1fc3318f8d794e2cb51924186c62f02f71a"),),
        "CC0-1.0 (the assets; the program's code is AGPL and is not taken)",
        ("body", "wardrobe"),
    ),
    Source(
        "makehuman-assets",
        "makehumancommunity/makehuman-assets",
        "8cf9645b975a98eea056b140df11a1d278da0d10",
        (("base", "60fbd73300bad8da58b125b3508aa9edf9e2b5c9"),),
        (("LICENSE.txt", "0e259d42c996742e9e3cba14c677129b2c1b6311"),),
        "CC0-1.0",
        ("body", "wardrobe"),
    ),
    Source(
        "auto-conditioned-rnn-motion",
        "papagina/Auto_Conditioned_RNN_motion",
        "fbb7f6414035fc5c6752e1c21b8d8c1f777b0eb8",
        (("train_data_bvh", "37ecb7f386560454183e41db2925d2db8439ecd6"),),
        (("LICENSE", "b7e45987d3d3bb797da55849b528ab81362d5fed"),),
        "MIT for the repository; the motion is CMU's: free for all uses, not to be resold as data",
        ("motion",),
    ),
    Source(
        "cmu-mocap-data",
        "cyun9601/CMU-MOCAP-Data",
        "2bedcd3b002488f7053d2b8c42690beddbf6620a",
        (("data", "dae20c4b28139026506c0e774e9cc8f8a589e6fd"),),
        (("README.md", "560775245157e140c1ee0dfcbad18410f9cc90af"),),
        "no licence of its own; the motion is CMU's: free for all uses, not to be resold as data",
        ("motion",),
    ),
    Source(
        "animated-drawings",
        "facebookresearch/AnimatedDrawings",
        "74ee7f0039adab0c6c6ebfcb2f9bac9c218e6747",
        (("examples/bvh", "9f1cfb995e3f212d0322585b701c0014dbbba2e0"),),
        (("LICENSE", "3b222bf0df5d89da4ec749faff8cdc563bb84d2f"),),
        "MIT, Copyright (c) Meta Platforms, Inc. and affiliates",
        ("motion",),
    ),
)
