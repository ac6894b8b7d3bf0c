"""Every command with wrong values, bad files, outputs that cannot be written, closed pipes and signals: the right exit code, one line, nothing half-written.

What needs no process of its own is called here; a process costs half a second before it has done anything.
"""

import ctypes
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import netsnn as ns
from netsnn.cli import main
from netsnn.io import atomic

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data"
HUGE = "9" * 26
TRAIN = "train --out new --hidden 5 --epochs 1 --batch 10 --set samples=20 --set test_samples=10"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with good and bad files; nothing in it may change."""
    folder = tmp_path_factory.mktemp("abuse")
    layer = ns.wiring.erdos_renyi(10, 15, density=0.2, seed=0)
    ns.write(layer, folder / "layer.npz")
    ns.write(layer.to_graph(), folder / "graph.edges")
    for name in ("pairs.csv", "drawn.svg"):
        (folder / name).write_text("0,1\n1,0\n")
    ns.write(ns.Network([layer, ns.wiring.erdos_renyi(15, 4, density=0.3, seed=1)]), folder / "net.npz")
    for ending in ("npz", "edges", "toml", "mat"):
        (folder / f"empty.{ending}").touch()
        (folder / f"junk.{ending}").write_bytes(random.Random(0).randbytes(300))
    (folder / "folder.npz").mkdir()
    (folder / "folder" / "history").mkdir(parents=True)
    shutil.copytree(DATA / "run", folder / "run" / "history", ignore=shutil.ignore_patterns("cache"))
    (folder / "run" / "history" / "old.csv").touch()
    (folder / "study.toml").write_text('networks = ["graph.edges"]\nmethods = ["l3"]\nrepeats = 1\n')
    return folder


@pytest.fixture
def call(place, monkeypatch, capfd):
    """The exit code and standard error of a command whose standard output stays empty and that changes nothing."""
    monkeypatch.chdir(place)

    def call(words):
        words, before = words.split() if isinstance(words, str) else words, state(place)
        try:
            code = main(words)
        except SystemExit as stop:  # argparse's way
            code = stop.code
        out, err = capfd.readouterr()
        assert not out and state(place) == before
        return code, err

    return call


def state(folder):
    return {path: path.is_file() and path.stat().st_mtime_ns for path in folder.rglob("*")}


def one_line(found, code, *messages):
    assert found[0] == code and found[1].startswith("netsnn: error: ") and found[1].count("\n") == 1, found
    assert any(message in found[1] for message in messages or [""]), found


# ---- wrong values -----------------------------------------------------------------------------


WRONG = {
    "predict graph.edges --top={}": "nan inf -1 x 1.5 true",
    "predict graph.edges --seed={}": "nan inf -1 x 1.5 true",
    "predict graph.edges -m {}": "nope C-N cn,l3 -1",
    "predict graph.edges -m katz --option {}": f"beta=nan beta=inf beta=-1 beta=0 beta=x beta= beta =1 beta=1e309 beta=1e300 beta={HUGE} beta=0.1=3 "
                                               f"length=nan length=inf length=0 length=-1 length=1.5 length=1e300 length={HUGE} nope=1 k=3 seed=1 sample=1 graph=1 method=1",
    "predict graph.edges -m spm --option {}": "fraction=nan fraction=0 fraction=1 fraction=-inf repeats=nan repeats=0 repeats=inf repeats=1.5 repeats=1e300",
    "predict graph.edges -m lp --option {}": "eps=nan eps=inf eps=0 eps=-1",
    "predict layer.npz --kind {}": "nope network",
    "predict layer.npz --format {}": "nope NPZ",
    "measure layer.npz --nulls={}": f"nan -1 1 x 1.5 {HUGE} 99999999999999",
    "measure layer.npz --nulls 2 --seed={}": "nan -1 x 1.5",
    "predict graph.edges -o {}": "graph.edges ./graph.edges",
    "measure layer.npz -m {}": "nope , degrees, Degrees all,degrees",
    "measure layer.npz -o {}": "xml CSV",
    "measure layer.npz {}": "--nope extra",
    "plot layer.npz -o new.svg -f {}": "nope evolution ages barcode receptive-field view",
    "plot run -f degrees -o new.svg --snapshot={}": f"nan -14 13 x {HUGE}",
    "plot run -f degrees -o new.svg --layer={}": f"nope 3 -4 1.5 {HUGE}",
    "plot layer.npz -f layer -o new.svg --order={}": "nope 3 Degree",
    "plot run -f receptive-field -o new.svg --image={}": f"nan x 28 0x0 -1x-1 28x29 2.5x3 {HUGE}x{HUGE}",
    "plot layer.npz -f degrees -o {}": "new.xyz new.html",
    "plot run -o new.svg --layer=0 -f {}": "evolution hubs persistence",
    "plot run -o new.svg --snapshot=0 -f {}": "evolution alluvial",
    "plot layer.npz -f degrees -o new.svg {}": "--layer=0 --snapshot=0 --order=degree --image=3x3",
    "report run -o {}": "new.pdf new",
    "plot graph.edges -o new.svg -f {}": "degrees hubs",
    "convert layer.npz {}": "new new.xls -",
    "convert layer.npz new.npz --from {}": "nope npZ",
    "convert layer.npz new.npz --kind {}": "nope",
    "study study.toml --jobs={}": "nan 0 -1 x 1.5",
    "study study.toml --out={}": "-",
    "train --epochs 1 --out={}": "-",
    "measure pairs.csv --kind layer -o {}": "pairs.csv ./pairs.csv folder/../pairs.csv x.xlsx x",
    "measure run -m hubs -o {}": "run/history/old.csv",
    "measure run -m hubs {}": "--simplify --kind=layer --format=npz",
    "plot run -f degrees -o new.svg {}": "--simplify --kind=layer --format=npz",
    "plot drawn.svg --format edges --kind layer -f degrees -o {}": "drawn.svg",
    "convert graph.edges --simplify {}": "graph.edges ./graph.edges",
    "report run {}": "--nope extra",
    TRAIN + " --epochs={}": "nan inf -1 0 x 1.5 true",
    TRAIN + " --steps={}": "nan -1 0 x 1.5",
    TRAIN + " --batch={}": "nan -1 0 x 1e9",
    TRAIN + " --seed={}": f"nan -1 x {HUGE}",
    TRAIN + " --hidden={}": f"nan -1 0 x 1.5 5, {HUGE}",
    TRAIN + " --lr={}": f"nan inf -1 x 1e300 1{'0' * 400}",
    TRAIN + " --sparsity={}": "nan inf -1 1 x 99 1e300",
    TRAIN + " --data={}": "nope ../x -1 [1]",
    TRAIN + " --model={}": "nope 4fc 2conv2fc",
    TRAIN + " --method={}": "nope ch_snnn",
    TRAIN + " --encoding={}": "nope",
    TRAIN + " --compute={}": "nope",
    TRAIN + " --set {}": f"x =1 nope=1 out=3 resume=true tell=1 progress=1 config=1 samples=-1 samples=nan samples={HUGE} test_samples=99999 validation=1 validation=nan weight_decay=-1 "
                         "momentum=2 warmup=-1 clip=nan clip=1e400 calibration=0 snapshots=2 schedule=5 optimizer=nope hidden=[[1]] hidden={a=1} neuron=1 neuron.tau=nan neuron.tau=0.5 "
                         "neuron.tau=x neuron.nope=1 neuron.threshold=1e300 neuron.reset=nope options.zeta=nan options.zeta=2 options.zeta=x options.nope=1 "
                         "options.growth=5 options.removal=nope a.b=1 lr=1979-05-27 seed=true",
}


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_value_is_code_2_and_one_line_and_nothing_is_written(command, call):
    for value in WRONG[command].split():
        one_line(call(command.format(value)), 2)


@pytest.mark.parametrize("words", ["", "nope", "predict", "convert a", "plot layer.npz -f degrees", "plot layer.npz -o new.svg", "train", "study", "measure", "report", "train --out",
                                   "predict graph.edges --top", "--nope"])
def test_a_command_that_cannot_be_parsed_says_where_help_is(words, call):
    one_line(call(words), 2, "--help` explains")


def test_an_empty_name_is_no_name(call):
    one_line(call(["train", "--out", ""]), 2, "--out must name a folder")
    for words in (["measure", ""], ["report", ""], ["plot", "", "-f", "degrees", "-o", "new.svg"], ["study", ""], ["predict", "graph.edges", "-o", ""]):
        one_line(call(words), 1)


STUDIES = {
    "": "needs at least one network", "networks = ": "no TOML", "[[[[": "no TOML", "nope = 1": "unknown key 'nope'", 'networks = ["nope.edges"]': "No such file", 'networks = ["folder"]': "no network files",
    'networks = ["junk.edges"]': "not a text file", 'networks = ["net.npz"]': "several layers", "networks = 5": "must be a list of texts", 'methods = ["nope"]': "no method 'nope'",
    "fraction = nan": "fraction must be a number", "fraction = 2": "fraction must lie", "fraction = 'x'": "must be a number", "repeats = 0": "at least 1", "repeats = 1.5": "whole number",
    "repeats = true": "whole number", "seed = -1": "at least 0", "node_k = 0": "at least 1", "removal = 'nope'": "removal must be one of", "negatives = 3": "must be a text",
    "metrics = ['nope']": "no metric", "out = 3": "out must be a text", "method = 3": "must be tables", "network = 3": "must be tables", "[network.nope]": "has no path",
    "[network.graph]\npath = 3": "must be a text", "[network.graph]\npath = 'nope.edges'": "No such file", "[network.graph]\nnope = 3": "unknown key", "[network.graph]\ntest = ['nope']": "nope",
    "[method.a]\nmethod = 'nope'": "no method", "[method.a]\nmethod = 'katz'\nnope = 1": "no option 'nope'"}


@pytest.mark.parametrize("text", STUDIES)
def test_a_wrong_study_file_is_named_with_what_is_wrong_in_it(text, place, monkeypatch, capfd):
    monkeypatch.chdir(place)
    own = '\n'.join(line for line in ('networks = ["graph.edges"]', 'methods = ["l3"]') if line.split()[0] not in text) if text not in ("", "[[[[") else ""
    file = place.parent / "wrong.toml"
    for name in place.iterdir():
        if not (place.parent / name.name).exists():
            (place.parent / name.name).symlink_to(name)
    file.write_text(own + "\n" + text + "\n")
    code = main(["study", str(file)])
    one_line((code, capfd.readouterr().err), 1, STUDIES[text])
    assert not file.with_suffix("").exists()


# ---- files that cannot be read ----------------------------------------------------------------


READERS = {"predict {}": "npz edges mat", "predict {} --format edges": "npz", "convert {} new.mtx": "npz edges mat", "measure {}": "npz edges mat", "plot {} -f degrees -o new.svg": "npz edges mat",
           "report {}": "npz", "study {}": "toml npz", "train --out new --config {}": "npz"}


@pytest.mark.parametrize("command", READERS)
def test_a_file_that_cannot_be_read_is_code_1_and_one_line(command, call):
    for ending in READERS[command].split():
        for name in (f"nope.{ending}", f"layer.npz/x.{ending}", f"junk.{ending}", "folder.npz", f"{'x' * 300}.{ending}", *([f"empty.{ending}"] if "config" not in command else [])):
            one_line(call(command.format(name)), 1, name, name.split("/")[0])


@pytest.mark.parametrize(("command", "message"), [
    ("measure folder", "folder: no recorded run in this folder"), ("report folder", "folder: no recorded run in this folder"), ("report nope", "nope: No such file or directory"),
    ("plot folder -f degrees -o new.svg", "folder: no recorded run in this folder"), ("report layer.npz", "layer.npz: not a folder, so not a recorded run"),
    ("train --out new --data mnist --folder nope", "no such folder"), ("train --out new --data mnist --folder folder", "no train-images"), ("train --out new --data cifar-10 --folder layer.npz", "no such folder"),
    ("train --out folder --resume", "config.toml: No such file or directory"), ("train --out folder", "folder already holds history: choose another folder"),
])
def test_a_folder_that_is_no_run_and_no_data_set_is_named(command, message, call):
    one_line(call(command), 1, message)


# ---- outputs that cannot be written -----------------------------------------------------------


WRITERS = ["predict graph.edges -o {}", "convert layer.npz {} --to edges", "plot layer.npz -f degrees -o {}", "plot layer.npz -f view -o {}.html", "report run -o {}", "measure layer.npz -m hubs -o {}.csv"]


@pytest.mark.parametrize("command", WRITERS)
def test_an_output_that_cannot_be_written_is_known_before_the_work(command, call):
    for name, message in (("nope/new.svg", "No such file or directory"), ("layer.npz/new.svg", "directory"), ("folder", "Is a directory")):
        if not (name == "folder" and "{}." in command):
            begin = time.process_time()
            one_line(call(command.format(name)), 1, message)
            assert "report" not in command or time.process_time() - begin < 0.5  # drawing takes seconds
    if "{}." not in command and "report" not in command:
        one_line(call(command.format("/proc/new.svg")), 1, "No such file or directory", "Permission denied")  # root, others
        one_line(call(command.format("/dev/full")), 1, "/dev/full: No space left on device")
        one_line(call(command.format("x" * 300 + ".svg")), 1, "File name too long")


@pytest.mark.parametrize(("out", "message"), [("layer.npz", "Not a directory"), ("layer.npz/new", "Not a directory"), ("/dev/null", "Not a directory"), ("/proc/new", "No such file or directory"),
                                              ("x" * 300, "File name too long")])
@pytest.mark.parametrize("command", [TRAIN.replace("new", "{}"), TRAIN.replace("new", "{}") + " --resume", "study study.toml -o {}"])
def test_a_folder_that_cannot_be_made_is_named(command, out, message, call):
    one_line(call(command.format(out)), 1, message, "File exists")


def powerless():
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: what lets root pass
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: from the next exec on


def test_without_permission_nothing_is_read_or_written(place, tmp_path):
    """As a process of its own, which even as root has no right to pass."""
    for name in ("layer.npz", "graph.edges", "study.toml"):
        shutil.copy(place / name, tmp_path / name)
        shutil.copy(place / name, tmp_path / f"closed.{name}")
        (tmp_path / f"closed.{name}").chmod(0)
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "old.csv").chmod(0o444)
    (tmp_path / "bolted").mkdir()
    commands = [f"{words} closed.{name}{more}" for words, name, more in (
        ("predict", "graph.edges", ""), ("measure", "layer.npz", ""), ("convert", "layer.npz", " new.mtx"), ("plot", "layer.npz", " -f degrees -o new.svg"), ("study", "study.toml", ""),
        ("train --out new --config", "study.toml", ""))]
    commands += [words.format("bolted/new.svg") for words in (*WRITERS[:4], "study study.toml -o {}")] + [f"{WRITERS[0].format('old.csv')}", "report run", "measure bolted/run", "report bolted"]
    shutil.copytree(place / "run", tmp_path / "bolted" / "run")
    for closed in (tmp_path / "bolted", tmp_path / "run"):
        closed.chmod(0o555 if closed.name == "run" else 0o500)
    (tmp_path / "bolted" / "run").chmod(0)
    code = "import sys\nfrom netsnn.cli import main\nfor line in sys.stdin:\n    print(main(line.split()), flush=True)\n    print('---', file=sys.stderr, flush=True)"
    done = subprocess.run([sys.executable, "-c", code], input="\n".join(commands), capture_output=True, text=True, preexec_fn=powerless, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    for path in (tmp_path / "bolted", tmp_path / "run", tmp_path / "bolted" / "run"):
        path.chmod(0o755)
    said = done.stderr.split("---\n")
    assert done.stdout.split() == ["1"] * len(commands), list(zip(done.stdout.split(), commands, said))
    for command, text in zip(commands, said):
        assert text.count("\n") == 1 and ("Permission denied" in text or "no recorded run" in text and command == "report bolted"), (command, text)
    assert sorted(os.listdir(tmp_path / "bolted")) == ["run"] and (tmp_path / "old.csv").read_text() == "old" and not list(tmp_path.rglob(".netsnn-*")) and not list(tmp_path.glob("new*"))


@pytest.mark.parametrize("name", ["open", "fsync", "chmod", "replace"])
def test_interrupted_at_any_call_a_file_is_the_old_or_the_new_one(name, tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    for before in (True, False):
        target.write_text("old")
        real = getattr(os, name)

        def stop(*arguments, **named):
            found = None if before else real(*arguments, **named)
            monkeypatch.undo()
            if isinstance(found, int) and name == "open":
                os.close(found)
            raise KeyboardInterrupt

        monkeypatch.setattr(os, name, stop)
        with pytest.raises(KeyboardInterrupt):
            atomic.write_bytes(b"new", target)
        assert target.read_text() == ("old" if name != "replace" or before else "new") and os.listdir(tmp_path) == ["a.txt"]


def test_what_is_too_large_for_the_memory_is_said_in_one_line(place):
    """A process of its own, which may have 6 GB."""
    done = subprocess.run([sys.executable, "-m", "netsnn.cli", *TRAIN.replace("--hidden 5", "--hidden 1000000000").split()], capture_output=True, text=True, cwd=place,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)))
    assert done.returncode == 1 and re.fullmatch(r"netsnn: error: new: fc1 takes 1 dense array of 784 x 1000000000 numbers, .* GB\n", done.stderr) and not (place / "new").exists()


# ---- closed streams and signals, in processes of their own ------------------------------------


PYTHON = f"'{sys.executable}' -m netsnn.cli"
STREAMS = {  # a line of bash: the exit code of the command, standard output, standard error
    f"{PYTHON} convert graph.edges - --to edges | head -1; echo ${{PIPESTATUS[0]}}": (0, None, ""),
    f"{PYTHON} --help | true; echo ${{PIPESTATUS[0]}}": (0, None, ""),
    f"{PYTHON} predict --methods | true; echo ${{PIPESTATUS[0]}}": (0, None, ""),
    f"{PYTHON} convert graph.edges - --to edges >&-": (1, "", "netsnn: error: standard output is closed\n"),
    f"{PYTHON} convert graph.edges {{}} >&-": (0, "", "Graph(25 nodes, 30 links) -> {}\n"),
    f"{PYTHON} --version >&-": (1, "", "netsnn: error: standard output is closed\n"),
    f"{PYTHON} --version >/dev/full": (1, "", "netsnn: error: No space left on device\n"),
    f"{PYTHON} --help >/dev/full": (1, "", "netsnn: error: No space left on device\n"),
    f"{PYTHON} measure layer.npz -m degrees >/dev/full": (1, "", "netsnn: error: No space left on device\n"),
    f"{PYTHON} convert - - --from edges --to edges <&-": (1, "", "netsnn: error: standard input: Bad file descriptor\n"),
    f"{PYTHON} convert nope.edges new.npz 2>&-": (1, "", ""),
    f"{PYTHON} convert graph.edges {{}} 2>&-": (0, "", ""),
    f"{PYTHON} convert graph.edges {{}} <&- >&- 2>&-": (0, "", ""),
    f"{PYTHON} convert nope.edges new.npz 2>/dev/full": (1, "", ""),
}


def test_closed_pipes_and_streams_are_quiet_or_one_line(place, tmp_path):
    graph = ns.read(place / "graph.edges")
    text = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    lines = [line.format(tmp_path / f"{i}.npz") if "{}" in line else line for i, line in enumerate(STREAMS)]
    found = [None] * len(lines)
    for first in range(0, len(lines), 4):
        begun = [(i, subprocess.Popen(["bash", "-c", lines[i]], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}))
                 for i in range(first, min(first + 4, len(lines)))]
        for i, process in begun:
            out, err = process.communicate(timeout=120)
            found[i] = process.returncode, out, err
    for i, (line, (code, out, err)) in enumerate(STREAMS.items()):
        if out is None:
            assert found[i][0] == 0 and found[i][1].split()[-1] in ("0", "1") and found[i][2] == err, (line, found[i])
        else:
            assert found[i] == (code, out, err.format(tmp_path / f"{i}.npz").replace("Graph(25 nodes, 30 links)", repr(graph))), (line, found[i])
        if "{}" in line:
            assert ns.read(tmp_path / f"{i}.npz") == graph
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == text


def start(words, **options):
    process = subprocess.Popen([sys.executable, "-m", "netsnn.cli", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)  # ignored, if the tests run in the background
    while process.poll() is None and not caught(process.pid):  # until then Ctrl-C is Python's own
        time.sleep(0.002)
    return process


def caught(pid):
    """Whether the process has a handler for SIGTERM, and so is ours."""
    try:
        line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return True
    return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def interrupted(words, target, number, after, expected=""):
    process = start(words)
    time.sleep(after)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, 128 + number), (process.returncode, err)
    if process.returncode:
        assert err.startswith("netsnn: interrupted") and err.count("\n") == 1 and expected in err, err
    else:
        assert "Traceback" not in err
    assert not list(target.parent.rglob(".netsnn-*"))
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_at_a_random_moment_a_command_leaves_nothing_half_written(number, tmp_path):
    rng, codes = random.Random(number), []
    for i in range(4):
        target = tmp_path / str(i) / "links.csv"
        target.parent.mkdir()
        codes.append(interrupted(["predict", DATA / "karate.edges", "-m", "ch3_l3", "-o", target], target, number, rng.random() * 1.2))
        assert target.read_text().count("\n") == 21 if codes[-1] == 0 else not target.exists() or target.read_text().count("\n") == 21
    assert 128 + number in codes


def test_an_interrupt_that_python_swallows_comes_again(tmp_path):
    script = """
        import os, signal, sys, time
        from netsnn import cli
        class Fleeting:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)  # what a handler raises here is not passed on
                time.sleep(0.01)
        def run(_):
            Fleeting()
            time.sleep(20)
            print("not interrupted")
        cli.report.run = run
        sys.argv = ["netsnn", "report", "x"]
        sys.exit(cli.main())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, cwd=ROOT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "netsnn: interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["train", "study", "plot", "report", "measure"])
