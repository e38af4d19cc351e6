"""A mixed-integer linear model put together in numpy and handed to HiGHS: columns, rows and their coefficients."""

from __future__ import annotations

import highspy
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csc_array, csr_array

from grid.time_axis import FloatArray

IntArray = npt.NDArray[np.int64]
Shape = int | tuple[int, ...]
_Indices = npt.NDArray[np.int32]
INFINITY = float(highspy.kHighsInf)


class LinearModel:
    """Minimise ``cost @ x`` with ``row_lower <= A x <= row_upper``, ``lower <= x <= upper``, some ``x`` integer.

    Columns and rows are made in blocks; a block's indices come back in the block's shape, so that constraints are
    written with numpy's broadcasting over units and periods.
    """

    def __init__(self) -> None:
        self._columns: list[tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]] = []
        self._rows: list[tuple[FloatArray, FloatArray]] = []
        self._entries: list[tuple[_Indices, _Indices, FloatArray]] = []
        self.column_count = 0
        self.row_count = 0
        self.entry_count = 0

    def columns(
        self,
        shape: Shape,
        *,
        lower: npt.ArrayLike = 0.0,
        upper: npt.ArrayLike = INFINITY,
        cost: npt.ArrayLike = 0.0,
        integer: bool = False,
    ) -> IntArray:
        """Add a block of columns; bounds and cost broadcast to ``shape``. Returns their indices in that shape."""
        indices = self.column_count + np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
        low, high, price = (
            np.broadcast_to(np.asarray(a, dtype=np.float64), shape).ravel() for a in (lower, upper, cost)
        )
        self._columns.append((low, high, price, np.full(indices.size, integer)))
        self.column_count += indices.size
        return indices

    def priced(self, shape: Shape, *, price: npt.ArrayLike, upper: npt.ArrayLike = INFINITY) -> IntArray:
        """Columns by which a limit is relaxed at ``price``; they stay at zero where it is infinite."""
        never = np.isinf(np.asarray(price, dtype=np.float64))
        return self.columns(shape, upper=np.where(never, 0.0, upper), cost=np.where(never, 0.0, price))

    def rows(self, shape: Shape, *, lower: npt.ArrayLike = -INFINITY, upper: npt.ArrayLike = INFINITY) -> IntArray:
        """Add a block of rows without coefficients; bounds broadcast to ``shape``. Returns their indices."""
        indices = self.row_count + np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
        low, high = (np.broadcast_to(np.asarray(a, dtype=np.float64), shape).ravel() for a in (lower, upper))
        self._rows.append((low, high))
        self.row_count += indices.size
        return indices

    def put(self, rows: npt.ArrayLike, columns: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Add ``values`` to the coefficients at ``(rows, columns)``, all three broadcast against each other."""
        row, column, value = np.broadcast_arrays(
            np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64), np.asarray(values, dtype=np.float64)
        )
        self._entries.append((row.astype(np.int32).ravel(), column.astype(np.int32).ravel(), value.ravel()))
        self.entry_count += value.size

    @property
    def block_count(self) -> int:
        """How many blocks of coefficients there are."""
        return len(self._entries)

    def column_arrays(self) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
        """Lower bound, upper bound, cost and integrality of every column, each of shape (columns,)."""
        lower, upper, cost, integer = zip(*self._columns, strict=True)
        return np.concatenate(lower), np.concatenate(upper), np.concatenate(cost), np.concatenate(integer)

    def row_arrays(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bound of every row, each of shape (rows,)."""
        lower, upper = zip(*self._rows, strict=True)
        return np.concatenate(lower), np.concatenate(upper)

    def matrix(self, *, first_block: int = 0) -> csr_array:
        """The coefficients, shape (rows, columns); those put at the same place are summed.

        Args:
            first_block: Leave out the blocks of coefficients before it.
        """
        row, column, value = (np.concatenate(parts) for parts in zip(*self._entries[first_block:], strict=True))
        matrix = csr_array(coo_array((value, (row, column)), shape=(self.row_count, self.column_count)))
        matrix.eliminate_zeros()
        return matrix

    def load(
        self,
        highs: highspy.Highs,
        *,
        integer: bool,
        lower: FloatArray | None = None,
        upper: FloatArray | None = None,
    ) -> None:
        """Pass the model to ``highs``, with other column bounds if given, as an LP unless ``integer``."""
        own_lower, own_upper, cost, integrality = self.column_arrays()
        pass_program(
            highs,
            self.matrix(),
            cost=cost,
            columns=(own_lower if lower is None else lower, own_upper if upper is None else upper),
            rows=self.row_arrays(),
            integrality=integrality if integer else None,
        )

    def append(self, highs: highspy.Highs, *, columns: int, rows: int, blocks: int) -> None:
        """Pass on what came after the first ``columns``, ``rows`` and ``blocks`` of coefficients.

        Earlier rows may name new columns, too.
        """
        lower, upper, cost, _ = self.column_arrays()
        row_lower, row_upper = self.row_arrays()
        matrix = self.matrix(first_block=blocks)
        above = csc_array(matrix[:rows, columns:])
        add_columns(highs, above, cost=cost[columns:], lower=lower[columns:], upper=upper[columns:])
        add_rows(highs, matrix[rows:, :], row_lower[rows:], row_upper[rows:])


def pass_program(
    highs: highspy.Highs,
    matrix: csr_array | csc_array,
    *,
    cost: FloatArray,
    columns: tuple[FloatArray, FloatArray],
    rows: tuple[FloatArray, FloatArray],
    integrality: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Hand a whole program over to ``highs``.

    Args:
        matrix: Shape (rows, columns).
        cost: Shape (columns,).
        columns, rows: Lower and upper bounds of each, infinite where there is none.
        integrality: Which columns are whole numbers, shape (columns,); None: none.
    """
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_ = cost
    lp.col_lower_, lp.col_upper_ = columns
    lp.row_lower_, lp.row_upper_ = rows
    by_row = isinstance(matrix, csr_array)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise if by_row else highspy.MatrixFormat.kColwise
    lp.a_matrix_.num_row_, lp.a_matrix_.num_col_ = matrix.shape
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    if integrality is not None:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(flag)] for flag in integrality]
    require_ok(highs.passModel(lp), "passModel")


def add_columns(
    highs: highspy.Highs, entries: csc_array, *, cost: FloatArray, lower: FloatArray, upper: FloatArray
) -> None:
    """Add columns to the program in ``highs``: their entries in its rows, shape (rows, columns), and their bounds."""
    starts, indices = entries.indptr[:-1].astype(np.int32), entries.indices.astype(np.int32)
    status = highs.addCols(entries.shape[1], cost, lower, upper, entries.nnz, starts, indices, entries.data)
    require_ok(status, "addCols")


def add_rows(highs: highspy.Highs, entries: csr_array, lower: FloatArray, upper: FloatArray) -> None:
    """Add rows to the program in ``highs``: their entries in its columns, shape (rows, columns), and their bounds."""
    starts, indices = entries.indptr[:-1].astype(np.int32), entries.indices.astype(np.int32)
    status = highs.addRows(entries.shape[0], lower, upper, entries.nnz, starts, indices, entries.data)
    require_ok(status, "addRows")


def new_highs(*, gap: float | None = None, seconds: float | None = None) -> highspy.Highs:
    """A silent solver; ``gap`` is relative, ``seconds`` wall time (HiGHS may overrun it inside a sub-problem).

    It works on one thread: the simplex method and, by default, branch and cut gain nothing from more, and HiGHS refuses
    to run if two solvers used from one thread differ in this option.
    """
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.silent()
    highs.setOptionValue("threads", 1)
    if gap is not None:
        highs.setOptionValue("mip_rel_gap", gap)
    if seconds is not None:
        highs.setOptionValue("time_limit", max(seconds, 0.01))
    return highs


def require_ok(status: highspy.HighsStatus, call: str) -> None:
    """Raise if HiGHS refused ``call``: the model handed over was malformed."""
    if status == highspy.HighsStatus.kError:
        raise RuntimeError(f"HiGHS refused {call}; the dispatch model is malformed")
