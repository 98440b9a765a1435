"""Archives: what they may hold, and what is refused before it does harm."""

from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from elmo_udf.models import archives, load_model
from tests.make_models import random_model
from tests.model_files import write_folder, write_tar, write_zip
from tests.refusals import refused

MODEL = random_model(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(MODEL, tmp_path_factory.mktemp("model"))


def tar_of(archive: Path, *members: tarfile.TarInfo, content: bytes = b"") -> str:
    with tarfile.open(archive, "w:gz") as file:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            file.addfile(member, io.BytesIO(content))
    return str(archive)


def zip_of(archive: Path, *names: str | zipfile.ZipInfo, content: bytes = b"") -> str:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return str(archive)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("below", ["", "193", "some/where/deep"])
@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", "-without-a-suffix"])
def test_content_may_be_in_one_folder(below: str, suffix: str, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / f"model{suffix}"
    if suffix == ".zip":
        write_zip(folder, archive, below)
    else:
        write_tar(folder, archive, below or ".", "w" if suffix == ".tar" else "w:bz2" if "bz2" in suffix else "w:gz")
    assert load_model(str(archive)).fingerprint() == MODEL.fingerprint()


def test_what_was_unpacked_is_removed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    archive = write_zip(folder, tmp_path / "model.zip")
    with archives.unpacked(archive, "handle") as unpacked:
        assert unpacked.parent == temporary
        assert sorted(path.name for path in unpacked.iterdir()) == ["options.json", "weights.hdf5"]
    with refused("leaves its folder"):
        load_model(zip_of(tmp_path / "bad.zip", "ok.txt", "../bad.txt"))
    assert not list(temporary.iterdir())
    assert not (temporary / "bad.txt").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..", "a/..", "C:/evil", "..\\evil", "\\evil"])
def test_paths_that_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with refused("path", "leaves its folder"):
        load_model(tar_of(tmp_path / "evil.tar.gz", member("good"), member(name)))
    if name != "..":  # zipfile would make it a name of its own
        with refused("path", "leaves its folder"):
            load_model(zip_of(tmp_path / "evil.zip", "good", name))
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "bad",
    [
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.SYMTYPE, "../.."),
        member("link", tarfile.LNKTYPE, "../../etc/passwd"),
        member("device", tarfile.CHRTYPE),
        member("device", tarfile.BLKTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_are_refused(bad: tarfile.TarInfo, tmp_path: Path) -> None:
    with refused(repr(bad.name), "link or a device", "plain files"):
        load_model(tar_of(tmp_path / "evil.tar.gz", member("good"), bad))


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with refused("'link'", "link or a device"):
        load_model(zip_of(tmp_path / "evil.zip", link, content=b"/etc/passwd"))


def test_more_than_the_limit_is_refused_before_it_is_written(tmp_path: Path) -> None:
    content = bytes(1_000_000)
    bombs = [
        zip_of(tmp_path / "bomb.zip", "a", "b", content=content),
        tar_of(tmp_path / "bomb.tar.gz", member("a"), member("b"), content=content),
    ]
    for bomb in bombs:
        assert Path(bomb).stat().st_size < 10_000
        with archives.unpacked(Path(bomb), "handle", max_bytes=2_000_000) as unpacked:
            assert len(list(unpacked.iterdir())) == 2
        with refused("'handle'", "more than 1999999 bytes"), archives.unpacked(Path(bomb), "handle", 1_999_999):
            pass


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    with refused("3 files"):
        load_model(zip_of(tmp_path / "many.zip", *"abcd"))


NOT_ARCHIVES = {
    "empty": b"",
    "text": b"hello",
    "noise": random.Random(1).randbytes(5000),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(3000),
}


@pytest.mark.parametrize("content", NOT_ARCHIVES.values(), ids=NOT_ARCHIVES)
def test_what_is_not_an_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(content)
    with refused("not an archive", "expected a .zip or .tar.gz"):
        load_model(str(tmp_path / "model.zip"))


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_damaged_archives_are_refused(kind: str, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / f"model.{kind}"
    (write_zip if kind == "zip" else write_tar)(folder, archive)
    content = bytearray(archive.read_bytes())
    if kind == "zip":
        content[len(content) // 2] ^= 255
    archive.write_bytes(content if kind == "zip" else content[: len(content) // 2])
    with refused("can't be unpacked", "fetch it again"):
        load_model(str(archive))


def test_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    archive = Path(zip_of(tmp_path / "model.zip", "options.json", content=b"{}"))
    content = bytearray(archive.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1  # says that it is encrypted
    archive.write_bytes(content)
    with refused("can't be unpacked", "password"):
        load_model(str(archive))


def test_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with refused("found a.txt, b.txt", "expected a saved_model.pb, or an options.json and one .hdf5"):
        load_model(zip_of(tmp_path / "model.zip", "a.txt", "b.txt"))
    with refused("found nothing"):
        load_model(zip_of(tmp_path / "empty.zip"))
