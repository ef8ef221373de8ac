"""A job of RELION: what it made, what it was made from, and how."""

import os

from vrs.bundles import Bundle, Contents, Found, missing_file
from vrs.bundles.micrographs import folder_of, micrographs_of
from vrs.errors import InputError
from vrs.inputs.kind import FOLDER, Option
from vrs.io.relion import Job
from vrs.io.star import read_star

_RUN = r"run(_ct\d+)?"
# What masks are called in the graph: by label since version 4, by number before.
_MASKS = ("Mask3D", "7")
_UNSET = ("", "None", "none", "-1", "-1.0")


class _Relion(Bundle):
    option = Option(
        "relion", "job of RELION (PROJECT/PostProcess/job020, or of Refine3D, Class3D, Class2D, "
        "CtfRefine, Polish, MaskCreate, Extract, AutoPick or ManualPick): its maps, mask, "
        "resolution, particles, classes, micrographs, coordinates, symmetry and workflow are found "
        "from there", type=FOLDER, metavar="PATH")

    def open(self, path):
        job = Job(path)
        if job.type not in _READERS:
            raise InputError("%s is a job of the type %s, which leads to no map, classes or "
                             "coordinates; give one of the types %s." % (path, job.type,
                                                            ", ".join(sorted(_READERS))))
        job.require_finished()
        search = _Search(job)
        _READERS[job.type](job, search)
        search.take("workflow", job.folder, "the jobs that led to it")
        return Contents(tuple(search.found), tuple(search.remarks), tuple(search.missing),
                        job.name.replace("/", "_"))


RELION = _Relion()


class _Search:
    """What was found on the way from a job to those before it; what is found first stays."""

    def __init__(self, job):
        self.project = job.project
        self.found, self.remarks, self.missing = [], [], []

    def has(self, option):
        return any(found.option == option for found in self.found) or any(
            name == option for name, _ in self.missing)

    def take(self, option, value, where, needs=""):
        if not self.has(option):
            self.found.append(Found(option, value, where, needs))

    def file(self, option, name, what, named_in):
        """Take a file that has to be there."""
        path = os.path.join(self.project, name)
        if self.has(option):
            return
        if os.path.isfile(path):
            self.found.append(Found(option, path, named_in))
        else:
            self.missing.append((option, missing_file(
                path, what, named_in, "--" + option, self.project)))

    def path_of(self, option):
        """Path of a file that was taken; None without."""
        return next((found.value for found in self.found if found.option == option), None)


def _post_process(job, search):
    """The sharpened map, its halves and mask; the particles are those of the refinement."""
    star = job.name + "/postprocess.star"
    if not os.path.isfile(job.path(star)):
        raise InputError("The job %s has no postprocess.star; run it again." % job.name)
    general = _single(job.path(star), "general")
    search.file("map", job.name + "/postprocess.mrc", "the map", job.name)
    halves = [_text(general, "rlnUnfilteredMapHalf%d" % number) for number in (1, 2)]
    if not all(halves):
        halves = _half_names(job)
    for number, name in enumerate(halves, 1):
        search.file("half%d" % number, name, "half map %d" % number, star)
    mask = _text(general, "rlnMaskName")
    if mask:
        search.file("mask", mask, "the mask", star)
    _number(search, "resolution", general, "rlnFinalResolution", star)
    for name in ("angpix", "Calibrated pixel size (A)"):
        pixel = job.options.get(name, "")
        if pixel not in _UNSET:
            search.take("sampling", float(pixel), "the calibrated pixel size of %s" % job.name)
    refined = job.maker(halves[0])
    if refined is None or refined.type not in ("Refine3D", "Class3D"):
        search.remarks.append("particles: not taken, as %s was not made by a refinement of this "
                              "project" % halves[0])
    else:
        _particles_of(refined, search, os.path.basename(halves[0]).split("_half1")[0])


def _half_names(job):
    first = next((name for name in job.inputs if "half1" in os.path.basename(name)), None)
    if first is None:
        raise InputError("The job %s does not say which half maps it took." % job.name)
    folder, base = os.path.split(first)
    return [first, os.path.join(folder, base.replace("half1", "half2"))]


