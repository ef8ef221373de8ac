"""What files hold by readers of our own, slow and simple, that share nothing with the package.

They know one way to read each file and give None where they know none: what the package reads
then cannot be compared.
"""

import bz2
import gzip
import io
import json
import lzma
import math
import re
import struct
import zipfile
import zlib

import numpy as np

_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError,
            NotImplementedError, RuntimeError)


def unpacked(content):
    """Content without its packing; None where that is damaged."""
    try:
        if content[208:212] == b"MAP ":
            return content
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content)
        if content.startswith(b"BZh"):
            return bz2.decompress(content)
        if content.startswith(b"\xfd7zXZ\0"):
            return lzma.decompress(content)
        if content.startswith(b"PK\3\4"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return archive.read(archive.namelist()[0])
    except _DAMAGED:
        return None
    return content


def _text(content):
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def atoms(content):
    """Atoms of the first model of a file.

    Returns
    -------
    list of dict, or None
        With chain, number, insertion, residue, name, alternative, place, occupancy, b_factor
        and ended, how often the file ended a chain before; the place is None where it is no three
        numbers, the other numbers are None too where they are none or not given.
    """
    content = unpacked(content)
    if content is None:
        return None
    text = _text(content)
    first = re.sub(r"#[^\n]*", "", text).split()[:1]
    if not first:
        return None
    if first[0].lower().startswith(("data_", "loop_", "global_", "_")):
        return _cif_atoms(text)
    return None if first[0].startswith("{") else _pdb_atoms(text)


def _pdb_atoms(text):
    found, between, ended = [], False, 0
    for line in text.split("\n"):
        name = line[:6].upper()
        if name[:5] == "MODEL" or name == "ENDMDL":
            between = bool(found)
        elif name[:3] in ("TER", "END"):
            ended += 1
        elif name == "HETATM" or (
                name[:4] == "ATOM" and (name[4:].strip() or "0").isdigit()):
            if between:
                break
            place = [_float(line[start:start + 8]) for start in (30, 38, 46)]
            if len((line[54:60]).split()) > 1 or len(line[60:66].split()) > 1:
                place = [None]
            found.append(dict(
                chain=line[20:22].strip() if line[21:22].strip() else "",
                number=line[22:26].strip() + (line[26:27] if line[26:27].isdigit() else ""),
                insertion="" if line[26:27].isdigit() else line[26:27].strip(" ?."), ended=ended,
                residue=line[17:20 if line[21:22].strip() else 21].strip(),
                name=line[12:16].strip(),
                alternative=line[16:17].strip(), place=None if None in place else place,
                occupancy=_float(line[54:60]), b_factor=_float(line[60:66])))
    return found


_TOKEN = re.compile(r"(?:^;(?P<text>(?:.*\n(?!;))*.*\n);)|'(?P<one>(?:[^'\n]|'(?=\S))*)'(?=\s|\Z)"
                    r"|\"(?P<two>(?:[^\"\n]|\"(?=\S))*)\"(?=\s|\Z)|(?P<comment>#[^\n]*)"
                    r"|(?P<bare>[^\s]+)", re.MULTILINE)


def _tokens(text):
    """Values and whether they were quoted."""
    for match in _TOKEN.finditer(text):
        if match.group("comment") is not None:
            continue
        for name in ("text", "one", "two"):
            if match.group(name) is not None:
                yield match.group(name), True
                break
        else:
            yield match.group("bare"), False


def _cif_atoms(text):
    tags, values, state = [], [], None
    for value, quoted in _tokens(text):
        low = value.lower()
        if not quoted and low.startswith(("data_", "loop_", "save_", "global_", "stop_")):
            if values:
                break
            tags, state = [], "tags" if low == "loop_" else None
        elif not quoted and low.startswith("_"):
            if values:
                break
            if state == "tags":
                tags.append(low)
            else:
                # Pairs are left to the package.
                if low.startswith("_atom_site."):
                    return None
                state = None
        elif state == "tags" and tags and tags[0].startswith("_atom_site."):
            values.append((value, quoted))
    if not values or len(values) % len(tags) or len(set(tags)) < len(tags):
        return None
    rows = [values[start:start + len(tags)] for start in range(0, len(values), len(tags))]
    names = [tag.split(".", 1)[1] for tag in tags]
    table = [dict(zip(names, row)) for row in rows]
    if not {"cartn_x", "cartn_y", "cartn_z"} <= set(names):
        return None
    model = _given(table[0], "pdbx_pdb_model_num")
    return [_cif_atom(row) for row in table if _given(row, "pdbx_pdb_model_num") == model]


def _cif_atom(row):
    place = [math.nan if row["cartn_" + axis] in (("?", False), (".", False))
             else _float(re.sub(r"\([0-9]+\)$", "", row["cartn_" + axis][0])) for axis in "xyz"]

    def number(name):
        return _float(re.sub(r"\([0-9]+\)$", "", _given(row, name)))

    return dict(ended=0, chain=_given(row, "auth_asym_id", "label_asym_id"),
                number=_given(row, "auth_seq_id", "label_seq_id"),
                insertion=_given(row, "pdbx_pdb_ins_code"),
                residue=_given(row, "label_comp_id", "auth_comp_id"),
                name=_given(row, "label_atom_id", "auth_atom_id"),
                alternative=_given(row, "label_alt_id"),
                place=None if None in place else place, occupancy=number("occupancy"),
                b_factor=number("b_iso_or_equiv"))


def _given(row, *names):
    for name in names:
        value, quoted = row.get(name, ("?", False))
        if (quoted or value not in ("?", ".")) and value.strip():
            return value.strip()
    return ""


def _float(text):
    text = text.strip()
    if not text.isascii() or "_" in text or "x" in text.lower():
        return None
    try:
        return float(text.lower().replace("d", "e"))
    except ValueError:
        return None


def volume(content):
    """Voxels of a map, (z, y, x), None where the header cannot be understood.

    Returns
    -------
    numpy.ndarray of float32, or None
    """
    content = unpacked(content)
    if content is None or len(content) < 1024:
        return None
    modes = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
    orders = ">" if content[212:214] == b"\x11\x11" else "<"
    for order in orders + "<>".replace(orders, ""):
        words = struct.unpack(order + "256i", content[:1024])
        if words[3] in modes:
            break
    else:
        return None
    kind = np.dtype(modes[words[3]]).newbyteorder(order)
    if words[3] == 0 and words[38] == 1146047817 and not words[39] & 1:
        kind = np.dtype("u1")
    axes = words[16:19] if any(words[16:19]) else (1, 2, 3)
    count = words[0] * words[1] * words[2]
    start = 1024 + words[23]
    if min(words[:3]) < 1 or sorted(axes) != [1, 2, 3] or words[23] < 0:
        return None
    if len(content) < start + count * kind.itemsize:
        return None
    with np.errstate(all="ignore"):
        stored = np.frombuffer(content, kind, count, start).astype(np.float32)
    stored = stored.reshape(words[2], words[1], words[0])
    found = np.empty([words[axes.index(axis)] for axis in (3, 2, 1)], np.float32)
    # Place by place: what is the column, row and section of each voxel.
    indices = dict(zip((3, 2, 1), np.indices(found.shape)))
    found[...] = stored[indices[axes[2]], indices[axes[1]], indices[axes[0]]]
    return found


def steps(content):
    """Ids of the protocols of a workflow."""
    return [str(step["object.id"]) for step in json.loads(content.decode("utf-8-sig"))]
