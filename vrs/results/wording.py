"""Numbers in print."""

import re

_MOST_DIGITS = 12
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def powers_of_ten(text: str) -> str:
    """A number in print: ``5 × 10⁻⁹`` for what Python writes as ``5e-09``."""
    return re.sub(r"e([+-]\d+)", lambda found: " × 10%s" % str(int(found.group(1))).translate(
        _SUPERSCRIPTS), text)


def judged(value: float, spec: str, *bounds: float) -> str:
    """A value in print, on the side of each bound on which it is.

    Parameters
    ----------
    value : float
    spec : str
        Such as ``".1f"``; digits are added while rounding brings the value to a bound or
        across it.
    *bounds : float
        Those that the value is judged by.

    Returns
    -------
    str
        "10.04" for 10.04 by ``".1f"`` and 10, "10.0" for 10 itself, "10.2" for 10.24.
    """
    precision = re.search(r"\d+", spec)
    if not precision:
        return format(value, spec)
    texts = [format(value, spec.replace(precision.group(), str(digits)))
             for digits in range(int(precision.group()), _MOST_DIGITS)]
    right = (text for text in texts
             if all(_side(float(text), bound) == _side(value, bound) for bound in bounds))
    return powers_of_ten(next(right, texts[0]))


def _side(value, bound):
    return value > bound, value < bound
