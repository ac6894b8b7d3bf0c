"""`netsnn train`: train a sparse spiking network, and record how it evolves."""

from __future__ import annotations

import argparse
import os
import sys

__all__ = ["add_to"]

EPILOG = """\
examples:

  netsnn train --out runs/a                                               CH-SNN on the embedded 5,000 digits
  netsnn train --data fashion-mnist --model 2fc --method ch-snn --sparsity 0.99 --epochs 30 --out runs/b
  netsnn train --data cifar-10 --folder ~/data --model 6conv2fc --encoding direct --set neuron.tau=2.0 --out runs/c
  netsnn train --config runs/b/config.toml --method rigl --out runs/d     the same settings, another method
  netsnn train --out runs/b --resume                                      go on, to the same bits
  netsnn report runs/b                                                    the report of its history

The folder then holds config.toml (all settings: it repeats the run), log.csv (a line an epoch), checkpoint.pt, history/.
"""

SHORT = ("data", "folder", "model", "method", "sparsity", "encoding", "steps", "epochs", "batch", "lr", "seed", "compute")


def add_to(commands) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    parser = commands.add_parser("train", help="train a sparse spiking network; resumes", description="Train a spiking network whose wiring evolves, and record it.",
                                 epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True, help="where the run is kept")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint")
    parser.add_argument("--config", metavar="FILE", help="settings to begin with; a run's own config.toml repeats it")
    parser.add_argument("--data", help="digits (embedded), fashion-mnist, mnist, cifar-10, ...")
    parser.add_argument("--folder", help="where the data set's files lie")
    parser.add_argument("--model", help="2fc, 3fc, 2conv2fc, 6conv2fc, spikformer-small, ...")
    parser.add_argument("--hidden", metavar="N[,N]", help="numbers of hidden neurons of 2fc and 3fc")
    parser.add_argument("--method", help="ch-snn, set, rigl, deep-r, grad-r, sd-snn, pq, cht, dense, ...")
    parser.add_argument("--sparsity", help="of the layers that are wired, such as 0.99")
    for name, text in (("encoding", "rate, direct or latency"), ("steps", "time steps"), ("epochs", "how long"), ("batch", "samples a step"), ("lr", "learning rate"),
                       ("seed", "of everything"), ("compute", "auto, links or dense")):
        parser.add_argument(f"--{name}", help=text)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting: samples, validation, optimizer, weight_decay, clip, ... and "
                        "neuron.NAME or options.NAME for the neuron and the recipe; may be repeated")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the last line only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Settings together, train, say where the results lie."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads shall not spin while the kernels' work; read when torch is loaded
    from netsnn.snn import read_config, train

    settings = {name: _value(getattr(arguments, name)) for name in SHORT if getattr(arguments, name) is not None}
    for name in ("data", "folder", "model", "encoding", "compute"):
        settings[name] = getattr(arguments, name) if getattr(arguments, name) is not None else settings.get(name)
    settings = {name: value for name, value in settings.items() if value is not None}
    if "method" in settings:
        settings["method"] = str(settings["method"]).replace("-", "_")
    if arguments.hidden is not None:
        settings["hidden"] = [_value(part) for part in arguments.hidden.split(",")]
    config = read_config(arguments.config) if arguments.config else None
    for entry in arguments.set:
        name, equals, text = entry.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, got {entry!r}")
        table, dot, key = name.strip().partition(".")
        if dot:
            if table not in ("neuron", "options"):
                raise ValueError(f"--set {name}: tables are neuron and options")
            known = settings.get(table) or (dict(getattr(config, table)) if config else {})
            settings[table] = {**known, key: _value(text)}
        else:
            settings[table] = _value(text)
    tell = None if arguments.quiet else lambda line: print(line, flush=True)
    try:
        found = train(config, out=arguments.out, resume=arguments.resume, tell=tell, progress=sys.stderr.isatty() and not arguments.quiet, **settings)
    except KeyboardInterrupt:
        print(f"netsnn: interrupted; every finished epoch is kept: netsnn train --out {arguments.out} --resume", file=sys.stderr)
        raise
    print(f"accuracy {found.accuracy:.2%} after {found.log[-1]['epoch']} epochs; {arguments.out}: config.toml, log.csv, checkpoint.pt, history/ "
          f"(netsnn report {arguments.out})")


def _value(text: str):
    """A number, true or false, a list in brackets, or the text itself."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
