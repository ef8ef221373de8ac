"""From the declared kinds of evidence to the parameters of a form, and back to what was given."""

import os

from pyworkflow.protocol import params

from vrs import inputs
from vrs.errors import InputError
from vrs.inputs import FOLDER, NUMBER, TEXT, read_value
from vrs.inputs.map import MAP
from vrs.inputs.micrographs import MICROGRAPHS
from vrs.io.headers import SAME_SAMPLING, read_header
from vrs.objects import VrsArchivedVolume
from vrs.protocols import sets

# Where evidence comes from, as the choices of a form stand for it.
NONE, OF_MAP, OF_PROJECT, OBJECTS, FILES = "none", "map", "project", "objects", "files"
_PARAMETERS = {NUMBER: params.FloatParam, TEXT: params.StringParam, FOLDER: params.FolderParam}


def define_kinds(form, level_kinds, optional):
    """Add the parameters of kinds of evidence to a form.

    Parameters
    ----------
    form : pyworkflow.protocol.Form
    level_kinds : list of vrs.inputs.Kind
        Those that cannot be left out, beside the map.
    optional : list of vrs.inputs.Kind
    """
    asked = set()
    for kind in inputs.all_kinds():
        if kind in level_kinds or kind in optional:
            further = [option for option in further_options(kind) if option not in asked]
            _define_kind(form, kind, kind in level_kinds, further)
            asked.update(further)


def define_job(form):
    """Add the folder of a job, from which a wizard fills the form."""
    form.addParam("jobFolder", params.FolderParam, default="",
                  label="RELION or cryoSPARC job",
                  help="Folder of a job, PostProcess/job020 of a RELION project or J20 of a "
                       "cryoSPARC project for instance. The wand imports its map and fills in what "
                       "belongs to it: half maps, mask, resolution, particles, classes, "
                       "micrographs, symmetry and workflow. What is in the form then counts, and "
                       "can be changed; the folder itself does not.")


def define_map(form):
    """Add the parameters of the map, its threshold and its resolution to a form."""
    options = {option.name: option for option in inputs.all_options()}
    whole, threshold = options["map"], options["threshold"]
    resolution = options["resolution"]
    form.addParam("inputVolume", params.PointerParam, pointerClass=whole.pointer, important=True,
                  label=whole.label, help=whole.form_help)
    form.addParam("threshold", params.FloatParam, important=True, allowsNull=True,
                  label=threshold.label, help=threshold.form_help)
    form.addParam("hasResolution", params.BooleanParam, default=True,
                  label="Is the resolution known?",
                  help="Without it, items that need it are not run.")
    form.addParam("resolution", params.FloatParam, condition="hasResolution", allowsNull=True,
                  label=resolution.label, help=resolution.form_help)
    mass = options["mass"]
    form.addParam("mass", params.FloatParam, allowsNull=True, expertLevel=params.LEVEL_ADVANCED,
                  label=mass.label, help=mass.form_help)
    form.addParam("sequence", params.FileParam, allowsNull=True, expertLevel=params.LEVEL_ADVANCED,
                  label=options["sequence"].label, help=options["sequence"].form_help)


def define_mask(form):
    """Add the choice of an own mask to a form."""
    mask = next(option for option in MAP.options if option.name == "mask")
    group = form.addGroup("Mask")
    _define_source(group, "mask", "Mask to use", mask.form_help, (mask,),
                   [NONE, OBJECTS, FILES], {NONE: "Made from the threshold"})


def _define_kind(form, kind, needed, further):
    group = form.addGroup(kind.title)
    _define_source(group, kind.name, kind.title + " to use", kind.help, kind.files,
                   sources_of(kind, needed),
                   {NONE: "None", OF_PROJECT: kind.from_project,
                    OF_MAP: kind.from_map + ("" if needed else ", if it has some")})
    for option in further:
        level = params.LEVEL_ADVANCED if option.advanced else params.LEVEL_NORMAL
        parameter, default = _PARAMETERS[option.type], option.default
        if option.type == TEXT and default is not None:
            default = str(default)
        elif isinstance(default, int):
            parameter = params.IntParam
        group.addParam(option.name, parameter, default=default, expertLevel=level,
                       allowsNull=default is None, label=option.label, help=option.form_help)


