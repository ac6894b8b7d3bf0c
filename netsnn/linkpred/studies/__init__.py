"""Studies: many networks, splits and methods, their statistics, tables and figures."""
