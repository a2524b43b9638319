"""The results of a run as a table on the terminal."""

from __future__ import annotations

from typing import Any


def suite_table(results: dict[str, Any]) -> str:
    """CPU ms of CPython, and of the other systems the ratio to it; below 1 is faster than CPython."""
    systems = [system for system in results["systems"] if system != "cpython"]
    lines = [f"{'program':14} {'cpython ms':>10}" + "".join(f"{system:>9}" for system in systems)]
    for row in results["suite"]:
        cells = [f"{row['ratio'][s]:8.2f}x" if s in row["ratio"] else f"{'-':>9}" for s in systems]
        lines.append(f"{row['name']:14} {row['ms']['cpython']:10.2f}" + "".join(cells))
    lines.append(f"{'geometric mean':25}" + "".join(f"{results['geomean'][s]:8.2f}x" for s in systems))
    return "\n".join(lines)
