"""Two-dimensional class averages: images in MRC, TIFF, SPIDER and EMAN2's HDF files, and RELION's
model files."""

import glob
import os
import re
import warnings
from dataclasses import dataclass
from typing import Optional

import mrcfile
import numpy as np

from vrs.errors import InputError
from vrs.images.particles import LARGEST_VALUE
from vrs.io import files, headers
from vrs.io.problems import collected, to_sampling
from vrs.io.spider import spider_images
from vrs.io.star import read_star
from vrs.io.tiff import is_tiff, tiff_images

_SINGLE_FILES = (".mrc", ".mrcs", ".spi", ".xmp", ".stk", ".tif", ".tiff", ".mrc.gz", ".mrcs.gz")
_HDF = (".hdf", ".hdf5", ".h5")
_UNKNOWN_SAMPLING = 1.0
_PROBED = 20  # Files of a folder whose headers are read.
_NO_RESOLUTION = 999.0  # RELION's word for none, Å


@dataclass(frozen=True, eq=False)
class ClassAverages:
    """Class averages and what is known of them.

    Attributes
    ----------
    images : numpy.ndarray of float32, (n, y, x)
    numbers : numpy.ndarray of int, (n,)
        Of the classes, from 1; the numbers that a table of particles refers to.
    names : tuple of str
        File of each image, with its number where the file has several.
    sampling : float or None
        Å/pixel.
    occupancy : numpy.ndarray of float64, (n,), or None
        Share of the particles in each class.
    resolution : numpy.ndarray of float64, (n,), or None
        Estimated resolution, Å; NaN where none was found.
    """

    images: np.ndarray
    numbers: np.ndarray
    names: tuple
    sampling: Optional[float] = None
    occupancy: Optional[np.ndarray] = None
    resolution: Optional[np.ndarray] = None

    def __len__(self):
        return len(self.images)


def read_classes(path, sampling=None, model_star=None):
    """Read class averages.

    Parameters
    ----------
    path : str
        A stack (MRC, perhaps compressed, TIFF, SPIDER, or HDF of EMAN2), RELION's ``model.star``
        of a two-dimensional classification, a folder of single images, or a pattern with ``*``
        or ``?`` for such. Single images are taken in the order of the numbers in their names.
    sampling : float or str, optional
        Å/pixel; wins over that of the files.
    model_star : str, optional
        RELION's ``model.star`` that belongs to a stack. Where a stack is named as RELION names
        it and the model lies beside it, it is read without being given.

    Returns
    -------
    classes : ClassAverages
    notes : list of str
        What the reader of a report should know.

    Raises
    ------
    InputError
        If there are no images, they cannot be read, are not finite or not all of one size, or
        their sampling is told nowhere; all that was found.
    """
    path, notes, problems, given = str(path), [], [], None
    with collected(problems):
        given = None if sampling is None else to_sampling(sampling)
    classes = None
    with collected(problems):
        if path.lower().endswith(".star"):
            model_star, names = path, None
        else:
            names = _files(path)
            model_star = model_star or _model_beside(path, notes)
        model = None if model_star is None else _model(str(model_star))
        images, labels, header = (_stored(names, notes) if names else
                                  _referenced(str(model_star), model))
        occupancy, resolution = _shares(model, len(images), path)
        numbers = np.arange(1, len(images) + 1) if names else model.numbers
        classes = ClassAverages(images, numbers, tuple(labels),
                                _sampling(given, model, header, notes), occupancy, resolution)
        problems += _image_problems(classes, notes)
        if classes.sampling is None and not problems:
            problems.append(_no_sampling(path))
    if problems:
        raise InputError(problems)
    return classes, notes


