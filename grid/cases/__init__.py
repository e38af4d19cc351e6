"""Cases: MATPOWER networks, unit commitment instances of pglib-uc, and folders of a network with its periods."""

from grid.cases.case import Case
from grid.cases.folder import read_folder
from grid.cases.matpower import read_matpower
from grid.cases.pglib_uc import read_pglib_uc

__all__ = ["Case", "read_folder", "read_matpower", "read_pglib_uc"]
