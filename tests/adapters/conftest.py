"""Real child processes, to be killed, raced and starved, and a real small disk."""

import shutil
import subprocess
import sys

import pytest

MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'


@pytest.fixture
def spawn():
    """Start Python source as a child with arguments; its input and output are pipes of text."""
    children = []

    def start(source, *args, prefix=(), env=None):
        command = [*prefix, sys.executable, "-c", source, *map(str, args)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        children.append(child)
        return child

    yield start
    for child in children:
        with child:
            child.kill()


@pytest.fixture
def run(spawn):
    """Run Python source as a child to its end and return its lines of output; it must succeed."""

    def finish(source, *args, **options):
        child = spawn(source, *args, **options)
        output, _ = child.communicate()
        assert child.returncode == 0
        return output.splitlines()

    return finish


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder and the command prefix under which it is a file system of its own, of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("a small disk needs unshare, which this machine lacks")
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(folder)]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs user namespaces, which this machine forbids")
    return folder, prefix
