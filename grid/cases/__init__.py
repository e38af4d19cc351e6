"""Case files of the field: MATPOWER networks and unit commitment instances of pglib-uc."""

from grid.cases.case import Case
from grid.cases.matpower import read_matpower
from grid.cases.pglib_uc import read_pglib_uc

__all__ = ["Case", "read_matpower", "read_pglib_uc"]
