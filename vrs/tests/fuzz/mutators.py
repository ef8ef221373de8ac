"""Damage to inputs: what users, programs and networks did to files, and bytes at random."""

import bz2
import gzip
import io
import json
import lzma
import re
import struct
import zipfile

from vrs.tests.fuzz.sources import CIF_COLUMNS

_NUMBERS = ("********", "nan", "-inf", "1e400", "1e30", "9999.999", "-999.999", "0", "0.000", "",
            "?", ".", "1,5", "1.5(3)", "12A", "-", "1e-3", "0x1F", "99999999999", "1_0", "١")
_TEXTS = ("", " ", "'", "\"", "'a b'", "A'", ";", "#", "$", "data_", "loop_", "_x", "é", "\ufeff",
          "\0", "\x85", "\u2028", "\t", "?", ".", "AAAAAAAAAA", "A", "B", "Z", "0", "-1", "HOH",
          "ALA", "X", "CA", "Xx")
_INTEGERS = (0, 1, -1, 2, 3, 4, 6, 12, 7, 101, 255, 401, 1024, 65536, 2 ** 31 - 1, -2 ** 31,
             1146047817, 0x44444444)
_REALS = (0.0, -0.0, 1.0, -1.0, 90.0, 13.5, 1e-30, 1e30, 3e38, float("inf"), float("nan"),
          -float("inf"), 1e-45)
_VALUES = (None, True, False, 0, -1, 1.5, 10 ** 30, float("nan"), float("inf"), "", "2", "15",
           "15.outputVolume", "40.x", "2.", "99999999999999999999.a", "\ud800", "é\n<b>", [], {},
           ["2", ["15"]], {"a": 1}, ["2"] * 20)


def mutate(kind, content, rng):
    """Damage an input once to three times.

    Parameters
    ----------
    kind : str
        "pdb", "cif", "header", "data", "workflow", "star", "cs", "crosslinks" or "criteria".
    content : bytes
    rng : random.Random

    Returns
    -------
    bytes
    """
    own = {"pdb": _PDB, "cif": _CIF, "header": _HEADER, "data": _DATA,
           "workflow": _WORKFLOW, "cs": _ANY}.get(kind, _TABLE)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice(own if rng.random() < 0.8 else _ANY)
        content = change(content, rng) or content
    if kind != "workflow" and rng.random() < 0.15:
        content = rng.choice(_PACKINGS)(content)
        if rng.random() < 0.3:
            content = rng.choice(_ANY)(content, rng) or content
    return content


# Any bytes

def _flipped(content, rng):
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3, 20))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(content, rng):
    return content[:rng.randrange(len(content) + 1)]


def _removed(content, rng):
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 2, 7, 80, 500)):]


def _inserted(content, rng):
    place = rng.randrange(len(content) + 1)
    more = rng.choice((rng.choice(_TEXTS).encode("utf-8", "surrogatepass"),
                       bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 50))))))
    return content[:place] + more + content[place:]


def _repeated(content, rng):
    start = rng.randrange(len(content) + 1)
    part = content[start:start + rng.choice((1, 10, 81, 400))]
    return content[:start] + part + content[start:]


def _zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("file"), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


_ANY = (_flipped, _cut, _removed, _inserted, _repeated)
# Without the time, so that the same seed gives the same bytes.
_PACKINGS = (lambda content: gzip.compress(content, mtime=0), bz2.compress, lzma.compress, _zipped)


# Lines of text

def _on_lines(change):
    def changed(content, rng):
        lines = content.decode("utf-8", "surrogateescape").split("\n")
        found = change(lines, rng)
        return "\n".join(lines if found is None else found).encode("utf-8", "surrogateescape")
    return changed


def _chosen(lines, rng, start=("ATOM", "HETATM")):
    places = [place for place, line in enumerate(lines) if line.startswith(start)]
    return rng.choice(places) if places else None


@_on_lines
def _line_removed(lines, rng):
    del lines[rng.randrange(len(lines))]


@_on_lines
def _line_repeated(lines, rng):
    place = rng.randrange(len(lines))
    lines.insert(rng.randrange(len(lines)), lines[place])


@_on_lines
def _lines_swapped(lines, rng):
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


@_on_lines
def _block_repeated(lines, rng):
    start = rng.randrange(len(lines))
    return lines + lines[start:start + rng.choice((5, 20, 200))]


