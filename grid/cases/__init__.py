"""Network cases as others write them, read into nouns. No I/O: text in, a case or every fault out."""

from grid.cases.case import Branches, Case, Costs, Generators, Links
from grid.cases.matpower import read_matpower

__all__ = ["Branches", "Case", "Costs", "Generators", "Links", "read_matpower"]
