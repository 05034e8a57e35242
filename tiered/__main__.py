"""`python -m tiered` is `tiered`."""

from tiered.cli.main import run

run()
