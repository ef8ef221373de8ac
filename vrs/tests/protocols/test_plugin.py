import configparser
import json
import os
import subprocess
import sys

import pytest

import vrs
from vrs import scipion
from vrs.bibliography import reference
from vrs.checks import all_checks

PROTOCOLS = ["ProtVrsImportEntry", "ProtVrsImportParticles", "ProtVrsValidateMap",
             "ProtVrsLevel0", "ProtVrsLevel1", "ProtVrsLevel2", "ProtVrsLevel3", "ProtVrsLevel4",
             "ProtVrsLevel5", "ProtVrsLevelA", "ProtVrsLevelW", "ProtVrsLevelO", "ProtVrsReport"]


def test_scipion_finds_everything(domain):
    assert set(PROTOCOLS) <= set(domain.getProtocols())
    assert {"VrsArchivedVolume", "VrsItemResult", "SetOfVrsItemResults", "VrsReport"} <= set(
        domain.getObjects())


def test_our_viewers_come_first(domain):
    from vrs.objects import SetOfVrsItemResults, VrsReport
    for result, viewer in ((SetOfVrsItemResults(), "VrsItemResultsViewer"),
                           (VrsReport(), "VrsReportViewer")):
        assert domain.findViewers(result, "tkinter")[0].__name__ == viewer


def test_scipion_knows_name_version_and_folder(domain):
    protocol = domain.getProtocols()["ProtVrsLevel0"]
    plugin = protocol.getPlugin()
    assert plugin.getName() == "vrs"
    assert plugin.getPath() == os.path.dirname(vrs.__file__)
    assert protocol.getClassPackage().__version__ == vrs.__version__
    assert protocol.validateInstallation() == []


def test_protocols_are_in_the_validation_section_of_the_tree(domain):
    from pyworkflow.gui.project.viewprotocols_extra import ProtocolTreeConfig

    def find(node, path):
        here = path + [str(node.text)]
        found = {str(node.value): here}
        for child in node.childs:
            found.update(find(child, here))
        return found

    places = find(ProtocolTreeConfig.load(domain, "")["Protocols SPA"], [])
    for name in PROTOCOLS:
        assert "Validation" in places[name]


def test_the_configuration_of_the_tree_names_existing_protocols(domain):
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read(os.path.join(os.path.dirname(vrs.__file__), "protocols.conf"))
    text = json.dumps(json.loads(parser.get("PROTOCOLS", "Protocols SPA")))
    assert text.count('"tag": "protocol"') == len(PROTOCOLS)


def test_every_reference_of_a_check_is_in_the_bibliography(domain):
    known = domain.getPluginModule("vrs")._bibtex
    for check in all_checks():
        for key in check.references:
            assert known[key].get("doi", "").endswith(reference(key).doi)


def test_missing_tkinter_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(scipion.ScipionError, match="tkinter.*python3-tk"):
        scipion.prepare_environment()


def test_protocols_that_do_not_load_are_told_with_the_reason(domain, monkeypatch):
    monkeypatch.setattr(domain, "getProtocols", classmethod(lambda cls: {}))
    monkeypatch.setitem(sys.modules, "vrs.protocols", None)
    with pytest.raises(scipion.ScipionError, match="vrs.protocols cannot be imported"):
        scipion.load_domain()


def test_what_the_user_has_set_stays(monkeypatch, tmp_path):
    given = {"SCIPION_DOMAIN": "mine", "SCIPION_HOSTS": "/my/hosts", "SCIPION_NOTIFY": "True",
             "SCIPION_HOME": "/my/scipion", "SCIPION_PYTHON": "/my/python",
             "SCIPION_USER_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", dict(given))
    assert scipion.prepare_environment() == str(tmp_path / "projects")
    assert os.environ == given


def test_what_the_user_has_not_set_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    assert scipion.prepare_environment() == str(tmp_path / "ScipionUserData" / "projects")
    assert os.environ["SCIPION_DOMAIN"] == "pwem"
    with open(os.environ["SCIPION_HOSTS"]) as handle:
        assert handle.readline() == "[localhost]\n"


def test_a_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(os, "environ", {"SCIPION_USER_DATA": str(tmp_path / "file")})
    with pytest.raises(scipion.ScipionError, match="SCIPION_USER_DATA"):
        scipion.prepare_environment()


def test_checks_and_command_line_do_not_load_scipion():
    program = ("import sys, vrs.checks, vrs.cli, vrs.cli.validate, vrs.scipion\n"
               "assert not {'pyworkflow', 'pwem', 'tkinter'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", program], check=True)