def further_options(kind):
    """What a form asks about evidence of a kind beside its files."""
    return [option for option in kind.options if option not in kind.files and option.label]


def _define_source(group, name, label, help_text, options, sources, labels):
    """The choice of a source, and for each source what has to be chosen then."""
    labels = dict({OBJECTS: "From this project",
                   FILES: "A file" if len(options) == 1 else "Files"}, **labels)
    source = source_parameter(name)
    if len(sources) > 1:
        group.addParam(source, params.EnumParam, default=0, label=label, help=help_text,
                       choices=[labels[choice] for choice in sources])
    for option in options:
        if OBJECTS in sources:
            group.addParam(object_parameter(option), params.PointerParam, allowsNull=True,
                           pointerClass=option.pointer, label=option.label, help=option.form_help,
                           condition="%s == %d" % (source, sources.index(OBJECTS)))
        if FILES in sources:
            group.addParam(file_parameter(option), params.FileParam, allowsNull=True,
                           label="File of %s" % (option.label[0].lower() + option.label[1:]),
                           help=option.form_help,
                           condition=("%s == %d" % (source, sources.index(FILES))
                                      if len(sources) > 1 else None))


def sources_of(kind, needed):
    """Where a form lets evidence of a kind come from.

    Parameters
    ----------
    kind : vrs.inputs.Kind
    needed : bool
        Whether it cannot be left out.

    Returns
    -------
    list of str
        In the order of the choices, the usual one first.
    """
    sources = [OF_MAP] * bool(kind.from_map)
    if not needed and not sources:
        sources.append(NONE)
    sources += [OF_PROJECT] * bool(kind.from_project)
    sources += [OBJECTS] * any(option.pointer for option in kind.files)
    sources.append(FILES)
    if not needed and NONE not in sources:
        sources.append(NONE)
    return sources


