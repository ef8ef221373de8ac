"""Sound inputs, as bytes, with much of what their formats have."""

import io
import json

import mrcfile
import numpy as np

from vrs.tests.io.files import blob

_BACKBONE = (("N", 0.0, 0.0), ("CA", 1.2, 0.8), ("C", 2.4, 0.0), ("O", 2.5, -1.2))
_SEQUENCE = ("ALA", "GLY", "CYS", "SER", "VAL", "CYS", "ALA", "LYS")


def atoms():
    """Atoms of two chains with second conformations, an ion, a ligand and water.

    Yields
    ------
    tuple
        Whether hetero, name, conformation, residue, chain, number, insertion code, x, y, z,
        occupancy, B factor and element.
    """
    for chain, shift in (("A", 0.0), ("B", 12.0)):
        for place, residue in enumerate(_SEQUENCE):
            number, insertion = (place + 1, "") if place < 6 else (6, "AB"[place - 6])
            for name, along, aside in _BACKBONE + ((("SG", 1.5, 3.1),) * (residue == "CYS")):
                both = ("A", "B") if (chain, residue, name) == ("A", "SER", "O") else ("",)
                for other in both:
                    yield (False, name, other, residue, chain, number, insertion,
                           3.6 * place + along, shift + aside + (other == "B"), 0.3 * place,
                           1.0 / len(both), 20.0 + 3 * place, name[0])
    yield True, "ZN", "", "ZN", "A", 101, "", 5.0, -7.5, 2.5, 1.0, 45.0, "ZN"
    for place, name in enumerate(("C1", "C2", "O1", "CL1")):
        yield (True, name, "", "LIG", "B", 201, "", 9.0 + 1.4 * place, 20.25, -3.0, 0.5, 60.0,
               "CL" if name == "CL1" else name[0])
    for place in range(3):
        yield True, "O", "", "HOH", "B", 301 + place, "", 4.0 * place, -15.0, 8.0, 1.0, 50.0, "O"


def pdb():
    """A PDB file."""
    lines = ["HEADER    SOUND", "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1",
             "SSBOND   1 CYS A    3    CYS A    6"]
    chain = "A"
    for serial, atom in enumerate(atoms(), 1):
        (hetero, name, other, residue, own, number, insertion, x, y, z, occupancy, b_factor,
         element) = atom
        if own != chain:
            lines.append("TER")
            chain = own
        padded = name.ljust(4) if len(element) == 2 else (" " + name).ljust(4)
        lines.append("%-6s%5d %s%1s%3s %s%4d%1s   %8.3f%8.3f%8.3f%6.2f%6.2f          %2s" % (
            "HETATM" if hetero else "ATOM", serial, padded, other, residue, own, number,
            insertion, x, y, z, occupancy, b_factor, element))
        if serial == 2:
            lines.append("ANISOU" + lines[-1][6:28] + "%7d" * 6 % (900, 800, 700, 10, -20, 30))
    return ("\n".join(lines + ["TER", "END"]) + "\n").encode()


CIF_COLUMNS = ("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id",
               "label_comp_id", "label_asym_id", "label_entity_id", "label_seq_id",
               "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy",
               "B_iso_or_equiv", "pdbx_formal_charge", "auth_seq_id", "auth_asym_id",
               "pdbx_PDB_model_num")


def cif():
    """An mmCIF file."""
    lines = ["data_SOUND", "#", "_entry.id SOUND", "_struct.title", ";A text of", "two lines", ";",
             "loop_", "_entity.id", "_entity.type", "1 polymer", "2 'non-polymer'", "loop_"]
    lines += ["_atom_site." + name for name in CIF_COLUMNS]
    sequence = {}
    for serial, atom in enumerate(atoms(), 1):
        (hetero, name, other, residue, chain, number, insertion, x, y, z, occupancy, b_factor,
         element) = atom
        place = sequence.setdefault((chain, number, insertion), len(sequence) + 1)
        lines.append(" ".join(map(str, (
            "HETATM" if hetero else "ATOM", serial, element, name, other or ".", residue,
            chain + ("2" if hetero else ""), 2 if hetero else 1, "." if hetero else place,
            insertion or "?", "%.3f" % x, "%.3f" % y, "%.3f" % z, "%.2f" % occupancy,
            "%.2f" % b_factor, "?", number, chain, 1))))
    lines += ["#", "loop_", "_atom_site_anisotrop.id"] + [
        "_atom_site_anisotrop.U[%s][%s]" % tuple(place) for place in
        ("11", "22", "33", "12", "13", "23")] + ["2 0.09 0.08 0.07 0.001 -0.002 0.003", "#"]
    return ("\n".join(lines) + "\n").encode()


