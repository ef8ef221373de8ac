"""What the items on the atomic model share."""

from vrs.checks.check import Check


class ModelCheck(Check):
    """A check that needs a model that fits the map."""

    def not_applicable(self, data):
        """The reason why it does not apply: first of all a model that does not fit."""
        return data.model_problem or super().not_applicable(data)