def _line_ends(content, rng):
    return content.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b" \n")))


def _encoded(content, rng):
    text = content.decode("latin-1")
    return rng.choice((b"\xef\xbb\xbf" + content, text.encode("utf-16"),
                       content.replace(b"SOUND", b"SO\xfcND")))


# PDB files

_FIELDS = ((30, 38), (38, 46), (46, 54), (54, 60), (60, 66))
_NAMES = ((12, 16), (16, 17), (17, 20), (20, 22), (22, 26), (26, 27), (72, 76), (76, 78), (78, 80))


def _token(content, rng):
    """Another value in the place of one of a table."""
    tokens = list(re.finditer(rb"[^\s,:|{}\[\]]+", content))
    if not tokens:
        return content
    token = rng.choice(tokens)
    new = rng.choice(_NUMBERS + _TEXTS).encode("utf-8", "surrogatepass")
    return content[:token.start()] + new + content[token.end():]


def _put(line, field, text):
    start, end = field
    return line.ljust(80)[:start] + text[:end - start].rjust(end - start) + line.ljust(80)[end:]


@_on_lines
def _pdb_number(lines, rng):
    place = _chosen(lines, rng)
    if place is not None:
        lines[place] = _put(lines[place], rng.choice(_FIELDS), rng.choice(_NUMBERS))


@_on_lines
def _pdb_name(lines, rng):
    place = _chosen(lines, rng)
    if place is not None:
        lines[place] = _put(lines[place], rng.choice(_NAMES), rng.choice(_TEXTS + _NUMBERS))


@_on_lines
def _pdb_column(lines, rng):
    """A field of all atoms."""
    field = rng.choice(_NAMES + _FIELDS[3:])
    text = rng.choice(("", "0", "1", "A", "*****", "0.00", "nan", "99.99", "1ABC"))
    return [_put(line, field, text) if line.startswith(("ATOM", "HETATM")) else line
            for line in lines]


@_on_lines
def _pdb_shifted(lines, rng):
    place = _chosen(lines, rng)
    if place is not None:
        column = rng.randrange(6, 60)
        lines[place] = lines[place][:column] + " " * rng.randrange(1, 3) + lines[place][column:]


@_on_lines
def _pdb_record(lines, rng):
    lines.insert(rng.randrange(len(lines)), rng.choice((
        "TER", "END", "MODEL        1", "MODEL        2", "ENDMDL", "ANISOU", "REMARK é",
        "atom", "ATOM", "HETATM", "ATOM  " + "9" * 60)))


# mmCIF files

def _cif_rows(lines):
    return [place for place, line in enumerate(lines) if line.startswith(("ATOM ", "HETATM "))]


@_on_lines
def _cif_value(lines, rng):
    rows = _cif_rows(lines)
    if rows:
        place = rng.choice(rows)
        values = lines[place].split(" ")
        values[rng.randrange(len(values))] = rng.choice(_NUMBERS + _TEXTS)
        lines[place] = " ".join(values)


@_on_lines
def _cif_column(lines, rng):
    """A column of all atoms, or none of it."""
    column, text = rng.randrange(len(CIF_COLUMNS)), rng.choice(("?", ".", "A", "0", "1", "nan"))
    gone = rng.random() < 0.4
    tag = "_atom_site." + CIF_COLUMNS[column]
    rows = set(_cif_rows(lines))
    if not all(len(lines[place].split()) == len(CIF_COLUMNS) for place in rows):
        return lines
    found = []
    for place, line in enumerate(lines):
        if place in rows:
            values = line.split()
            values[column:column + 1] = [] if gone else [text]
            line = " ".join(values)
        if not (gone and line == tag):
            found.append(line)
    return found


@_on_lines
def _cif_tag(lines, rng):
    place = _chosen(lines, rng, ("_",))
    if place is not None:
        lines[place] = rng.choice((lines[place].upper(), lines[place] + "x", lines[place - 1],
                                   lines[place].replace("auth", "label")))


@_on_lines
def _cif_block(lines, rng):
    block = rng.choice((["data_comp_LIG", "loop_", "_chem_comp_atom.atom_id", "C1", "C2"],
                        ["data_empty"], ["# nothing"], ["loop_", "_atom_site.id", "1"],
                        ["save_x"], [";", "text", ";"]))
    return block + lines if rng.random() < 0.7 else lines + block


# Maps

