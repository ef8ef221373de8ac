"""How fast the items are, and what their verdicts are worth."""
