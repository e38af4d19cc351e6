"""Normal equations that fade, of series that share their terms: solved for several penalties, and again with new hours.

Factors are kept where the next instant is near. The hours that came since then correct them (the identity of Woodbury);
steps of refinement find what remains, for the penalty does not fade as the sums do. Where the sums are so nearly
singular that the steps diverge, factors are made anew.

References:
    Golub and Van Loan, "Matrix Computations", 4th ed., sections 2.1.4 (Sherman, Morrison and Woodbury), 3.5.3
    (refinement) and 5.3 (normal equations).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from forecasting.nouns import Float32Array
from grid.time_axis import FloatArray

BoolArray = npt.NDArray[np.bool_]
HALF_LIFE_HOURS = 8766.0
_BLOCK_HOURS = 730
_NEAR_HOURS = 72
"""Within so many hours factors are corrected; beyond, new ones cost less."""
_MOST_REFINEMENTS, _EXACT, _EXACT_ENOUGH = 6, 1e-9, 1e-6
_ROUNDING = 1e-4
"""Of products in single precision."""


class NormalEquations:
    """Fading sums of squares and products of the terms and a constant, and of both with every series.

    Args:
        penalties: Of every term, shape (penalties, terms).
        known: Hours that count, shape (series, hours); series that miss the same hours share their equations.
    """

    def __init__(self, penalties: FloatArray, known: BoolArray) -> None:
        self._penalties, size = penalties, penalties.shape[1] + 1
        self._gram: FloatArray = np.zeros((size, size))
        self._moments: FloatArray = np.zeros((size, len(known)))
        self._rows: dict[bytes, list[int]] = {}
        for row, hours in enumerate(known):
            self._rows.setdefault(hours.tobytes(), []).append(row)
        self._missed: dict[bytes, FloatArray] = {}
        self._factors: dict[bytes, _Factors] = {}

    def penalise(self, penalties: FloatArray) -> None:
        """Other penalties from now on."""
        if not np.array_equal(penalties, self._penalties):
            self._penalties = penalties
            self._factors.clear()

    def add(self, block: Float32Array, targets: FloatArray) -> None:
        """Hours that follow those that were added: terms, shape (hours, terms), and targets, shape (series, hours)."""
        for begin, end in pairwise([*range(0, len(block), _BLOCK_HOURS), len(block)]):
            wide = np.concatenate([block[begin:end], np.ones((end - begin, 1), dtype=np.float32)], axis=1)
            known = np.isfinite(targets[:, begin:end])
            fade = 0.5 ** ((end - begin) / HALF_LIFE_HOURS)
            gram = wide.T @ wide
            self._gram *= fade
            self._gram += gram
            shown = np.where(known, targets[:, begin:end], 0.0).astype(np.float32)
            self._moments = self._moments * fade + wide.T @ shown.T
            for same in self._missed:
                self._missed[same] *= fade
            for same, rows in self._rows.items():
                if same in self._factors:
                    self._factors[same].add(wide, known[rows[0]], fade=fade)
                gone = wide[~known[rows[0]]]
                if not len(gone):
                    continue
                own = gram if len(gone) == len(wide) else gone.T @ gone
                self._missed[same] = own + self._missed.get(same, np.float64(0.0))

    def solve(self, *, again_after: int) -> tuple[FloatArray, FloatArray]:
        """Weights, shape (series, penalties, terms), and level, shape (series, penalties).

        Args:
            again_after: Hours until they are to be solved again.
        """
        terms, series = len(self._gram) - 1, self._moments.shape[1]
        weights = np.empty((series, len(self._penalties), terms))
        level = np.empty((series, len(self._penalties)))
        for same, rows in self._rows.items():
            gram = self._gram - self._missed[same] if same in self._missed else self._gram
            total, count = gram[:terms, terms], max(float(gram[terms, terms]), 1e-9)
            mean = self._moments[terms, rows] / count  # (series,)
            target = self._moments[:terms, rows] - np.outer(total, mean)
            factors = self._factors.pop(same, None)
            if factors is None or factors.hours > _NEAR_HOURS:
                factors = _Factors(gram, self._penalties)
            weights[rows] = factors.solve(gram, target)
            level[rows] = mean[:, None] - weights[rows] @ (total / count)
            if factors.hours + again_after <= _NEAR_HOURS:
                factors.keep()
                self._factors[same] = factors
        return weights, level


class _Factors:
    """Cholesky factors of centred normal equations as they stood, for every penalty, and the hours that came since.

    Centred before the penalty: otherwise it would pull the level itself towards zero.

    Args:
        gram: Sums of squares and products of the terms and a constant, shape (terms + 1, terms + 1).
        penalties: Shape (penalties, terms).
    """

    def __init__(self, gram: FloatArray, penalties: FloatArray) -> None:
        self._penalties, self.hours, self._fade = penalties, 0, 1.0
        # What centring takes off stands as an hour of its own, so that all can be centred anew.
        self._came: FloatArray = gram[-1:] / np.sqrt(max(float(gram[-1, -1]), 1e-9))
        centred = _centred(gram)
        self._factors = [_factor(centred, held) for held in penalties]
        self._weights: list[FloatArray] = []

    def keep(self) -> None:
        """Refinement undoes what single precision loses, at half the price."""
        self._factors = [factor.astype(np.float32, order="F", copy=False) for factor in self._factors]

    def add(self, wide: Float32Array, known: BoolArray, *, fade: float) -> None:
        """Hours that came: terms and a constant, shape (hours, terms + 1); all before them fades, whatever is known."""
        self._came = np.concatenate([self._came * np.sqrt(fade), wide[known]])
        self._fade *= fade
        self.hours += len(wide)

    def solve(self, gram: FloatArray, target: FloatArray) -> FloatArray:
        """Weights of each series for every penalty, shape (series, penalties, terms).

        Args:
            gram: The sums as they stand now.
            target: Centred, shape (terms, series).
        """
        if not self._weights:
            self._weights = [_solved(factor, target) for factor in self._factors]
        else:
            one, terms = self._came[:, -1], self._came[:, :-1]
            rows = terms - np.outer(one, one @ terms / max(float(one @ one), 1e-9))  # what hours add to centred sums
            self._weights = [self._corrected(gram, rows, number, target) for number in range(len(self._factors))]
        return np.stack([weights.T for weights in self._weights], axis=1)

    def _corrected(self, gram: FloatArray, rows: FloatArray, number: int, target: FloatArray) -> FloatArray:
        """Weights for one penalty by its old factor, refined from the weights of the last time, shape (terms, series).

        Args:
            rows: Shape (hours, terms).
        """
        upper, held = self._factors[number], self._penalties[number][:, None]
        spread = solve_triangular(upper, rows.T.astype(np.float32), trans="T", check_finite=False)  # (terms, hours)
        core = np.linalg.inv(self._fade * np.eye(len(rows), dtype=np.float32) + spread.T @ spread)
        weights, size = self._weights[number], np.linalg.norm(target)
        for _ in range(_MOST_REFINEMENTS):
            left = _left(gram, weights, held, target)
            if np.linalg.norm(left) <= _EXACT * size:
                return weights
            half = solve_triangular(upper, left.astype(np.float32), trans="T", check_finite=False)
            half -= spread @ (core @ (spread.T @ half))
            weights = weights + solve_triangular(upper, half, check_finite=False) / self._fade
        if np.linalg.norm(_left(gram, weights, held, target)) <= _EXACT_ENOUGH * size:
            return weights
        return _solved(_factor(_centred(gram), self._penalties[number]), target)


def _left(gram: FloatArray, weights: FloatArray, held: FloatArray, target: FloatArray) -> FloatArray:
    """What weights leave of the centred target, shape (terms, series)."""
    total, count = gram[:-1, -1:], max(float(gram[-1, -1]), 1e-9)
    told = gram[:-1, :-1] @ weights - total @ (total.T @ weights / count) + held * weights
    return np.asarray(target - told)


def _centred(gram: FloatArray) -> FloatArray:
    """Sums of squares and products of the terms about their means, shape (terms, terms)."""
    total, count = gram[:-1, -1], max(float(gram[-1, -1]), 1e-9)
    return np.asarray(gram[:-1, :-1] - np.outer(total, total / count))


def _factor(centred: FloatArray, held: FloatArray) -> FloatArray:
    """Upper Cholesky factor of centred sums with a penalty on each term, shape (terms, terms).

    Sums of hardly any hours, less what others miss, may be indefinite by rounding: each term is then held back by a
    little of the largest sum.
    """
    sums = centred.copy().T  # symmetric; in the order of columns, that LAPACK asks for
    sums[np.diag_indices_from(sums)] += held
    try:
        return np.asarray(cho_factor(sums, check_finite=False)[0])
    except np.linalg.LinAlgError:
        sums[np.diag_indices_from(sums)] += _ROUNDING * float(np.abs(centred).max())
        return np.asarray(cho_factor(sums, check_finite=False)[0])


def _solved(upper: FloatArray, target: FloatArray) -> FloatArray:
    return np.asarray(cho_solve((upper, False), target, check_finite=False))
