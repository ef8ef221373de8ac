"""Verdicts tried on maps and models of which everything is known."""
