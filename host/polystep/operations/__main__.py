"""Write the files that are generated from the table of operations: `python -m polystep.operations`, in a checkout."""

from __future__ import annotations

from pathlib import Path

from polystep.operations.generated import generated_files

_ROOT = Path(__file__).resolve().parents[3]

if __name__ == "__main__":
    for name, text in generated_files().items():
        path = _ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
