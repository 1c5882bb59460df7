"""Mean and leading principal directions of rows that come a block at a time, in memory that does not grow with them.

The scatter matrix of all rows so far is BᵀB + what was cut off, with B of at most `keep` rows. A block X joins as

    B' = leading rows of the singular value decomposition of [B; X - mean(X); √(n m / (n + m)) (mean - mean(X))]

(Ross, Lim, Lin and Yang 2008). Nothing is cut off, and so the result is exact, until there are more than `keep`
directions; later the leading ones are good to a few digits where `keep` is several times as many as are wanted.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Principal:
    """Mean and principal directions of the rows that were added.

    >>> rows, found = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)), Principal(keep=10)
    >>> for block in rows.split(20):
    ...     found.add(block)
    >>> values, directions = found.leading(2)
    >>> expected = torch.linalg.eigvalsh(rows.T.cov(correction=0)).flip(0)[:2]
    >>> torch.allclose(values, expected, atol=1e-6)
    True
    """

    def __init__(self, keep: int):
        self.keep, self.count, self.total = keep, 0, 0.0
        self.mean = torch.zeros(())
        self.basis = torch.zeros(())

    def add(self, block: Tensor) -> None:
        """Count the rows of a block, `(m, d)`."""
        block = block.double()
        count, mean = len(block), block.mean(0)
        if not self.count:
            self.mean, self.basis = torch.zeros_like(mean), block[:0]
        between = math.sqrt(self.count * count / (self.count + count)) * (self.mean - mean)
        added = torch.cat([block - mean, between[None]])
        self.total += float(added.square().sum())
        self.mean = self.mean + (mean - self.mean) * count / (self.count + count)
        self.count += count
        self.basis = _leading(torch.cat([self.basis, added]), self.keep)

    def leading(self, rank: int) -> tuple[Tensor, Tensor]:
        """The largest eigenvalues of the covariance, in falling order, and their eigenvectors as rows."""
        scaled = _leading(self.basis, rank) / math.sqrt(self.count)
        values = scaled.square().sum(1)
        return values.float(), (scaled / values.sqrt().clamp_min(1e-12)[:, None]).float()

    @property
    def variance(self) -> float:
        """The sum of all eigenvalues of the covariance, those of the cut directions too."""
        return self.total / self.count


def _leading(rows: Tensor, count: int) -> Tensor:
    """The leading right singular vectors of rows, each times its singular value, from the Gram matrix of the rows."""
    if len(rows) > rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        return (vectors * values.clamp_min(0).sqrt()).T.flip(0)[:count]
    vectors = torch.linalg.eigh(rows @ rows.T)[1]
    return (vectors.T @ rows).flip(0)[:count]
