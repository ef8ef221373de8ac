"""The wizard that fills the form from a job of RELION or cryoSPARC."""

import os

from pwem.protocols import ProtImportVolumes
from pyworkflow.gui import dialog
from pyworkflow.object import Pointer
from pyworkflow.viewer import DESKTOP_TKINTER
from pyworkflow.wizard import Wizard

from vrs import bundles
from vrs.errors import InputError
from vrs.io.headers import read_header
from vrs.protocols import forms
from vrs.protocols.launch import failure
from vrs.protocols.levels import ProtVrsValidateMap


class VrsJobWizard(Wizard):
    """Imports the map of a job into the project, and fills in what belongs to it."""

    _targets = [(ProtVrsValidateMap, ["jobFolder"])]
    _environments = [DESKTOP_TKINTER]

    def show(self, form, *params):
        """Fill the form, and tell what was taken.

        Parameters
        ----------
        form : pyworkflow.gui.form.FormWindow
        """
        try:
            filled = contents(form.protocol.jobFolder.get(""))
            importing = imported(form.protocol.getProject(), filled)
        except InputError as error:
            dialog.showError("The job cannot be used", "\n".join(error.problems), form.root)
            return
        if not importing.isFinished():
            dialog.showError("The map was not imported", failure(importing), form.root)
            return
        given = {name: value for name, value in filled.given.items() if name != "map"}
        form.setVar("inputVolume", Pointer(importing, extended="outputVolume"))
        for name, value in forms.parameters_of(ProtVrsValidateMap, given).items():
            # What a job does not tell stays as it is.
            if value is not None:
                form.setVar(name, value)
        dialog.showInfo("Taken from the job", "\n".join(filled.told), form.root)


def contents(folder):
    """What a job holds.

    Parameters
    ----------
    folder : str

    Returns
    -------
    vrs.bundles.Filled
        With a map.

    Raises
    ------
    InputError
        If there is none, or the job cannot be used.
    """
    if not folder.strip():
        raise InputError("Choose the folder of the job first.")
    path = os.path.abspath(folder.strip())
    filled = bundles.filled({bundles.of_folder(path).option.name: path})
    if "map" not in filled.given:
        raise InputError("%s made no map. What can be validated without one, the command 'vrs "
                         "validate' does." % folder)
    return filled


def imported(project, filled):
    """The run that imported the map of a job into a project.

    Parameters
    ----------
    project : pyworkflow.project.Project
    filled : vrs.bundles.Filled

    Returns
    -------
    pwem.protocols.ProtImportVolumes

    Raises
    ------
    InputError
        If the voxel size of the map is told nowhere.
    """
    path = filled.given["map"]
    sampling = filled.given.get("sampling") or read_header(path).sampling
    if sampling is None:
        raise InputError("%s has no voxel size; import the map yourself and give it." % path)
    importing = project.newProtocol(ProtImportVolumes, objLabel="import " + filled.stem,
                                    filesPath=path, samplingRate=sampling)
    project.launchProtocol(importing, wait=True)
    return importing
