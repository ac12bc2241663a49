from __future__ import annotations

import sys
from pathlib import Path

IMAGE = Path(__file__).resolve().parents[2] / "packaging/image"
sys.path.insert(0, str(IMAGE))
