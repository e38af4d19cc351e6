"""Trained parts as named tensors and plain JSON, and back: nothing that could run code when it is read.

Dataclasses of arrays, numbers, texts and networks are taken apart field by field; only the classes named here are ever
put together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forecasting.networks.network import NetworkShape, QuantileNetwork

Tensors = dict[str, Tensor]


def pack(value: object, tensors: Tensors, *, name: str = "") -> Any:
    """Plain JSON for a value; its arrays and the weights of its networks go to ``tensors``, by their place in it.

    Raises:
        TypeError: If it holds something else than dataclasses, arrays, networks, lists, tables, texts and numbers.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        tensors[name] = torch.from_numpy(np.array(value, order="C"))
        return {"array": name}
    if isinstance(value, QuantileNetwork):
        tensors.update({f"{name}.{key}": weight.detach().contiguous() for key, weight in value.state_dict().items()})
        return {"network": name, "shape": value.shape.as_dict()}
    if isinstance(value, tuple | list):
        return [pack(one, tensors, name=f"{name}.{number}") for number, one in enumerate(value)]
    if isinstance(value, Mapping):
        return {"table": {key: pack(one, tensors, name=f"{name}.{key}") for key, one in value.items()}}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: pack(getattr(value, one.name), tensors, name=f"{name}.{one.name}") for one in fields(value)}
        return {"record": type(value).__name__, "fields": parts}
    raise TypeError(f"{name}: cannot keep a {type(value).__name__}")


def unpack(node: Any, tensors: Mapping[str, Tensor], *, known: Mapping[str, type]) -> Any:
    """The inverse of :func:`pack`; lists come back as tuples.

    Args:
        known: The dataclasses that may be put together, by name.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: If node and tensors do not fit, or a class is not known.
    """
    if isinstance(node, list):
        return tuple(unpack(one, tensors, known=known) for one in node)
    if not isinstance(node, dict):
        return node
    if "array" in node:
        return tensors[node["array"]].numpy()
    if "network" in node:
        shape = {**node["shape"], "levels": tuple(node["shape"]["levels"])}
        network, prefix = QuantileNetwork(NetworkShape(**shape)), f"{node['network']}."
        network.load_state_dict({key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)})
        return network.eval()
    if "table" in node:
        return {key: unpack(one, tensors, known=known) for key, one in node["table"].items()}
    parts = {key: unpack(one, tensors, known=known) for key, one in node["fields"].items()}
    return known[node["record"]](**parts)
