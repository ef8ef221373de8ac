"""Numbers and names as the report prints them."""

from vrs.results.wording import powers_of_ten

STATUS_STYLES = {"ok": "status-ok", "warnings": "status-warnings",
                 "not_applicable": "status-neutral", "not_run": "status-neutral",
                 "not_measured": "status-failed",
                 "informative": "status-neutral"}
OUTCOMES = {"met": ("Met", "status-ok"), "broken": ("Broken", "status-warnings"),
            "not_evaluated": ("Not evaluated", "status-neutral")}


def number(value):
    """A number with at most four significant digits, whole ones in full.

    >>> number(1234567), number(0.123456), number(1.5e-7)
    ('1,234,567', '0.1235', '1.5 × 10⁻⁷')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format(value, ",d")
    size = abs(value)
    if value == 0:
        return "0"
    if 1e-3 <= size < 1e6:
        return format(value, ",.1f") if size >= 1000 else format(value, ".4g")
    mantissa, exponent = format(value, ".3e").split("e")
    return powers_of_ten("%se%s" % (mantissa.rstrip("0").rstrip("."), exponent))


def cell(value):
    """A metric's value, or a part of it, as text."""
    if value is None:
        return "no value"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, dict):
        return ", ".join("%s: %s" % (key, cell(item)) for key, item in value.items())
    return number(value) if isinstance(value, (bool, int, float)) else str(value)


def angstroms(value):
    """A resolution as given: ``3.77 Å``."""
    return "not given" if value is None else "%g Å" % value
