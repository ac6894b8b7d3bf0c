import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from netsnn.cli import main
from netsnn.cli.train import EPILOG
from netsnn.evolve import RECIPES
from netsnn.history import History
from netsnn.snn import MODELS, read_config, train
from netsnn.snn.config import COMPUTES, ENCODINGS, OPTIMIZERS, SCHEDULES, Config
from netsnn.snn.data import DATASETS
from tests.snn.runs import SMALL, everything

torch.set_num_threads(1)
ROOT = Path(__file__).parent.parent.parent
WORDS = ["--hidden", "30", "--sparsity", "0.9", "--steps", "3", "--batch", "40", "--epochs", "3", "--seed", "5",
         "--set", "samples=120", "--set", "test_samples=60", "--set", "calibration=50"]
"""The settings of SMALL."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run; not to be changed."""
    folder = tmp_path_factory.mktemp("command") / "run"
    assert main(["train", "--out", str(folder), *WORDS, "-q"]) == 0
    return folder


def start(*words):
    return subprocess.Popen([sys.executable, "-m", "netsnn.cli", "train", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                            env={**os.environ, "OMP_NUM_THREADS": "1"},  # as here
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # ignored, if the tests run in the background


def test_the_command_says_an_epoch_a_line_and_where_the_results_lie(tmp_path, capsys):
    assert main(["train", "-o", str(tmp_path / "run"), *WORDS]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert not err and len(lines) == 4
    for i, line in enumerate(lines[:3], 1):
        assert re.fullmatch(rf"epoch {i}/3  loss \d\.\d{{4}}  accuracy \d+\.\d\d%  sparsity 90\.00%  ANP \d+\.\d%  firing rate 0\.\d{{3}}", line)
    accuracy = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))[-1]["accuracy"]
    assert lines[3] == (f"accuracy {float(accuracy):.2%} after 3 epochs; {tmp_path}/run: config.toml, log.csv, checkpoint.pt, history/ (netsnn report {tmp_path}/run)")


def test_the_command_does_what_the_function_does(whole, tmp_path):
    train(out=tmp_path / "run", **SMALL)
    assert everything(tmp_path / "run") == everything(whole)


def test_the_settings_file_of_a_run_repeats_it_and_single_settings_replace_its_own(whole, tmp_path, capsys):
    assert main(["train", "--config", str(whole / "config.toml"), "--out", str(tmp_path / "again"), "--quiet"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert everything(tmp_path / "again") == everything(whole)
    assert main(["train", "--config", str(whole / "config.toml"), "--out", str(tmp_path / "other"), "--method", "deep-r", "--epochs", "1", "--set", "options.l1=1e-4",
                 "--set", "neuron.reset=none", "--set", "neuron.tau=3.0", "--set", "data=digits"]) == 0
    assert read_config(tmp_path / "other" / "config.toml") == Config(**{**SMALL, "method": "deep_r", "epochs": 1, "options": {"l1": 1e-4}, "neuron": {"reset": None, "tau": 3.0}})
    assert "# netsnn " in (tmp_path / "other" / "config.toml").read_text().splitlines()[0]


def test_options_are_lists_and_tables_as_well(tmp_path):
    words = ["--method", "pq", "--set", "options.pq={p=0.25}", "--set", "options.exponent=[1, 3]", "--set", "options.scope=neuron", "--set", "epochs=1", "--set", "hidden=[20]"]
    assert main(["train", "--out", str(tmp_path / "run"), *WORDS[2:], *words]) == 0
    config = read_config(tmp_path / "run" / "config.toml")
    assert config.options == {"pq": {"p": 0.25}, "exponent": (1, 3), "scope": "neuron"} and config.hidden == (20,)
    assert main(["train", "--out", str(tmp_path / "run"), "--resume", "--set", "options.scope=neuron"]) == 0  # one of the run's own options


def test_killed_the_command_goes_on_to_the_same_bits(whole, tmp_path):
    out = tmp_path / "run"
    with start("--out", out, *WORDS) as process:
        assert process.stdout.readline().startswith("epoch 1/3")
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with start("--out", out, "--resume") as process:
        assert process.stdout.read().splitlines()[-1].startswith("accuracy") and not process.stderr.read()
    assert process.returncode == 0 and everything(out) == everything(whole)


def test_interrupted_the_command_says_how_to_go_on(whole, tmp_path, capsys):
    out = tmp_path / "my run"
    with start("--out", out, *WORDS, "--epochs", "1000") as process:
        assert process.stdout.readline().startswith("epoch    1/1000")
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert process.returncode == 130 and error == f"netsnn: interrupted; every finished epoch is kept, go on with: netsnn train --out '{out}' --resume\n"
    done = len((out / "log.csv").read_text().splitlines()) - 1
    with start("--out", out, "--resume") as process:
        assert process.stdout.readline().startswith(f"epoch {done + 1:>4}/1000")
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == error


def test_interrupted_before_anything_was_done_nothing_is_promised(tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("netsnn.snn.training._data", stop)
    assert main(["train", "--out", str(tmp_path / "run"), *WORDS]) == 130
    assert capsys.readouterr().err == "netsnn: interrupted\n" and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "code", "message"), [
    ("--out RUN", 1, "RUN already holds a run: resume it, or choose another folder"),
    ("--out RUN --resume --epochs 9", 1, "RUN: the run began with epochs = 3, not 9; a run goes on as it began"),
    ("--out NEW --resume", 1, "NEW/config.toml: No such file or directory"), ("--out NEW --config NEW.toml", 1, "NEW.toml: No such file or directory"),
    ("--out RUN/log.csv", 1, "RUN/log.csv: Not a directory"),
    ("--out NEW --hidden ten", 2, "hidden must be a whole number of at least 1, got 'ten'"), ("--out NEW --hidden 10,", 2, "hidden must be a whole number of at least 1, got ''"),
    ("--out NEW --hidden -5", 2, "hidden must be a whole number of at least 1, got -5"), ("--out NEW --epochs ten", 2, "epochs must be a whole number of at least 1, got 'ten'"),
    ("--out NEW --epochs 2.5", 2, "epochs must be a whole number of at least 1, got 2.5"), ("--out NEW --lr -0.1", 2, "lr must be at least 0, got -0.1"),
    ("--out NEW --sparsity x", 2, "sparsity must be a number, got 'x'"), ("--out NEW --sparsity 99%", 2, "sparsity must be a number, got '99%'"),
    ("--out NEW --sparsity 99", 2, "sparsity must lie in [0, 1), got 99"), ("--out NEW --seed -1", 2, "seed must be a whole number of at least 0, got -1"),
    ("--out NEW --method chs-nn", 2, "no method 'chs_nn', did you mean 'ch_snn'?; choices: ch_snn"), ("--out NEW --data mnits", 2, "no data 'mnits', did you mean 'mnist'?"),
    ("--out NEW --data mnist", 1, "mnist: no folder given; it needs"), ("--out NEW --model 4fc", 2, "no model '4fc', did you mean"),
    ("--out NEW --set clip", 2, "--set takes NAME=VALUE, got 'clip'"), ("--out NEW --set clop=1", 2, "no setting 'clop', did you mean 'clip'?"),
    ("--out NEW --set lif.tau=1", 2, "--set lif.tau: tables are neuron and options"), ("--out NEW --set neuron.tua=1", 2, "no option neuron.tua; options: tau, threshold"),
    ("--out NEW --set options.zeta=lots", 2, "zeta must be a number, got 'lots'"), ("--out NEW --set snapshots=No", 2, "snapshots must be true or false, got 'No'"),
    ("--out NEW --set hidden=5,6", 2, "hidden must be a list of whole numbers such as [500, 300], got '5,6'"),
    ("--out NEW --encoding direct", 2, 'take first_wiring="csti" among the options'), ("--out NEW --set samples=1000000", 2, "samples must be at most 4000"),
    ("--out NEW --hidden 5 --sparsity 0 --lr 1e38 --method set --set optimizer=sgd", 1, "step "),
])
def test_a_wrong_command_ends_in_one_line_and_the_right_code(words, code, message, whole, tmp_path, capsys):
    places = {"RUN": str(whole), "NEW": str(tmp_path / "new")}
    filled = lambda text: re.sub("RUN|NEW", lambda found: places[found[0]], text)
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert main(["train", *map(filled, words.split())]) == code
    out, err = capsys.readouterr()
    assert err.startswith("netsnn: error: ") and filled(message) in err and err.count("\n") == 1 and not out
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before and (message == "step " or not list(tmp_path.iterdir()))


def test_the_help_names_every_choice_and_setting_and_true_defaults(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    words = set(re.findall(r"[\w-]+", EPILOG))
    for choices in (DATASETS, MODELS, (name.replace("_", "-") for name in RECIPES), ENCODINGS, OPTIMIZERS, SCHEDULES, COMPUTES):
        assert set(choices) <= words
    for name, value in vars(Config()).items():
        assert f"--{name} " in text or re.search(rf"\b{name}\b", EPILOG.split("examples:")[0]), name
        if f"--{name} " in text and re.search(rf"--{name} [^-]*\(default ([\w.-]+)\)", text) and name != "hidden":
            said = re.search(rf"--{name} [^-]*\(default ([\w.-]+)\)", text)[1]
            assert said.replace("-", "_") == str(value), name


def test_the_examples_of_the_help_are_commands(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("netsnn.snn.train", lambda config, out, resume, tell, progress, **settings: asked.append(Config(**settings)) or exit())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "b").mkdir(parents=True)
    (tmp_path / "runs" / "b" / "config.toml").write_text("")
    lines = [line.split("   ")[0].split() for line in EPILOG.splitlines() if line.startswith("  netsnn train")]
    for line in lines:
        with pytest.raises(SystemExit):
            main(line[1:])
    assert len(asked) == len(lines) == 5 and asked[1].sparsity == 0.99 and asked[2].neuron == {"tau": 2.5}


def test_report_measure_and_plot_work_on_a_run(whole, tmp_path, capsys):
    assert main(["report", str(whole), "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    log = list(csv.DictReader((whole / "log.csv").read_text().splitlines()))
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.S).lower() and f"{float(log[-1]['accuracy']):.4g}" in page and "fc1: 784 inputs" in page
    capsys.readouterr()
    assert main(["measure", str(whole), "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["snapshot"], row["step"], row["layer"]) for row in rows] == [(i, 3 * i, name) for i in range(4) for name in ("fc1", "fc2")]
    assert rows[-2]["links"] == int(log[-1]["links"])
    for figure in ("evolution", "ages", "alluvial", "persistence", "barcode", "degrees", "hubs", "receptive-field", "spy", "layer"):
        layer = [] if figure in ("evolution", "persistence", "hubs") else ["--layer", "fc1"]
        assert main(["plot", str(whole), "-f", figure, *layer, "-o", str(tmp_path / f"{figure}.svg")]) == 0
        assert (tmp_path / f"{figure}.svg").stat().st_size > 1000


def test_the_accuracy_of_a_run_with_events_within_epochs_is_one_line(tmp_path):
    import matplotlib
    matplotlib.use("Agg")
    from netsnn import plot

    run = train(out=tmp_path / "run", **{**SMALL, "method": "rigl", "options": {"every": 2}})
    ax = plot.evolution(History(tmp_path / "run" / "history"), curves=["accuracy"])
    line = ax.child_axes[0].lines[0]
    assert line.get_xdata().tolist() == [3, 6, 9] and line.get_ydata().tolist() == [row["accuracy"] for row in run.log]
    matplotlib.pyplot.close(ax.figure)


def test_a_bar_of_progress_stands_on_a_terminal_only(tmp_path):
    import pty
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    process = subprocess.Popen([sys.executable, "-m", "netsnn.cli", "train", "--out", str(tmp_path / "run"), *WORDS], stdout=subprocess.PIPE, stderr=slave, text=True)
    os.close(slave)
    text, end = "", time.monotonic() + 60
    while time.monotonic() < end:
        try:
            text += os.read(master, 10000).decode()
        except OSError:  # the other side is closed
            break
    out = process.communicate()[0]
    os.close(master)
    assert process.returncode == 0 and "epoch 3/3" in text and "/3 [" in text and len(out.splitlines()) == 4 and "[" not in out
