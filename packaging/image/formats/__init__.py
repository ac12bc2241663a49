"""The formats of an image. Each is a file here, which says its SUFFIX, whether it NEEDS the raw disk or the tar, and how it is made:
make(source, target, row, epoch), whose bytes depend on nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from problem import Problem

_NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__))


def format_of(name: str) -> ModuleType:
    if name not in _NAMES:
        raise Problem(f"unknown format {name}: there are {', '.join(_NAMES)}")
    return importlib.import_module(f"formats.{name}")