def test_interrupted_at_random_moments_long_commands_go_on_or_begin_anew(name, number, tmp_path):
    words = {"train": ["train", "--resume", "--out", tmp_path / "out" / "run", *"--hidden 20 --sparsity 0.9 --steps 2 --batch 40 --epochs 30 --set samples=120 --set test_samples=60".split()],
             "study": ["study", tmp_path / "study.toml", "--jobs", "2", "--out", tmp_path / "out" / "study"],
             "plot": ["plot", DATA / "run", "-f", "evolution", "-o", tmp_path / "out" / "evolution.pdf"], "report": ["report", DATA / "run", "-o", tmp_path / "out" / "report.html"],
             "measure": ["measure", DATA / "run", "-m", "degrees,modularity"]}[name]
    (tmp_path / "out").mkdir()
    (tmp_path / "study.toml").write_text(f'networks = ["{DATA}/karate.edges", "{DATA}/davis_southern_women.edges"]\nmethods = ["l3", "spm"]\nmetrics = ["precision"]\nrepeats = 10\n')
    begin = time.perf_counter()
    whole = subprocess.run([sys.executable, "-m", "netsnn.cli", *map(str, words)], capture_output=True, text=True, cwd=ROOT)
    lasts = time.perf_counter() - begin
    content = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "out").rglob("*.csv")}
    rng, codes = random.Random(number), []
    for i in range(6):
        if i in (0, 3):
            shutil.rmtree(tmp_path / "out")
            (tmp_path / "out").mkdir()
        codes.append(interrupted(words, tmp_path / "out" / "x", number, rng.random() * lasts))
    assert 128 + number in codes
    done = subprocess.run([sys.executable, "-m", "netsnn.cli", *map(str, words)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.splitlines()[-1:] == whole.stdout.splitlines()[-1:]
    assert {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "out").rglob("*.csv")} == content
