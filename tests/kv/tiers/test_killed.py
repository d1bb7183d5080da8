from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KILLS = 100


def test_a_store_survives_a_hundred_kills(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.kv.tiers.killed", str(tmp_path), str(KILLS), "11"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd(), timeout=200)
    assert done.returncode == 0, done.stderr
    # After each kill something was there to be right about.
    assert int(done.stdout) > 10 * KILLS
