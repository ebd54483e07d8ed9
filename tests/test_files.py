"""Files are written elsewhere, synced, and only then named; of two writers one wins; nothing waits for a pipe."""

import errno
import os

import pytest

from simcore import files


class Recorder:
    """The system, its calls noted: name, and what of."""

    def __init__(self, **instead):
        self.calls, self.instead, self.paths = [], instead, {}

    def __getattr__(self, name):
        def called(*arguments):
            result = self.instead.get(name, getattr(os, name))(*arguments)
            if name == "open":
                self.paths[result] = os.path.basename(arguments[0])
            of = self.paths.get(arguments[0], arguments[0])
            self.calls.append((name, os.path.basename(of)))
            return result

        return called


@pytest.fixture
def system(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(files, "system", recorder)
    return recorder


@pytest.fixture
def folder(tmp_path):
    for name in ("blocks", "temporary"):
        (tmp_path / name).mkdir()
    return tmp_path


def put(folder, data=b"data", how=files.put):
    return how(folder / "blocks" / "name", data, folder / "temporary")


@pytest.mark.parametrize("how, named", [(files.put, "link"), (files.replace, "replace")])
def test_a_file_is_synced_before_it_has_its_name_and_its_folder_after(folder, system, how, named):
    put(folder, how=how)
    draft = system.calls[0][1]
    before, after = system.calls[: (at := system.calls.index((named, draft)))], system.calls[at:]
    assert [name for name, of in before if of == draft] == ["open", "write", "fsync", "close"]
    assert [name for name, of in after if of == "blocks"] == ["open", "fsync", "close"]
    assert (folder / "blocks" / "name").read_bytes() == b"data" and not any((folder / "temporary").iterdir())


def test_the_first_of_two_writers_wins(folder):
    assert put(folder, b"one") and not put(folder, b"other")
    assert (folder / "blocks" / "name").read_bytes() == b"one" and not any((folder / "temporary").iterdir())
    put(folder, b"other", files.replace)
    assert (folder / "blocks" / "name").read_bytes() == b"other"


def test_a_system_that_writes_a_few_bytes_at_a_time(folder, system):
    system.instead["write"] = lambda descriptor, data: os.write(descriptor, data[:3])
    put(folder, b"0123456789")
    assert (folder / "blocks" / "name").read_bytes() == b"0123456789"


def failing(number):
    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_a_file_system_without_links(folder, system, number):
    system.instead["link"] = failing(number)
    assert put(folder) and (folder / "blocks" / "name").read_bytes() == b"data"
    assert not put(folder, b"other")
    assert (folder / "blocks" / "name").read_bytes() == b"data" and not any((folder / "temporary").iterdir())


def test_a_folder_that_cannot_be_synced_is_none_of_our_business_but_an_error_is(folder, system):
    def fsync(descriptor):
        if system.paths[descriptor] == "blocks":
            raise OSError(number, os.strerror(number))

    system.instead["fsync"] = fsync
    number = errno.EINVAL
    assert put(folder)
    number = errno.EIO
    with pytest.raises(OSError):
        files.remove(folder / "blocks" / "name")


def test_a_draft_that_another_process_clears_away_is_written_again(folder, system):
    def link(draft, path):
        if len([name for name, _ in system.calls if name == "write"]) < 30:  # as each of so many that finish may
            files.clear(folder / "temporary")
        os.link(draft, path)

    system.instead["link"] = link
    assert put(folder) and (folder / "blocks" / "name").read_bytes() == b"data"
    system.instead["link"] = failing(errno.ENOENT)
    with pytest.raises(FileNotFoundError):
        put(folder)


def test_nothing_waits_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(OSError):
            files.read(tmp_path / name)


def test_no_more_is_read_than_asked_for(folder, system):
    """Neither of a file that is longer nor of one that grows meanwhile."""
    put(folder, b"0123456789")
    path = folder / "blocks" / "name"
    assert files.read(path) == files.read(path, 10) == b"0123456789"
    system.calls.clear()
    with pytest.raises(OSError, match="longer than 9 bytes"):
        files.read(path, 9)
    assert not system.calls
    system.instead["read"] = lambda descriptor, size: b"more"
    with pytest.raises(OSError, match="longer than 10 bytes"):
        files.read(path, 10)


def test_a_file_that_is_moved_is_in_its_new_folder_for_good_before_it_leaves_the_old_one(folder, system):
    put(folder)
    system.calls.clear()
    files.move(folder / "blocks" / "name", folder / "temporary")
    order = [("link", "name"), ("fsync", "temporary"), ("unlink", "name"), ("fsync", "blocks")]
    assert [call for call in system.calls if call[0] in ("link", "fsync", "unlink")] == order


def test_moving_and_folders(folder):
    quarantine = folder / "quarantine" / "blocks"
    for number, name in enumerate(("name", "name.1", "name.2")):
        put(folder, bytes([number]))
        files.move(folder / "blocks" / "name", quarantine)
        assert (quarantine / name).read_bytes() == bytes([number])
    assert len([*quarantine.iterdir()]) == 3 and not any((folder / "blocks").iterdir())
    files.remove(folder / "blocks" / "name")
    assert files.names(folder / "blocks") == files.names(folder / "nowhere") == []
    with pytest.raises(FileExistsError):
        files.make_folder(folder / "quarantine" / "blocks" / "name")