def probe_classes(path, sampling=None):
    """Find what is wrong with class averages, as far as the headers of their files tell.

    Parameters
    ----------
    path, sampling
        As of :func:`read_classes`.

    Raises
    ------
    InputError
        With all that was found.
    """
    path, problems, given = str(path), [], None
    with collected(problems):
        given = None if sampling is None else to_sampling(sampling)
    with collected(problems):
        if path.lower().endswith(".star"):
            model = _model(path)
            names = [_beside(path, name) for name in dict.fromkeys(
                reference.partition("@")[2] for reference in model.references)]
        else:
            names = _files(path)
            beside = _model_beside(path, [])
            model = None if beside is None else _model(beside)
        found = [_header(name) for name in names[:_PROBED]]
        sizes = {size for size, _ in found}
        problems += [_not_square(size) for size in sorted(sizes) if size[0] != size[1]]
        if len(sizes) > 1:
            problems.append(_of_different_size(path, sizes))
        samplings = {told for _, told in found}
        told = samplings.pop() if len(samplings) == 1 else None
        if not problems and _sampling(given, model, told, []) is None:
            problems.append(_no_sampling(path))
    if problems:
        raise InputError(problems)


def _not_square(size):
    return ("The class averages have %d × %d pixels; give square ones, with the particle in their "
            "centre." % size[::-1])


def _of_different_size(path, sizes):
    return ("The class averages in %s differ in size (%s pixels); give those of one "
            "classification." % (path, " and ".join(
                "%d × %d" % size[::-1] for size in sorted(sizes))))


def _no_sampling(path):
    return ("Neither %s nor its header gives the pixel size of the class averages; give it in Å "
            "with --sampling-classes." % path)


@dataclass(frozen=True)
class _Model:
    references: tuple
    numbers: np.ndarray
    occupancy: Optional[np.ndarray]
    resolution: Optional[np.ndarray]
    sampling: Optional[float]


def _model(path):
    """What RELION's model file says of the classes."""
    for ending in ("_data.star", "_optimiser.star"):
        beside = path[:-len(ending)] + "_model.star"
        if path.endswith(ending) and os.path.isfile(beside):
            path = beside
    blocks = read_star(path)
    classes = [columns for columns in blocks.values() if "rlnReferenceImage" in columns]
    if not classes:
        raise InputError("%s is not RELION's model of a classification: it has no column "
                         "rlnReferenceImage; give run_it025_model.star or the stack of class "
                         "averages." % path)
    table = classes[0]
    references = tuple(map(str, table["rlnReferenceImage"]))
    if not all("@" in name for name in references):
        raise InputError("The classes of %s are maps and not images; give the model of a "
                         "two-dimensional classification." % path)
    numbers = _numbers(path, table, "rlnClassNumber")
    if numbers is None:
        own = [name.partition("@")[0] for name in references]
        numbers = np.array([int(number) if number.isdigit() else 0 for number in own], float)
    if not ((numbers >= 0) & (numbers < 2 ** 31)).all():
        raise InputError(_wrong_column(path, "rlnClassNumber", "no numbers of classes"))
    sampling = _numbers(path, blocks.get("model_general", {}), "rlnPixelSize")
    resolution = _numbers(path, table, "rlnEstimatedResolution")
    if resolution is not None:
        resolution[~((resolution > 0) & (resolution < _NO_RESOLUTION))] = np.nan
    occupancy = _numbers(path, table, "rlnClassDistribution")
    if occupancy is not None and not (np.isfinite(occupancy) & (occupancy >= 0)).all():
        raise InputError(_wrong_column(path, "rlnClassDistribution", "no shares of particles"))
    if sampling is not None and not (np.isfinite(sampling[0]) and sampling[0] > 0):
        raise InputError(_wrong_column(path, "rlnPixelSize", "no pixel size"))
    return _Model(references, numbers.astype(int), occupancy, resolution,
                  None if sampling is None else float(sampling[0]))


def _numbers(path, columns, name):
    """A column as float64, None where there is none."""
    if name not in columns:
        return None
    try:
        return np.array(columns[name], float)
    except ValueError:
        raise InputError(_wrong_column(path, name, "text")) from None


def _wrong_column(path, name, what):
    return "Column %s of %s holds %s; correct it, or give the stack itself." % (name, path, what)


def _model_beside(path, notes):
    found = re.sub(r"_classes\.mrcs?$", "_model.star", path)
    if found == path or not os.path.isfile(found):
        return None
    notes.append("Shares and resolutions of the classes are those of %s." % os.path.basename(found))
    return found