def mrc(kind):
    """A map of numbers of a kind, one of numpy's."""
    values = blob()
    if np.dtype(kind).kind in "iu":
        values = np.clip(values * 100, 0, 120)
    stream = io.BytesIO()
    with mrcfile.mrcinterpreter.MrcInterpreter() as made:
        made._iostream = stream
        made._create_default_attributes()
        made.set_data(values.astype(kind))
        made.voxel_size = 1.5
        made.header.nxstart, made.header.origin.x = -3, 4.5
        made.update_header_stats()
        made.flush()
        return stream.getvalue()


def workflow():
    """A workflow as Scipion exports it."""
    steps = [{"object.className": "ProtImport", "object.id": "2", "object.label": "import",
              "filesPath": "/data/3.mrc", "_useQueue": False},
             {"object.className": "ProtRefine", "object.id": "15", "object.label": "refine é",
              "inputMovies": "2.outputMovies", "sigma": 3.5, "none": None},
             {"object.className": "ProtMask", "object.id": "31", "object.label": "",
              "inputProtocols": ["2", "15"], "inputVolume": "15.outputVolume", "gpuList": "0"},
             {"object.className": "ProtEnd", "object.id": "40", "object.label": "end",
              "inputVolume": "31.outputVolume.1", "inputs": ["99.outputA", "15.outputB.3"]}]
    return json.dumps(steps, indent=1).encode()


def star():
    """A particle table of RELION, with optics."""
    lines = ["data_optics", "loop_", "_rlnOpticsGroup", "_rlnVoltage", "_rlnSphericalAberration",
             "_rlnAmplitudeContrast", "_rlnImagePixelSize", "_rlnImageSize",
             "1 300.0 2.7 0.1 1.5 8", "", "data_particles", "loop_"]
    lines += ["_rln" + name for name in ("ImageName", "OpticsGroup", "AngleRot", "AngleTilt",
                                         "AnglePsi", "OriginXAngst", "OriginYAngst", "DefocusU",
                                         "DefocusV", "DefocusAngle")]
    lines += ["%06d@a.mrcs 1 %.2f %.2f %.2f 1.5 -2.0 15000.0 14000.0 30.0"
              % (number, 40 * number, 17 * number, -25 * number) for number in range(1, 7)]
    return ("\n".join(lines) + "\n").encode()


def cs():
    """A particle table of cryoSPARC."""
    table = np.zeros(5, [
        ("uid", "u8"), ("blob/path", "S40"), ("blob/idx", "u4"), ("blob/shape", "u4", 2),
        ("blob/psize_A", "f4"), ("alignments3D/pose", "f4", 3), ("alignments3D/shift", "f4", 2),
        ("alignments3D/psize_A", "f4"), ("ctf/accel_kv", "f4"), ("ctf/cs_mm", "f4"),
        ("ctf/amp_contrast", "f4"), ("ctf/df1_A", "f4"), ("ctf/df2_A", "f4"),
        ("ctf/df_angle_rad", "f4")])
    table["uid"], table["blob/path"], table["blob/shape"] = np.arange(1, 6), b"a.mrc", 8
    table["blob/psize_A"] = table["alignments3D/psize_A"] = 1.5
    table["alignments3D/pose"] = np.random.default_rng(0).normal(size=(5, 3))
    for name, value in (("accel_kv", 300), ("cs_mm", 2.7), ("amp_contrast", 0.1), ("df1_A", 15000),
                        ("df2_A", 14000)):
        table["ctf/" + name] = value
    stream = io.BytesIO()
    np.save(stream, table)
    return stream.getvalue()


def crosslinks():
    """A table of cross-links and mono-links."""
    return (b"chain1,residue1,chain2,residue2,linker,limit\nA,12,B,33,DSS,35\nA,5,A,90,BS3,\n"
            b"B,7,,,DSS,\nA,15,B,9,DSS,30\n")


def criteria():
    """Bounds that replace the usual ones."""
    return b'{"0.a.decentering": 25, "0.d.faded": -30, "0.b.overlap": 0.5}'
