"""Build the distribution, look into it, install it into a bare environment, and try it there: `make wheel`."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZipFile

__all__ = ["build", "faults", "main"]

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = {
    "sojourn": ROOT / "core" / "sojourn",
    "sojourn_gateway": ROOT / "gateway" / "sojourn_gateway",
    "sojourn_instrumentors": ROOT / "instrumentors" / "sojourn_instrumentors",
}

_SMOKE: Final = """
import sys
import sojourn
loaded = [name for name in ("openai", "langchain_core", "fastapi", "chdb", "genai_prices") if name in sys.modules]
assert not loaded, f"importing sojourn loaded {loaded}"
session = sojourn.init(tags=["smoke"])
sojourn.record(sojourn.ActionEvent("smoke"))
assert session.end_session("Success") is not None
print("smoke: a session was recorded")
"""


def build(into: Path) -> tuple[Path, Path]:
    """Build sdist and wheel without a network; returns both files."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", into, ROOT], check=True, stdout=subprocess.DEVNULL
    )
    [sdist] = into.glob("*.tar.gz")
    [wheel] = into.glob("*.whl")
    return sdist, wheel


def faults(sdist: Path, wheel: Path) -> list[str]:
    """What is missing in the two files, or should not be there."""
    found: list[str] = []
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    tops = {PurePosixPath(name).parts[0] for name in held}
    strangers = {top for top in tops - set(PACKAGES) if not top.endswith(".dist-info")}
    found += [f"the wheel holds {top}" for top in sorted(strangers)]
    wanted = {f"{name}/{path}" for name, folder in PACKAGES.items() for path in _files(folder)}
    found += [f"the wheel lacks {path}" for path in sorted(wanted - held)]
    packaged = {name for name in held if PurePosixPath(name).parts[0] in PACKAGES}
    found += [f"the wheel holds {path}" for path in sorted(packaged - wanted)]
    with tarfile.open(sdist) as archive_of_sources:
        sources = {
            PurePosixPath(name).relative_to(PurePosixPath(name).parts[0]) for name in archive_of_sources.getnames()
        }
    found += [
        f"the sdist lacks {path}"
        for path in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")
        if PurePosixPath(path) not in sources
    ]
    return found


def _files(folder: Path) -> list[str]:
    """What a package is made of: code, types, templates, styles, scripts, migrations."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _try(wheel: Path, folder: Path) -> None:
    venv.create(folder / "bare", with_pip=True, clear=True)
    scripts = folder / "bare" / "bin"
    run_in = {"HOME": str(folder), "SOJOURN_HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"}
    subprocess.run([scripts / "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    subprocess.run([scripts / "python", "-W", "error", "-c", _SMOKE], check=True, env=run_in, cwd=folder)
    version = subprocess.run(
        [scripts / "sojourn", "--version"], check=True, env=run_in, cwd=folder, capture_output=True, text=True
    )
    print(f"sojourn --version: {version.stdout.strip()}")
    bare = subprocess.run([scripts / "sojourn"], check=False, env=run_in, cwd=folder, capture_output=True, text=True)
    said = bare.stdout + bare.stderr
    if "pip install" not in said or "sojourn[gateway]" not in said:
        raise SystemExit(f"`sojourn` alone does not say what to install, but: {said!r}")
    print(f"sojourn: {said.strip()}")


def main() -> int:
    """Build into dist/; returns the exit status."""
    into = ROOT / "dist"
    for old in (*into.glob("*.whl"), *into.glob("*.tar.gz")):
        old.unlink()
    sdist, wheel = build(into)
    if found := faults(sdist, wheel):
        print("\n".join(found), file=sys.stderr)
        return 1
    with TemporaryDirectory(prefix="sojourn-wheel-") as folder:
        _try(wheel, Path(folder))
    print(f"built {wheel.relative_to(ROOT)} and {sdist.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
