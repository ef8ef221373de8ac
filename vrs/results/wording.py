"""Numbers in print."""

import re

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def powers_of_ten(text: str) -> str:
    """A number in print: ``5 × 10⁻⁹`` for what Python writes as ``5e-09``."""
    return re.sub(r"e([+-]\d+)", lambda found: " × 10%s" % str(int(found.group(1))).translate(
        _SUPERSCRIPTS), text)