def source_parameter(name):
    """The parameter that chooses the source of a kind, ``halfMapsFrom`` of ``half_maps``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others) + "From"


def object_parameter(option):
    """The parameter that takes an object of the project, ``inputHalf1`` of ``half1``."""
    return "input" + option.name[0].upper() + option.name[1:]


def file_parameter(option):
    """The parameter that takes a file, ``half1File`` of ``half1``."""
    return option.name + "File"


def parameters_of(protocol_class, given):
    """The parameters by which a protocol is given files and numbers.

    Parameters
    ----------
    protocol_class : type
        Of :class:`vrs.protocols.level.ProtVrsLevel`.
    given : dict
        Values by the names of options; the map itself is an object of the project.

    Returns
    -------
    dict
    """
    parameters = {"threshold": given.get("threshold"), "resolution": given.get("resolution"),
                  "hasResolution": given.get("resolution") is not None, "mass": given.get("mass"),
                  "sequence": given.get("sequence", ""),
                  "maskFrom": (NONE, OBJECTS, FILES).index(FILES if given.get("mask") else NONE),
                  "maskFile": given.get("mask") or ""}
    needed = protocol_class.needed_kinds()
    for kind in protocol_class.offered_kinds():
        if not kind.is_given(given):
            continue
        sources = sources_of(kind, kind in needed)
        if len(sources) > 1:
            parameters[source_parameter(kind.name)] = sources.index(FILES)
        for option in kind.options:
            value = given.get(option.name)
            if value is not None:
                is_file = option in kind.files
                parameters[file_parameter(option) if is_file else option.name] = (
                    value if is_file or option.type == TEXT else read_value(option, given))
    return parameters


# --------------------------------------------------------------------- what was given
def source_of(protocol, kind):
    """Where a protocol takes evidence of a kind from.

    Parameters
    ----------
    protocol : vrs.protocols.level.ProtVrsLevel
    kind : vrs.inputs.Kind

    Returns
    -------
    str
    """
    sources = sources_of(kind, kind in protocol.needed_kinds())
    if len(sources) == 1:
        return sources[0]
    return sources[protocol.getAttributeValue(source_parameter(kind.name))]


def given_values(protocol):
    """What a protocol is given, by the names of options.

    Parameters
    ----------
    protocol : vrs.protocols.level.ProtVrsLevel
        With a map.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        With a sentence for all that is to be chosen and is not.
    """
    volume = protocol.inputVolume.get()
    given = {"map": protocol.sourceFile.get("") or original_files(volume)[0]}
    given["threshold"] = protocol.chosen_threshold()
    given["resolution"] = protocol.chosen_resolution()
    given["mass"] = protocol.mass.get()
    given["sequence"] = protocol.sequence.get()
    given["sampling"] = _given_sampling(given["map"], volume)
    problems = []
    mask_source = (NONE, OBJECTS, FILES)[protocol.maskFrom.get()]
    mask = next(option for option in MAP.options if option.name == "mask")
    if mask_source != NONE:
        given["mask"] = _path(protocol, mask, mask_source)
        if not given["mask"]:
            problems.append("Choose the mask, or none.")
    for kind in protocol.offered_kinds():
        source = source_of(protocol, kind)
        paths = _paths(protocol, kind, source)
        if source in (OBJECTS, FILES) and not all(
                paths[option.name] for option in kind.files if not option.optional):
            problems.append("Choose %s." % kind.words)
        if source == OF_MAP and not paths and kind in protocol.needed_kinds():
            problems.append("The map comes without %s; choose them from this project, or give "
                            "files." % kind.title.lower())
        given.update(paths)
        if any(paths.values()):
            given.update({option.name: protocol.getAttributeValue(option.name)
                          for option in further_options(kind)})
        if kind is MICROGRAPHS and source == OBJECTS and paths["micrographs"]:
            given["sampling_micrographs"] = given["sampling_micrographs"] or chosen_object(
                protocol, kind.files[0]).getSamplingRate()
    if problems:
        raise InputError(problems)
    return given


def _paths(protocol, kind, source):
    """Files by the names of options; empty where there is nothing."""
    if source == OF_MAP:
        return dict(zip([option.name for option in kind.files],
                        original_files(protocol.inputVolume.get())[1:]))
    if source == OF_PROJECT:
        path = protocol.project_evidence(kind)
        return {kind.files[0].name: path} if path else {}
    if source == NONE:
        return {}
    return {option.name: _path(protocol, option, source) for option in kind.files}


def _path(protocol, option, source):
    if source == FILES:
        return protocol.getAttributeValue(file_parameter(option), "") or ""
    chosen = chosen_object(protocol, option)
    if chosen is None:
        return ""
    return (sets.exported_file(protocol, option) if sets.is_set(chosen)
            else original_file(plain_name(chosen)))


def chosen_object(protocol, option):
    """The object of the project that was chosen for an option, None without."""
    return getattr(protocol, object_parameter(option)).get()


def chosen_sets(protocol):
    """The sets that were chosen, with the options that they were chosen for.

    Parameters
    ----------
    protocol : vrs.protocols.level.ProtVrsLevel

    Returns
    -------
    list of (vrs.inputs.Option, pwem.objects.EMSet)
    """
    chosen = [(option, chosen_object(protocol, option)) for kind in protocol.offered_kinds()
              if source_of(protocol, kind) == OBJECTS for option in kind.files]
    return [(option, found) for option, found in chosen if found is not None
            and sets.is_set(found)]


def _given_sampling(path, volume):
    """The voxel size where it is not simply the one of the file, else None."""
    sampling = volume.getSamplingRate()
    try:
        in_file = read_header(path).sampling
    except InputError:  # whoever reads the file says so
        return None
    same = in_file is not None and abs(in_file / sampling - 1) <= SAME_SAMPLING
    return None if same else sampling


def plain_name(image):
    """File of a Scipion object, without the index and the format that may be with its name."""
    return image.getFileName().split("@")[-1].replace(":mrc", "")


def original_file(path):
    """The file that the user knows: Scipion's imports make links to it."""
    if not os.path.islink(path):
        return path
    return os.path.join(os.path.dirname(path), os.readlink(path))  # some links are relative


def original_files(volume):
    """Files of a map and of its half maps, if it has some, as the user knows them.

    Parameters
    ----------
    volume : pwem.objects.Volume

    Returns
    -------
    list of str
        The map first.
    """
    fetched = volume.getOriginals() if isinstance(volume, VrsArchivedVolume) else []
    copies = [plain_name(volume)] + [path for path in (volume.getHalfMaps() or "").split(",")
                                     if path]
    return fetched or [original_file(path) for path in copies]
