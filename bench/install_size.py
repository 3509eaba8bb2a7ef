"""Print what shipway weighs once installed: base, base + serve (a prediction container), and the whole demo.

Each is installed into an environment of its own, from this checkout and the package index pip is configured for.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = {"base": "", "base + serve": "[serve]", "demo": "[demo]"}
TOOLS = ("pip", "setuptools", "_distutils_hack", "pkg_resources")


def main() -> int:
    """Install each kind and print megabytes (10^6 bytes), packages, and the largest of them."""
    print(f"{'installed':<14}{'MB':>7}{'packages':>10}   largest, MB")
    for kind, extra in KINDS.items():
        with tempfile.TemporaryDirectory(prefix="shipway-size-") as scratch:
            venv.create(scratch, with_pip=True)
            python = Path(scratch) / "bin" / "python"
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{ROOT}{extra}"],
                check=True,
                stderr=subprocess.DEVNULL,
            )
            site = next(Path(scratch).glob("lib/python*/site-packages"))
            sizes = {
                entry.name: size_mb(entry) for entry in site.iterdir() if not entry.name.startswith((*TOOLS, "__"))
            }
            packages = sum(name.endswith(".dist-info") for name in sizes)
            largest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
            said = ", ".join(f"{name.removesuffix('.libs')} {size:.0f}" for name, size in largest)
            print(f"{kind:<14}{sum(sizes.values()):>7.0f}{packages:>10}   {said}", flush=True)
    return 0


def size_mb(path: Path) -> float:
    """Return the size of a file or of everything below a folder, in 10^6 bytes, without compiled bytecode."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    sys.exit(main())
