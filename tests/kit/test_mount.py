from pathlib import Path

import pytest

from shipway.kit.mount import MOUNTS, find_file_system, is_network

TABLE = """\
/dev/root / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
//share/my\\040data /home/me/my\\040data cifs rw 0 0
tmpfs /home/me/scratch tmpfs rw 0 0
overlay /over ext4 rw 0 0
host:/x /over fuse.sshfs rw 0 0
odd
"""


@pytest.mark.parametrize(
    ("folder", "kind", "network"),
    [
        ("/srv/shop", "ext4", False),
        ("/homes", "ext4", False),
        ("/home/me", "nfs4", True),
        ("/home/me/my data/shop", "cifs", True),
        ("/home/me/scratch", "tmpfs", False),
        ("/over/it", "fuse.sshfs", True),
    ],
)
def test_the_mount_nearest_to_a_folder_counts(folder, kind, network):
    assert find_file_system(Path(folder), TABLE) == kind
    assert is_network(kind) == network


def test_nothing_is_known_where_nothing_says_so():
    assert find_file_system(Path("/srv"), "") == ""
    assert not is_network("")


@pytest.mark.skipif(not MOUNTS.exists(), reason="this system does not say what is mounted")
def test_this_machine_says_on_what_its_folders_are():
    assert find_file_system(Path.cwd().resolve(), MOUNTS.read_text())
