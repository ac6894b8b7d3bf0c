"""Train what a settings file says on a GPU, or any other device of torch: what `netsnn train`, which computes on the CPU, does, as a plain loop.

    python -m analysis.gpu analysis/configs/6conv2fc_cifar10.toml --folder DATA --out runs/6conv2fc [--device cuda]

The model, the recipe, AdamW and the course of lr are those of `netsnn train`; images (direct code only) are also mirrored and shifted. Events compute
their links on the CPU. Writes config.toml, history/ (netsnn report OUT) and, after each epoch, model.pt; it does not resume.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional

import netsnn as ns
from netsnn.snn import Config, read_config, write_config
from netsnn.snn.training import share_of_rate


def train(config: Config, out, device: str = "cuda", tell: Callable[[str], None] = print) -> torch.nn.Module:
    """The trained model."""
    if config.encoding != "direct" or config.optimizer != "adamw" or config.schedule != "cosine":
        raise ValueError('here images are constant currents and the optimizer is AdamW: set encoding = "direct", optimizer = "adamw", schedule = "cosine"')
    sets = [ns.snn.data.load(config.data, config.folder or None, train=part) for part in (True, False)]
    (images, labels), (test_images, test_labels) = ((torch.from_numpy(part).to(device) for part in one[:]) for one in sets)
    model = ns.snn.MODELS[config.model](shape=sets[0].image, classes=len(sets[0].classes), steps=config.steps, seed=config.seed, **config.neuron)
    recipe = config.recipe()
    ns.sparsify(model, recipe, theta=next(module.threshold for module in model.modules() if isinstance(module, ns.snn.LIF)), seed=config.seed).to(device)
    groups = [{"params": [p for p in model.parameters() if p.ndim > 1]}, {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)
    per_epoch = len(images) // config.batch
    lr = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(share_of_rate, config, per_epoch))
    out = Path(out)
    out.mkdir(parents=True)
    write_config(config, out / "config.toml", "trained by analysis.gpu")
    evolver = ns.Evolver(model, optimizer, recipe, steps_per_epoch=per_epoch, epochs=config.epochs, history=out / "history", weights=config.snapshots, seed=config.seed)
    torch.manual_seed(config.seed)
    for epoch in range(config.epochs):
        model.train()
        for rows in torch.randperm(len(images), device=device)[:per_epoch * config.batch].split(config.batch):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(augmented(images[rows])), labels[rows])
            loss.backward()
            optimizer.step()
            lr.step()
            evolver.step()
        torch.save(model.state_dict(), out / "model.pt")
        tell(f"epoch {epoch + 1}/{config.epochs}  loss {loss.item():.4f}  accuracy {accuracy(model, test_images, test_labels, config.batch):.2%}")
    evolver.close()
    return model


def augmented(images: torch.Tensor, most: int = 4) -> torch.Tensor:
    """Each image shifted by up to so many pixels, with zeros from outside, and mirrored half the time."""
    n, (height, width), device = len(images), images.shape[2:], images.device
    windows = functional.pad(images, (most,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    down, right = torch.randint(2 * most + 1, (2, n), device=device)
    moved = windows[torch.arange(n, device=device), :, down, right]
    return torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.5, moved.flip(-1), moved)


@torch.no_grad()
def accuracy(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, batch: int) -> float:
    model.eval()
    return sum(int((model(some).argmax(-1) == wanted).sum()) for some, wanted in zip(images.split(batch), labels.split(batch))) / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="settings, as of analysis/configs")
    parser.add_argument("--folder", required=True, help="where the data set's files lie")
    parser.add_argument("--out", required=True, help="a new folder")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    train(read_config(arguments.config).replace(folder=arguments.folder), arguments.out, arguments.device, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
