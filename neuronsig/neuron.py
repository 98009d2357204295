"""The name of a neuron: site, layer, unit and sign, written `L4/U123`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neuronsig.errors import ConfigError

SITES = ("hidden", "mlp", "attention")
SIGNS = (1, -1)
SITE_NAMES = {
    "hidden": "hidden states",
    "mlp": "feed-forward activations (mlp)",
    "attention": "outputs of attention heads (attention)",
}
NEURON_COLUMNS = ("site", "layer", "unit", "sign")
"""The columns that say which neuron a row of a table is about: the fields of `Neuron`, in its order."""

# Of a code: layers and units are far below these.
LAYER_BITS, UNIT_BITS = 16, 24

_NAME = re.compile(rf"^(?:(?P<site>{'|'.join(SITES)}):)?L(?P<layer>\d+)/U(?P<unit>\d+)(?P<sign>[+-]?)$", re.I)


@dataclass(frozen=True, order=True)
class Neuron:
    """One dimension of one layer's output, in one direction (P1 3.1; sign -1 is the lowest activations)."""

    site: str
    layer: int
    unit: int
    sign: int = 1

    def __str__(self) -> str:
        prefix = "" if self.site == "hidden" else f"{self.site}:"
        return f"{prefix}L{self.layer}/U{self.unit}{'-' if self.sign < 0 else ''}"

    @property
    def slug(self) -> str:
        """A name fit for a file: `hidden-L04-U0123p`; the last letter is p for +1 and n for -1."""
        return f"{self.site}-L{self.layer:02d}-U{self.unit:04d}{self._direction}"

    @property
    def layer_slug(self) -> str:
        """As `slug`, for all neurons of its site, layer and sign: `hidden-L04p`."""
        return f"{self.site}-L{self.layer:02d}{self._direction}"

    @property
    def _direction(self) -> str:
        return "n" if self.sign < 0 else "p"

    @property
    def code(self) -> int:
        """The neuron as one integer that sorts by site, layer, unit, sign (+1 before -1)."""
        number = (SITES.index(self.site) << LAYER_BITS | self.layer) << UNIT_BITS | self.unit
        return number << 1 | (self.sign < 0)

    @classmethod
    def of_code(cls, code: int) -> Neuron:
        """The inverse of `code`."""
        number, negative = code >> 1, code & 1
        unit, number = number & (1 << UNIT_BITS) - 1, number >> UNIT_BITS
        return cls(SITES[number >> LAYER_BITS], number & (1 << LAYER_BITS) - 1, unit, -1 if negative else 1)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Neuron:
        """The neuron that a row of a table is about: its columns site, layer, unit and sign."""
        return cls(row["site"], row["layer"], row["unit"], row["sign"])

    def as_row(self) -> dict[str, Any]:
        """The columns of a row that is about this neuron."""
        return dict(vars(self))

    @classmethod
    def parse(cls, name: str, key: str = "neuron") -> Neuron:
        """Read `L4/U123`, `L4/U123-` or `mlp:L4/U123`; raises ConfigError that names `key` on anything else."""
        match = _NAME.match(name.strip())
        if match is None:
            raise ConfigError(f"{key}={name!r} is not a neuron's name; write layer and unit as in L4/U123")
        site, sign = (match["site"] or "hidden").lower(), -1 if match["sign"] == "-" else 1
        return cls(site, int(match["layer"]), int(match["unit"]), sign)