def _header_word(content, rng):
    if len(content) < 1024:
        return content
    place = 4 * rng.choice(tuple(range(24)) + (24, 26, 27, 38, 39, 49, 50, 51, 52, 53, 54))
    order = rng.choice("<<<>")
    word = (struct.pack(order + "i", rng.choice(_INTEGERS)) if rng.random() < 0.6
            else struct.pack(order + "f", rng.choice(_REALS)))
    return content[:place] + word + content[place + 4:]


def _header_axes(content, rng):
    axes = [rng.choice((0, 1, 2, 3, 3, 4)) for _ in range(3)]
    return content[:64] + struct.pack("<3i", *axes) + content[76:]


def _header_permuted(content, rng):
    axes = [1, 2, 3]
    rng.shuffle(axes)
    return content[:64] + struct.pack("<3i", *axes) + content[76:]


def _header_imod(content, rng):
    return content[:152] + struct.pack("<2i", 1146047817, rng.choice((0, 1, 4, 7))) + content[160:]


def _voxels(content, rng):
    """Numbers in the data, of the kind that the header says."""
    size = {0: 1, 1: 2, 2: 4, 6: 2, 12: 2}.get(struct.unpack("<i", content[12:16])[0], 4) if len(
        content) > 1024 else 0
    if not size:
        return content
    changed = bytearray(content)
    for _ in range(rng.choice((1, 5, 300))):
        place = 1024 + size * rng.randrange(max(1, (len(content) - 1024) // size))
        value = (struct.pack("<f", rng.choice(_REALS)) if size == 4
                 else bytes(rng.randrange(256) for _ in range(size)))
        changed[place:place + size] = value
    return bytes(changed)


def _constant(content, rng):
    body = content[1024:]
    return content[:1024] + rng.choice((b"\0" * len(body), b"\x7f" * len(body)))


def _scaled(content, rng):
    if struct.unpack("<i", content[12:16].ljust(4, b"\0"))[0] != 2 or len(content) < 1028:
        return content
    count = (len(content) - 1024) // 4
    factor = rng.choice((1e37, 1e12, 1e-30, -1.0, 1e6))
    values = struct.unpack("<%df" % count, content[1024:1024 + 4 * count])
    try:
        return content[:1024] + struct.pack("<%df" % count, *(factor * value for value in values))
    except (OverflowError, ValueError):
        return content


# Workflows

def _tree(change):
    def changed(content, rng):
        try:
            steps = json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError):
            return content
        if not isinstance(steps, list) or not steps:
            return content
        steps = change(steps, rng) or steps
        return json.dumps(steps).encode()
    return changed


@_tree
def _step_value(steps, rng):
    step = rng.choice(steps)
    if isinstance(step, dict) and step:
        step[rng.choice(tuple(step) + ("new", "inputX", "_hidden"))] = rng.choice(_VALUES)


@_tree
def _step_gone(steps, rng):
    step = rng.choice(steps)
    if isinstance(step, dict) and step and rng.random() < 0.7:
        del step[rng.choice(tuple(step))]
    else:
        steps.remove(step)


@_tree
def _step_repeated(steps, rng):
    steps.insert(rng.randrange(len(steps) + 1), rng.choice(steps))


@_tree
def _step_replaced(steps, rng):
    steps[rng.randrange(len(steps))] = rng.choice(_VALUES)


@_tree
def _circle(steps, rng):
    step = rng.choice(steps)
    if isinstance(step, dict):
        step["inputLast"] = rng.choice(("40.outputVolume", "31.outputVolume"))


def _nested(content, rng):
    depth = rng.choice((50, 2000, 100000))
    return content.replace(b'"/data/3.mrc"', b"[" * depth + b"]" * depth)


_LINES = (_line_removed, _line_repeated, _lines_swapped, _block_repeated, _line_ends, _encoded)
_TABLE = _LINES + (_token,) * 6
_PDB = _LINES + (_pdb_number, _pdb_name, _pdb_column, _pdb_shifted, _pdb_record) * 2
_CIF = _LINES + (_cif_value, _cif_value, _cif_column, _cif_tag, _cif_block) * 2
_HEADER = (_header_word, _header_word, _header_word, _header_axes, _header_permuted, _header_imod)
_DATA = (_voxels, _voxels, _constant, _scaled, _header_imod)
_WORKFLOW = (_step_value, _step_value, _step_gone, _step_repeated, _step_replaced, _circle,
             _nested, _encoded)
