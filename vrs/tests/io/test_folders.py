import errno
import os

import pytest

from vrs.errors import InputError
from vrs.io import folders
from vrs.io.folders import check_output_folder


def test_output_folder_is_made_and_left_empty(tmp_path):
    path = tmp_path / "some" / "where"
    check_output_folder(path)
    assert os.listdir(str(path)) == []
    check_output_folder(path)


def test_file_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(InputError, match="file of that name"):
            check_output_folder(path)


def test_folder_that_is_not_writable(ordinary_user, open_folder):
    os.chmod(str(open_folder), 0o555)
    with ordinary_user():
        for path in (open_folder, open_folder / "sub"):
            with pytest.raises(InputError, match="permission to write"):
                check_output_folder(path)


@pytest.mark.parametrize("number, word", [
    (errno.ENOSPC, "no space left"), (errno.EDQUOT, "no space left"),
    (errno.EROFS, "permission to write"), (errno.EIO, "cannot be written to")])
def test_disk_that_fails(tmp_path, monkeypatch, number, word):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))
    monkeypatch.setattr(folders.os, "fsync", fail)
    with pytest.raises(InputError, match=word):
        check_output_folder(tmp_path)
    assert os.listdir(str(tmp_path)) == []