def _refinement(job, search):
    """The map of a refinement with its halves, particles and mask."""
    run = _last_run(job)
    search.file("map", "%s/%s_class001.mrc" % (job.name, run), "the map", job.name)
    for number in (1, 2):
        search.file("half%d" % number,
                    "%s/%s_half%d_class001_unfil.mrc" % (job.name, run, number),
                    "half map %d" % number, job.name)
    _own_mask(job, search)
    model = "%s/%s_model.star" % (job.name, run)
    if os.path.isfile(job.path(model)):
        general = _single(job.path(model), "model_general")
        _number(search, "resolution", general, "rlnCurrentResolution", model)
        _number(search, "sampling", general, "rlnPixelSize", model)
    _particles_of(job, search, run)


def _particles_of(job, search, run):
    """The particles of a refinement, and what belongs to them.

    ``run`` is what names of its files begin with, "run_ct16" for instance.
    """
    table = "%s/%s_data.star" % (job.name, run)
    search.file("particles", table, "the table of the particles", job.name)
    _symmetry(job, run, search)
    _before_particles(job, search)


def _last_run(job):
    """How the final files of a refinement begin: "run", or "run_ct16" after it was continued."""
    runs = [match.group(0)[:-len("_data.star")] for _, match in job.files(_RUN + r"_data\.star")]
    if not runs:
        raise InputError("The job %s has no table of particles (run_data.star), as a refinement "
                         "has at its end." % job.name)
    return max(runs, key=lambda run: int(run[6:] or 0))


def _last_iteration(job):
    """How the files of the last iteration of a classification begin: "run_it025"."""
    found = job.files(_RUN + r"_it(\d+)_model\.star")
    if not found:
        raise InputError("The job %s has no model of its classes (run_it025_model.star, for "
                         "instance)." % job.name)
    name, _ = max(found, key=lambda one: (int(one[1].group(2)), one[0]))
    return name[:-len("_model.star")]


def _symmetry(job, run, search):
    sampling = "%s/%s_sampling.star" % (job.name, run)
    if os.path.isfile(job.path(sampling)):
        group = _text(_single(job.path(sampling), "sampling_general"), "rlnSymmetryGroup")
        if group:
            search.take("symmetry", group, sampling)
            return
    for group, where in ((job.options.get("sym_name"), "job.star"),
                         (job.options.get("Symmetry:"), "run.job"),
                         (job.command.get("--sym"), "note.txt")):
        if group:
            search.take("symmetry", group, "%s/%s" % (job.name, where))
            return


def _before_particles(job, search):
    """The micrographs of the particles, and the last class averages that they went through."""
    table = search.path_of("particles")
    if table is None:
        return
    folder, remark = micrographs_of(table)
    if folder:
        search.take("micrographs", folder, "named with the coordinates in %s"
                    % os.path.relpath(table, job.project), "particles")
    elif remark:
        search.remarks.append(remark)
    classified = next((found for found in job.ancestors() if found.type == "Class2D"), None)
    if classified is not None:
        try:
            model = "%s/%s_model.star" % (classified.name, _last_iteration(classified))
        except InputError as error:
            search.remarks.append("classes: not taken: %s" % error)
            return
        search.file("classes", model, "the class averages", "the workflow")


def _classification(job, search):
    """The members and averages of a 2D classification."""
    run = _last_iteration(job)
    search.file("particles", "%s/%s_data.star" % (job.name, run), "the table of the particles",
                job.name)
    search.file("classes", "%s/%s_model.star" % (job.name, run), "the class averages", job.name)
    _before_particles(job, search)


def _classification_3d(job, search):
    """The map of the largest class; its particles where there is no other class."""
    run = _last_iteration(job)
    model = "%s/%s_model.star" % (job.name, run)
    blocks = read_star(job.path(model))
    classes = blocks.get("model_classes", {})
    try:
        shares = [float(share) for share in classes["rlnClassDistribution"]]
        largest = max(range(len(shares)), key=shares.__getitem__)
        name = str(classes["rlnReferenceImage"][largest])
    except (KeyError, ValueError):
        raise InputError("%s does not give the shares of its classes; run the job again."
                         % job.path(model)) from None
    what = "class %d of %d, with %.0f %% of the particles" % (
        largest + 1, len(shares), 100 * shares[largest])
    search.file("map", name, "the map", "%s, %s" % (model, what))
    _own_mask(job, search)
    general = {key: values[0] for key, values in blocks.get("model_general", {}).items()}
    _number(search, "sampling", general, "rlnPixelSize", model)
    estimates = classes.get("rlnEstimatedResolution")
    if estimates is not None:
        _number(search, "resolution", {"estimate": estimates[largest]}, "estimate",
                "estimated for the class in %s" % model)
    if sum(share > 0 for share in shares) > 1:
        search.remarks.append(
            "particles: not taken, as those of all %d classes are in one table; select those of "
            "class %d, refine them, and give that job" % (len(shares), largest + 1))
        return
    search.file("particles", "%s/%s_data.star" % (job.name, run), "the table of the particles",
                job.name)
    _symmetry(job, run, search)
    _before_particles(job, search)


