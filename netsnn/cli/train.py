"""`netsnn train`: train a sparse spiking network, and record how it evolves."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

__all__ = ["add_to"]

EPILOG = """\
choices:

  --data       digits (5,000 of MNIST's, embedded), mnist, fashion-mnist, cifar-10, cifar-100, n-mnist, dvs-gesture, cifar10-dvs
  --model      mlp (its layers: --hidden), 2fc, 3fc, 2conv2fc, 6conv2fc, spikformer-small, spikformer-cifar
  --method     ch-snn, cht, chts, set, rigl, esl-snn, pq, deep-r, static, dense; of those whose sparsity is an outcome: grad-r, stds, sd-snn, dpap
  --encoding   rate (spikes at random), direct (the values at every step), latency (one spike); recordings of events need none
  --compute    links (of sparse layers), dense, auto (links where that is mostly faster)
  --set        samples, test_samples, validation, optimizer (adamw, adam, sgd), weight_decay, momentum, schedule (cosine, constant), warmup, clip,
               calibration, snapshots; neuron.tau, neuron.threshold, ... (see netsnn.snn.LIF); options.zeta, options.exponent, ... (netsnn.evolve.Recipe)

examples:

  netsnn train --out runs/a                                               CH-SNN on the embedded digits
  netsnn train --data fashion-mnist --model 2fc --method ch-snn --sparsity 0.99 --epochs 30 --out runs/b
  netsnn train --data cifar-10 --folder ~/data --model 6conv2fc --encoding direct --set neuron.tau=2.5 --out runs/c
  netsnn train --config runs/b/config.toml --method rigl --out runs/d     the same settings, another method
  netsnn train --out runs/b --resume                                      go on, to the same bits
  netsnn report runs/b                                                    the report of its history

The folder then holds config.toml (all settings: it repeats the run), log.csv (a line an epoch), checkpoint.pt, history/.
"""

TEXTS = ("data", "folder", "model", "method", "encoding", "compute")
NUMBERS = ("sparsity", "steps", "epochs", "batch", "lr", "seed")


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    parser = commands.add_parser("train", help="train a sparse spiking network; resumes", description="Train a spiking network whose wiring evolves, and record it.",
                                 epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True, help="where the run is kept")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint (with settings: begin, if there is no run yet)")
    parser.add_argument("--config", metavar="FILE", help="settings to begin with; a run's own config.toml repeats it")
    parser.add_argument("--hidden", metavar="N[,N]", help="numbers of hidden neurons of mlp, 2fc (default 1568) and 3fc (1568,1568)")
    for name, text in (("data", "data set (default digits)"), ("folder", "where the data set's files lie"), ("model", "network (default 2fc)"),
                       ("method", "how the wiring evolves (default ch-snn)"), ("sparsity", "of the layers that are wired, such as 0.99 (default: the method's)"),
                       ("encoding", "how values become spikes (default rate)"), ("steps", "time steps (default 8)"), ("epochs", "how long (default 10)"),
                       ("batch", "samples a step (default 128)"), ("lr", "learning rate (default 0.002)"), ("seed", "of everything (default 0)"),
                       ("compute", "what layers compute with (default auto)")):
        parser.add_argument(f"--{name}", metavar={"folder": "PATH"}.get(name, "X" if name in NUMBERS else "NAME"), help=text)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting, and neuron.NAME or options.NAME for the neuron and the recipe; "
                        "may be repeated")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the last line only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Settings together, train, say where the results lie."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads shall not spin while the kernels' work; read when torch is loaded
    from netsnn.snn import Config, read_config, train

    if arguments.out in ("", "-"):
        raise ValueError("--out must name a folder")
    own = Path(arguments.out) / "config.toml"
    known = arguments.config or (own if arguments.resume and own.is_file() else None)
    config = read_config(known) if known else None
    settings = {name: getattr(arguments, name) for name in TEXTS if getattr(arguments, name) is not None}
    settings |= {name: _value(getattr(arguments, name)) for name in NUMBERS if getattr(arguments, name) is not None}
    if arguments.hidden is not None:
        settings["hidden"] = [_value(part) for part in arguments.hidden.split(",")]
    for entry in arguments.set:
        name, equals, text = entry.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, got {entry!r}")
        table, dot, key = name.strip().partition(".")
        if dot:
            if table not in ("neuron", "options"):
                raise ValueError(f"--set {name}: tables are neuron and options")
            settings[table] = {**settings.get(table, getattr(config, table) if config else {}), key: _value(text)}
        elif table not in Config.__dataclass_fields__:
            Config().replace(**{table: None})  # says so
        else:
            settings[table] = text.strip() if table in TEXTS else _value(text)
    tell = None if arguments.quiet else lambda line: print(line, flush=True)
    try:
        found = train(config if arguments.config else None, out=arguments.out, resume=arguments.resume, tell=tell,
                      progress=sys.stderr.isatty() and not arguments.quiet, **settings)
    except KeyboardInterrupt:
        if not own.is_file():
            raise
        raise KeyboardInterrupt(f"every finished epoch is kept, go on with: netsnn train --out {shlex.quote(arguments.out)} --resume") from None
    print(f"accuracy {found.accuracy:.2%} after {len(found.log)} epochs; {arguments.out}: config.toml, log.csv, checkpoint.pt, history/ "
          f"(netsnn report {shlex.quote(arguments.out)})")


def _value(text: str) -> Any:
    """A number, true or false (or True or False), a list in brackets, a table in braces, or the text itself."""
    import tomllib

    text = text.strip()
    if text in ("True", "False"):
        return text == "True"
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
