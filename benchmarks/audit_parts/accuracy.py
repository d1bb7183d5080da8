"""The audit on logs with planted defects: what it names, and whom it accuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import track

from benchmarks.audit_parts.scoring import Score, score
from benchmarks.defects import make
from headstart.audit.audit import audit
from headstart.audit.options import Options


def accuracy(
    paths: Sequence[Path], seed: int, count: int, folder: Path
) -> tuple[list[Score], dict[str, Any]]:
    """Scores of ``count`` logs made under ``folder``, and their sums."""
    make(paths, seed, count, folder)
    truths = [msgspec.json.decode(line) for line in (folder / "truth.jsonl").open("rb")]
    scores = [judged(truth, folder) for truth in track(truths, "auditing", transient=True)]
    guilty = [one for one, truth in zip(scores, truths, strict=True) if truth["defects"]]
    clean = [one for one, truth in zip(scores, truths, strict=True) if not truth["defects"]]
    missed = Counter(
        defect["plant"]
        for one, truth in zip(scores, truths, strict=True)
        for defect in truth["defects"]
        if not one.named
    )
    return scores, {
        "logs": len(scores),
        "named": sum(one.named for one in guilty) / max(1, len(guilty)),
        "kind": sum(one.kind for one in guilty) / max(1, len(guilty)),
        "place": sum(one.place for one in guilty) / max(1, len(guilty)),
        "lost": sum(one.lost for one in guilty) / max(1, len(guilty)),
        "accused": sum(not one.innocent for one in clean),
        "clean": len(clean),
        "missed": dict(missed.most_common(8)),
    }


def judged(truth: dict[str, Any], folder: Path) -> Score:
    """One log's score."""
    found = audit([folder / truth["log"]], Options(workers=1, planner=False))
    return score(truth, found.culprits, found.now.total.hit_rate)
