"""Protocols that run in a fork of the process that launches them."""

import os
import sqlite3
import sys

from vrs.tests.protocols import maps

_CHANGING = ("initTime", "endTime", "lastUpdateTimeStamp", "_cpuTime", "_pid")


def _stored(path, protocol):
    """What a database has of a run, without numbers of objects and without times."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, classname, value, label, comment FROM Objects "
                                  "WHERE id >= ? ORDER BY id", [protocol.getObjId()]).fetchall()
    folder = os.path.basename(protocol.getWorkingDir())
    named = [(name.rpartition(".")[2], kind, (value or "").replace(folder, "folder"), *others)
             for name, kind, value, *others in rows]
    return [row for row in named if row[0] not in _CHANGING]


def test_a_fork_leaves_what_a_process_of_scipion_leaves(session_project, map_path, monkeypatch,
                                                        tmp_path):
    import pyworkflow.protocol
    from pwem.protocols import ProtImportVolumes

    from vrs.protocols.launch import run_to_end
    monkeypatch.chdir(session_project.path)
    # Other tests have Scipion run protocols in their process.
    monkeypatch.setattr(pyworkflow.protocol, "launch",
                        sys.modules["pyworkflow.protocol.launch"].launch)
    stored, files, log = [], [], tmp_path / "process"
    for at_fork in None, lambda: log.write_text("PID: %d" % os.getpid()):
        protocol = session_project.newProtocol(ProtImportVolumes, filesPath=str(map_path),
                                               samplingRate=maps.SAMPLING)
        protocol.setObjLabel("import")
        run_to_end(session_project, protocol, at_fork=at_fork)
        assert protocol.isFinished() and protocol.outputVolume.getDim() is not None
        stored.append([_stored(path, protocol) for path in (
            session_project.getDbPath(), protocol.getDbPath())])
        files.append(sorted(name for _, _, names in os.walk(protocol.getWorkingDir())
                            for name in names))
    assert stored[0] == stored[1] and files[0] == files[1]
    with open(protocol.getStdoutLog()) as handle:
        assert log.read_text() in handle.read()
    assert log.read_text() != "PID: %d" % os.getpid()
