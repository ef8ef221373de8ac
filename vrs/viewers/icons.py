"""Signs of the status, of colours and forms that are told apart without colours."""

from PIL import Image, ImageDraw

from vrs.viewers.text_page import STATUS_COLOURS

_LARGE = 8


def status_icon(style, size):
    """The sign of a status.

    Parameters
    ----------
    style : str
        Of the status, as in the report.
    size : int
        Pixels.

    Returns
    -------
    PIL.Image.Image
        A disc with a tick for what is OK, a triangle for warnings, a square with a cross for
        what failed, a ring for what was not judged, and nothing for what has no status.
    """
    side = size * _LARGE
    image = Image.new("RGBA", (side, side))
    draw, colour, white = ImageDraw.Draw(image), STATUS_COLOURS[style], "#ffffff"
    unit = side / 16

    def points(*places):
        return [(x * unit, y * unit) for x, y in places]

    if style == "status-ok":
        draw.ellipse(points((1, 1), (15, 15)), fill=colour)
        draw.line(points((4.5, 8.5), (7, 11), (11.5, 5.5)), fill=white, width=int(2 * unit))
    elif style == "status-warnings":
        draw.polygon(points((8, 0.5), (15.7, 15), (0.3, 15)), fill=colour)
        draw.rectangle(points((7.2, 5.5), (8.8, 10.3)), fill=white)
        draw.rectangle(points((7.2, 11.6), (8.8, 13.2)), fill=white)
    elif style == "status-failed":
        draw.rectangle(points((1, 1), (15, 15)), fill=colour)
        for line in (((4.5, 4.5), (11.5, 11.5)), ((4.5, 11.5), (11.5, 4.5))):
            draw.line(points(*line), fill=white, width=int(2 * unit))
    elif style == "status-neutral":
        draw.ellipse(points((2, 2), (14, 14)), outline=colour, width=int(2 * unit))
    return image.resize((size, size), Image.Resampling.LANCZOS)
