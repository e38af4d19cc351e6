"""The dispatch problem as a linear model: its parts, its limits of branches, its relaxations and prices."""
