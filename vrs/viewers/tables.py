"""How the columns of a table share a width."""


def wrapped(text, width, measure):
    """Break a text into lines.

    Parameters
    ----------
    text : str
    width : float
        Of the lines.
    measure : callable
        Width of a text.

    Returns
    -------
    list of str
        At least one. A word that is wider than a line is broken within.
    """
    lines, line = [], ""
    for word in text.split():
        longer = line + " " + word if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while measure(word) > width and len(word) > 1:
            fits = _fitting(word, width, measure)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return lines + [line] if line or not lines else lines


def _fitting(word, width, measure):
    """How many characters of a word fit, at least one."""
    fits, too_many = 1, len(word)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if measure(word[:middle]) <= width:
            fits = middle
        else:
            too_many = middle
    return fits


def column_widths(columns, width):
    """Widths for the columns of a table.

    Columns are as wide as their text where all have room. Else each keeps room for its longest
    word, and the rest is shared by how much more they would take.

    Parameters
    ----------
    columns : list of list of (str, callable)
        The cells of each column, with its heading; each with what measures its text.
    width : float
        For all columns.

    Returns
    -------
    list of float
    """
    wanted = [max(measure(text) for text, measure in cells) for cells in columns]
    if sum(wanted) <= width:
        return wanted
    limit = width / 2
    least = [min(limit, max([measure(word) for text, measure in cells for word in text.split()]
                            or [0])) for cells in columns]
    if sum(least) >= width:
        return [part * width / sum(least) for part in least]
    spare = (width - sum(least)) / (sum(wanted) - sum(least))
    return [low + (high - low) * spare for low, high in zip(least, wanted)]
