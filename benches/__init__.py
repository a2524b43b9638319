"""How fast RTFS is, measured against CPython and Hy: `python -m benches`; see `docs/performance.md`."""
