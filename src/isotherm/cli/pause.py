"""`isotherm pause` and `isotherm resume`: stop and go for a dataset."""

from __future__ import annotations

from .options import DEFAULT_CONFIG, ConfigFile, OneDataset, Wait, opened
from .output import err


def pause(dataset: OneDataset, config: ConfigFile = DEFAULT_CONFIG, wait: Wait = 0.0) -> None:
    """Make no moves of a dataset until it is resumed."""
    with opened(config, wait=wait) as lake:
        lake.pause(dataset)
    err().message(f"{dataset} is paused; go on with: isotherm resume {dataset}")


def resume(dataset: OneDataset, config: ConfigFile = DEFAULT_CONFIG, wait: Wait = 0.0) -> None:
    """Make moves of a dataset again."""
    with opened(config, wait=wait) as lake:
        lake.resume(dataset)
    err().message(f"{dataset} goes on.")