def _shares(model, count, path):
    if model is None:
        return None, None
    if len(model.references) != count:
        raise InputError("%s has %d class averages, the model %d; give the two that belong "
                         "together." % (path, count, len(model.references)))
    return model.occupancy, model.resolution


def _sampling(given, model, header, notes):
    if given is not None:
        return given
    if model is not None and model.sampling is not None:
        return model.sampling
    if header == _UNKNOWN_SAMPLING:
        notes.append("The header says 1 Å per pixel, which programs also write when they do not "
                     "know; give the pixel size if it is wrong.")
    return header


def _image_problems(classes, notes):
    if classes.images.shape[1] != classes.images.shape[2]:
        return [_not_square(classes.images.shape[1:])]
    least, most = classes.images.min(axis=(1, 2)), classes.images.max(axis=(1, 2))
    # Comparisons with NaN are False.
    finite = (least > -LARGEST_VALUE) & (most < LARGEST_VALUE)
    if not finite.any():
        return ["All class averages hold values that are not finite (NaN or infinite) or far too "
                "large; give another file."]
    if not finite.all():
        notes.append("%s values that are not finite (NaN or infinite) or far too large; %s left "
                     "out." % (_numbered(classes.numbers[~finite]) + (
                         " holds" if (~finite).sum() == 1 else " hold"),
                         "it is" if (~finite).sum() == 1 else "they are"))
        classes.images[~finite] = least[~finite] = most[~finite] = 0
    flat = least == most
    if not flat.all() and (most - least)[~flat].max() < 1 / LARGEST_VALUE:
        return ["The values of the class averages are too small to be told apart; multiply them, "
                "or give another file."]
    if flat.all():
        return ["All class averages are empty; give those of a classification that has finished."]
    flat &= finite
    if flat.any():
        notes.append("%s empty (the same value everywhere)." % (
            _numbered(classes.numbers[flat]) + (" is" if flat.sum() == 1 else " are")))
    if len(set(classes.images.shape)) == 1 and len(set(classes.names)) > 1:
        notes.append("There are as many images as pixels along their sides, as if the file were a "
                     "map; give class averages if it is one.")
    return []


def _files(path):
    """The files of a path, a folder or a pattern."""
    if os.path.isdir(path):
        found = [os.path.join(path, name) for name in os.listdir(path)
                 if name.lower().endswith(_SINGLE_FILES) and not name.startswith(".")]
        if not found:
            raise InputError("The folder %s has no images (%s); give the stack of class averages."
                             % (path, ", ".join(_SINGLE_FILES[:4])))
    elif os.path.exists(path) or not glob.has_magic(path):
        return [path]
    else:
        found = [name for name in glob.glob(path) if os.path.isfile(name)]
        if not found:
            raise InputError("There is no file that matches %s; check its name and folder." % path)
    return sorted(found, key=lambda name: [int(part) if part.isdigit() else part
                                           for part in re.split(r"(\d+)", name)])


def _stored(paths, notes):
    """Images of files, a name for each, and the sampling that the files agree on."""
    parts, labels, samplings, problems = [], [], [], []
    for path in paths:
        with collected(problems):
            images, sampling = _images(path)
            parts.append(images)
            samplings.append(sampling)
            labels += ([path] if len(images) == 1 else
                       ["%d@%s" % (number, path) for number in range(1, len(images) + 1)])
    if problems:
        raise InputError(problems[:5])
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise InputError(_of_different_size(os.path.dirname(paths[0]) or ".", shapes))
    if len(set(samplings)) > 1:
        notes.append("The files differ in their pixel sizes; none of them is used.")
        samplings = [None]
    return np.concatenate(parts), labels, samplings[0]


def _referenced(path, model):
    """Images that a model names."""
    stacks, parts, sampling = {}, [], None
    for reference in model.references:
        number, _, name = reference.partition("@")
        if name not in stacks:
            stacks[name], sampling = _images(_beside(path, name))
        if not number.isdigit() or not 1 <= int(number) <= len(stacks[name]):
            raise InputError("%s names the image %s, but the stack has %d images; give the two "
                             "that belong together." % (path, reference, len(stacks[name])))
        parts.append(stacks[name][int(number) - 1])
    if len({part.shape for part in parts}) > 1:
        raise InputError("The class averages that %s names differ in size." % path)
    return np.array(parts), model.references, sampling


