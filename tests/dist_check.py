"""Is what is published whole? Builds sdist and wheel, installs the wheel into an empty environment, and runs every command and the sdist's tests with it, away from the checkout.

    make dist-check                                    # or: python tests/dist_check.py [--here] [arguments for pytest]

--here takes the dependencies from the environment that runs this, instead of downloading them (--no-tests: build, install and run the commands only).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMANDS = """--version
predict --methods
predict DATA/celegans_neuromuscular.edges --method ch3_l3 --top 3 -o links.csv
convert DATA/karate.edges karate.graphml
study study.toml --jobs 2
measure DATA/davis_southern_women.edges
plot DATA/davis_southern_women.edges --figure degrees -o degrees.pdf
train --set samples=200 --hidden 40 --epochs 1 --out run
train --resume --out run
measure run -m degrees -o csv
plot run --figure evolution -o evolution.svg
report run -o report.html"""


def main() -> None:
    here, tests = "--here" in sys.argv, "--no-tests" not in sys.argv
    work = Path(tempfile.mkdtemp(prefix="netsnn ")).resolve()
    work.chmod(0o755)  # tests that lay down root's rights read the package too
    source, dist, bin = work / "source", work / "dist", work / "environment" / "bin"
    for name in subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    venv.create(work / "tools", with_pip=True)
    run(work / "tools/bin/pip", "install", "-q", "build")
    run(work / "tools/bin/python", "-m", "build", "-o", dist, source, quiet=True)
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")

    venv.create(work / "environment", with_pip=True)
    if here:
        path = sysconfig.get_path("purelib", vars={"base": str(work / "environment")})
        Path(path, "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
        run(bin / "pip", "install", "-q", "--no-deps", wheel)
    else:
        run(bin / "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[test,docs]" if tests else wheel)
        if tests:
            run(bin / "pip", "install", "-q", "-c", ROOT / "constraints.txt", "--no-deps", "spikingjelly")
    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    unpacked = work / sdist.name.removesuffix(".tar.gz")

    elsewhere = work / "some where"
    elsewhere.mkdir()
    shutil.copytree(unpacked / "data", elsewhere / "DATA")
    (elsewhere / "study.toml").write_text('networks = ["DATA/karate.edges"]\nmethods = ["l3"]\nrepeats = 2\n')
    for command in COMMANDS.splitlines():
        run(bin / "netsnn", *command.split(), cwd=elsewhere, quiet=True)
    if tests:
        (unpacked / "netsnn" / "__init__.py").unlink()  # no package any more: the installed one is tested
        chosen = [argument for argument in sys.argv[1:] if argument not in ("--here", "--no-tests")] or ["tests", "netsnn"]
        run(bin / "python", "-P", "-m", "pytest", "-q", "-n", "2", "--pyargs", *chosen, cwd=unpacked)
    print(f"Whole: {sdist.name} and {wheel.name}")
    shutil.rmtree(work)


def run(*command: object, quiet: bool = False, **options) -> None:
    print("+", *command, flush=True)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None, text=True,
                          env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **options)
    if done.returncode:
        sys.exit((done.stdout or "") + f"failed ({done.returncode}): {command[0]}")


if __name__ == "__main__":
    main()
