"""The choice of half maps, which several levels offer."""

from pyworkflow.protocol import params

from vrs.checks.results import InputFile
from vrs.errors import InputError
from vrs.protocols.level import identity, original_file, original_files, plain_name

HALVES_OF_MAP, HALVES_OBJECTS, HALVES_FILES = range(3)


def define_half_maps(form, of_map):
    """Add the parameters to a form.

    Parameters
    ----------
    form : pyworkflow.protocol.Form
    of_map : str
        What the choice of the map's own half maps is called.
    """
    group = form.addGroup("Half maps")
    group.addParam("halvesFrom", params.EnumParam, default=HALVES_OF_MAP,
                   label="Half maps to use",
                   choices=[of_map, "Two volumes of the project", "Two files"],
                   help="The two maps reconstructed from separate halves of the particles, in the "
                        "box of the map; neither masked nor filtered nor sharpened. The map may "
                        "bring them along, as those of refinements and of EMDB entries do.")
    for number, ordinal in ((1, "first"), (2, "second")):
        group.addParam("inputHalf%d" % number, params.PointerParam, pointerClass="Volume",
                       allowsNull=True, condition="halvesFrom == %d" % HALVES_OBJECTS,
                       label="Half map %d" % number,
                       help="The %s half map, as a volume of this project." % ordinal)
        group.addParam("half%dFile" % number, params.FileParam, allowsNull=True,
                       condition="halvesFrom == %d" % HALVES_FILES,
                       label="File of half map %d" % number,
                       help="The %s half map: MRC or CCP4, compressed or not." % ordinal)


def half_files(protocol):
    """Files of the half maps that were chosen.

    Parameters
    ----------
    protocol : vrs.protocols.level.ProtVrsLevel

    Returns
    -------
    list of str
        Empty when the map should have brought them along and has none.

    Raises
    ------
    InputError
        When volumes or files are to be chosen and are not.
    """
    source = protocol.halvesFrom.get()
    if source == HALVES_OF_MAP:
        return original_files(protocol.inputVolume.get())[1:]
    if source == HALVES_OBJECTS:
        chosen = [pointer.get() for pointer in (protocol.inputHalf1, protocol.inputHalf2)]
        paths = [original_file(plain_name(half)) if half else "" for half in chosen]
        advice = "Choose both half maps."
    else:
        paths = [protocol.half1File.get(""), protocol.half2File.get("")]
        advice = "Choose the files of both half maps."
    if not all(paths):
        raise InputError(advice)
    return paths


def described_files(loaded):
    """The half maps' files for the report.

    Parameters
    ----------
    loaded : vrs.io.LoadedInput

    Returns
    -------
    list of InputFile
    """
    return [InputFile("Half map %d" % number, *identity(half))
            for number, half in enumerate(loaded.half_files, 1)]
