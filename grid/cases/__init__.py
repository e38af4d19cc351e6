"""Cases: networks of MATPOWER and pandapower, unit commitment instances of pglib-uc, folders of a network with its
periods, and source folders in RTS-GMLC's format."""

from grid.cases.case import Case
from grid.cases.folder import read_folder
from grid.cases.matpower import read_matpower
from grid.cases.pandapower import read_pandapower
from grid.cases.pglib_uc import read_pglib_uc
from grid.cases.rts_gmlc import read_rts_gmlc
from grid.cases.source_system import SourceSystem

__all__ = [
    "Case",
    "SourceSystem",
    "read_folder",
    "read_matpower",
    "read_pandapower",
    "read_pglib_uc",
    "read_rts_gmlc",
]