def _beside(path, name):
    """Where a stack lies that a table in a project names."""
    folder = os.path.dirname(os.path.abspath(path))
    tried = [os.path.join(folder, os.path.basename(name))]
    while True:
        tried.append(os.path.join(folder, name))
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    # A copy of a model is often named after its job: Class2D_run_it025_model.star.
    if path.endswith("_model.star"):
        tried.append(path[:-len("_model.star")] + "_classes.mrcs")
    for candidate in tried:
        if os.path.isfile(candidate):
            return candidate
    raise InputError("The class averages %s that %s names were not found; put them next to it or "
                     "give them directly." % (name, path))


def _header(path):
    """Rows and columns of a file's images, and its sampling."""
    if path.lower().endswith(_HDF):
        return _hdf(path, lambda entries: entries[0]["image"].shape[-2:])
    spider = spider_images(path)
    if spider is not None:
        return (spider.rows, spider.columns), None
    if is_tiff(path):
        return tiff_images(path).shape[1:], None
    header = headers.read_header(path)
    if header.mode in headers.COMPLEX_MODES:
        raise InputError(_complex(path))
    return (header.size[1], header.size[0]), _told(header)


def _complex(path):
    return "%s holds complex numbers (a Fourier transform); give the images themselves." % path


def _told(header):
    """Sampling that an MRC header tells, None for none."""
    if header.grid[0] > 0 and header.cell[0] > 0:
        return float("%.7g" % (header.cell[0] / header.grid[0]))
    return None


def _images(path):
    """Images of a file, float32 (n, y, x), and its sampling."""
    files.refuse_special(path, "a file of class averages")
    if path.lower().endswith(_HDF):
        return _hdf_images(path)
    spider = spider_images(path)
    if spider is not None:
        return spider.open().astype(np.float32), None
    if is_tiff(path):
        return tiff_images(path).astype(np.float32), None
    header = headers.read_header(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with mrcfile.open(path, mode="r", permissive=True) as mrc:
                stored = mrc.data
    except files.UNPACKING_ERRORS:
        raise InputError(files.damaged(path)) from None
    if stored is None:
        raise InputError(headers.truncation(header))
    if np.iscomplexobj(stored):
        raise InputError(_complex(path))
    images = np.array(stored, np.float32)
    return images.reshape((-1,) + images.shape[-2:]), _told(header)


def _hdf_images(path):
    images, sampling = _hdf(path, lambda entries: np.array(
        [entry["image"][...] for entry in entries], np.float32))
    if images.ndim != 3:
        raise InputError("%s has no images or volumes instead; give class averages." % path)
    return images, sampling


def _hdf(path, read):
    """What is read of the images of EMAN2, which numbers them from 0 in the group MDF/images, and
    their sampling."""
    try:
        import h5py
    except ImportError:
        raise InputError("%s is an HDF file, which needs the Python package h5py; install it, or "
                         "convert the file with EMAN2's '%s'."
                         % (path, _conversion(path))) from None
    try:
        with h5py.File(path, "r") as file:
            group = file["MDF/images"]
            entries = [group[name] for name in sorted((name for name in group if name.isdigit()),
                                                      key=int)]
            found = read(entries)
            samplings = {float(entry.attrs["EMAN.apix_x"]) for entry in entries
                         if "EMAN.apix_x" in entry.attrs}
    except (OSError, KeyError, ValueError, IndexError):
        raise InputError("%s is damaged or not an HDF stack of EMAN2; if EMAN2 can read it, "
                         "convert it with '%s'." % (path, _conversion(path))) from None
    sampling = samplings.pop() if len(samplings) == 1 else None
    return found, sampling if sampling is not None and sampling > 0 else None


def _conversion(path):
    return "e2proc2d.py %s %s" % (path, os.path.splitext(path)[0] + ".mrcs")


def _numbered(numbers):
    numbers = ["%d" % number for number in numbers]
    listed = " and ".join([", ".join(numbers[:-1])] * bool(numbers[:-1]) + numbers[-1:])
    return "Class average%s %s" % ("" if len(numbers) == 1 else "s", listed)