def _polished(name):
    """The reader of a job that changes particles: they are its own, the maps those before."""
    def read(job, search):
        if not os.path.isfile(job.file(name)):
            raise InputError("The job %s made no particles (%s): it only determined parameters; "
                             "give the job that used them." % (job.name, name))
        search.file("particles", "%s/%s" % (job.name, name), "the table of the particles",
                    job.name)
        _follow(job, search, [found for found in job.inputs
                              if os.path.basename(found) == "postprocess.star"] + job.inputs)
    return read


def _mask_create(job, search):
    """The mask, with the map that it was made from."""
    search.file("mask", job.name + "/mask.mrc", "the mask", job.name)
    _follow(job, search, job.inputs)


def _extract(job, search):
    """The particles as they were extracted."""
    search.file("particles", job.name + "/particles.star", "the table of the particles", job.name)
    _before_particles(job, search)


def _picked(kind):
    """The reader of a job that picked particles: their coordinates, and the micrographs.

    Since version 4 a list, autopick.star, names the coordinates of each micrograph. Before, these
    lay beside a file that only told how their names end, coords_suffix_autopick.star.
    """
    def read(job, search):
        listed = "%s/%s.star" % (job.name, kind)
        is_listed = os.path.isfile(job.path(listed))
        if not is_listed and not os.path.isfile(job.file("coords_suffix_%s.star" % kind)):
            raise InputError("The job %s has no coordinates (%s.star); give one that picked "
                             "particles." % (job.name, kind))
        search.take("coordinates", job.path(listed) if is_listed else job.folder, job.name)
        for name in [listed] + job.inputs:
            if name.endswith(".star") and os.path.isfile(job.path(name)):
                _micrographs_in(name, job.path(name), search)
        if not search.has("micrographs"):
            search.remarks.append("micrographs: not taken, as those that were picked in are not "
                                  "there; give their folder with --micrographs")
    return read


def _micrographs_in(name, path, search):
    """Take the micrographs that a table names, and their pixel size."""
    blocks = read_star(path)
    named = [str(micrograph) for block in blocks.values()
             for micrograph in block.get("rlnMicrographName", ())]
    folder = folder_of(named, path)
    if folder:
        search.take("micrographs", folder, "named in %s" % name)
    sizes = set(blocks.get("optics", {}).get("rlnMicrographPixelSize", ()))
    if len(sizes) == 1:
        _number(search, "sampling_micrographs", {"size": sizes.pop()}, "size", name)


def _follow(job, search, names):
    """Go on with the first job before this one that has maps."""
    makers = [maker for maker in (job.maker(name) for name in names) if maker is not None]
    maker = next((found for found in makers if found.type in _WITH_MAPS), None)
    if maker is None:
        raise InputError("The job %s does not follow from a PostProcess or Refine3D job that is "
                         "there; give one of these." % job.name)
    _READERS[maker.type](maker, search)


def _own_mask(job, search):
    """The mask that a job was given, if it was."""
    named = [name for name in job.inputs if job.kind(name).split(".")[0] in _MASKS]
    named += [value for option, value in job.options.items()
              if (option == "fn_mask" or option.startswith("Reference mask"))
              and value not in _UNSET]
    if named:
        search.file("mask", named[0], "the mask", job.name)


def _single(path, block):
    """Values of a block, of its first row."""
    table = read_star(path).get(block, {})
    return {name: values[0] for name, values in table.items() if len(values)}


def _text(values, name):
    text = str(values.get(name, "")).strip()
    return "" if text in _UNSET else text


def _number(search, option, values, name, where):
    """Take a number that is positive and finite."""
    try:
        number = float(values[name])
    except (KeyError, ValueError):
        return
    if 0 < number < float("inf"):
        search.take(option, number, where)


_WITH_MAPS = ("PostProcess", "Refine3D", "Class3D")
_READERS = {
    "PostProcess": _post_process,
    "Refine3D": _refinement,
    "Class2D": _classification,
    "Class3D": _classification_3d,
    "CtfRefine": _polished("particles_ctf_refine.star"),
    "Polish": _polished("shiny.star"),
    "MaskCreate": _mask_create,
    "Extract": _extract,
    "AutoPick": _picked("autopick"),
    "ManualPick": _picked("manualpick"),
}
