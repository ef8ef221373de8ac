"""Tables of particles as cryoSPARC keeps them, with their alignments in the plane and in space."""

import numpy as np
from scipy.spatial.transform import Rotation


def write_cs(path, table, members, micrograph_shape):
    """Write a table of particles that are aligned to a map and to class averages.

    Poses are rotation vectors of the transposed orientations, shifts are in pixels.

    Parameters
    ----------
    path : str
        Ends with ``.cs``.
    table : vrs.images.particles.ParticleTable
        Of one optics group, with images, CTF, orientations, halves and coordinates.
    members : vrs.images.particles.ParticleTable
        The same particles aligned to class averages.
    micrograph_shape : tuple of int
        Rows and columns of the micrographs.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    count, [optics] = len(table), table.optics
    poses = Rotation.from_matrix(np.swapaxes(table.rotations.astype(float), 1, 2)).as_rotvec()
    stacks = np.array([name.encode() for name in table.file_names])
    micrographs = np.array([name.encode() for name in table.micrograph_names])
    whole, single = np.uint32, np.float32
    columns = {
        "uid": (np.arange(1, count + 1), np.uint64),
        "blob/path": (stacks[table.file], stacks.dtype),
        "blob/idx": (table.frame, whole),
        "blob/shape": (np.full((count, 2), optics.image_size), whole),
        "blob/psize_A": (np.full(count, optics.sampling), single),
        "blob/sign": (table.contrast, single),
        "ctf/accel_kv": (np.full(count, optics.voltage), single),
        "ctf/cs_mm": (np.full(count, optics.spherical_aberration), single),
        "ctf/amp_contrast": (np.full(count, optics.amplitude_contrast), single),
        "ctf/df1_A": (table.defocus[:, 0], single),
        "ctf/df2_A": (table.defocus[:, 1], single),
        "ctf/df_angle_rad": (np.radians(table.defocus[:, 2]), single),
        "alignments3D/pose": (poses, single),
        "alignments3D/shift": (table.shifts / optics.sampling, single),
        "alignments3D/psize_A": (np.full(count, optics.sampling), single),
        "alignments3D/split": (table.subset - 1, whole),
        "alignments2D/pose": (np.radians(members.psi), single),
        "alignments2D/shift": (members.plane_shifts / optics.sampling, single),
        "alignments2D/psize_A": (np.full(count, optics.sampling), single),
        "alignments2D/class": (members.plane_class - 1, whole),
        "location/micrograph_path": (micrographs[table.micrograph], micrographs.dtype),
        "location/micrograph_shape": (np.tile(micrograph_shape, (count, 1)), whole),
        "location/center_x_frac": (table.coordinates[:, 0] / micrograph_shape[1], single),
        "location/center_y_frac": (table.coordinates[:, 1] / micrograph_shape[0], single),
    }
    kinds = [(name, kind) + np.shape(values)[1:2] for name, (values, kind) in columns.items()]
    rows = np.zeros(count, [(name, kind, size) if size else (name, kind)
                            for name, kind, *size in kinds])
    for name, (values, _) in columns.items():
        rows[name] = values
    with open(path, "wb") as file:
        np.save(file, rows)
