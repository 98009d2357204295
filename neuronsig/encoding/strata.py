"""Strata: sentences of like lengths, and of the same domain where domains are matched, so that like meets like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.errors import ConfigError

MATCHES = ("length", "length_domain", "none")

QUANTILES = (0.005, 0.02, *(i / 14 for i in range(1, 14)), 0.955, 0.98, 0.99, 0.997)
"""Where bins of lengths begin. Finer at both ends: a list of the top sentences of a neuron that prefers long ones is
the very end of the distribution, and a wide last bin would still hold sentences of unlike lengths."""

FEWEST = 20
"""A stratum with fewer reference sentences says too little; its weight goes to the nearest that has as many."""

SMALLEST = 5 * FEWEST
"""Sentences of the corpus in a length bin, at least."""

MAX_STRATA = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Strata:
    """Codes of sentences: domain * bins + length bin, int16 from 0; one stratum for all when nothing is matched."""

    edges: NDArray[np.int64]  # (bins - 1,) least words of bins 1, 2, ..., ascending
    domains: int = 1  # 1 when domains are not matched

    @classmethod
    def build(cls, match: str, lengths: NDArray[np.integer], domains: int = 1) -> Strata:
        """From the corpus's histogram: lengths[i] sentences of i words; `domains` counts the corpus's domains.

        Lengths are whole numbers, so quantiles that fall on the same one make a single edge, and short lengths
        tend to have bins of their own. No bin has fewer than SMALLEST sentences, so a small corpus has fewer bins.
        Raises ConfigError for another `match`, and for more strata than int16 holds.
        """
        if match not in MATCHES:
            raise ConfigError(f"mining.match={match}: must be one of {', '.join(MATCHES)}")
        if match == "none":
            return cls(np.zeros(0, np.int64))
        shorter = np.concatenate(([0], np.cumsum(np.asarray(lengths, np.int64))))  # sentences under i words
        total = int(shorter[-1])
        edges, begun = [], 0
        for quantile in QUANTILES:
            edge = int(np.abs(shorter - quantile * total).argmin())
            if shorter[edge] - begun >= SMALLEST and total - shorter[edge] >= SMALLEST:
                edges.append(edge)
                begun = shorter[edge]
        strata = cls(np.array(edges, np.int64), max(domains, 1) if match == "length_domain" else 1)
        if strata.size > MAX_STRATA:
            raise ConfigError(
                f"mining.match={match}: {domains} domains and {strata.bins} length bins are more than {MAX_STRATA} "
                "strata; use mining.match=length"
            )
        return strata

    @property
    def bins(self) -> int:
        """Length bins."""
        return len(self.edges) + 1

    @property
    def size(self) -> int:
        """Number of strata."""
        return self.bins * self.domains

    def codes(self, lengths: NDArray[np.integer], domain: NDArray[np.integer] | None = None) -> NDArray[np.int16]:
        """The stratum of each sentence: int16 (sentences,), from its words and its domain's number (if matched)."""
        code = np.searchsorted(self.edges, lengths, side="right")
        if self.domains > 1:
            if domain is None:
                raise ValueError("domains are matched: the sentences' domain numbers are needed")
            code = np.asarray(domain, np.int64) * self.bins + code
        return code.astype(np.int16)
