"""Runs the examples in the documentation. `scripts/docs.sh examples` is the way to start it."""
