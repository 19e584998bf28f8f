"""Penalised mixtures of experts: what is asked for, where solutions are looked for, and paths of them as tables."""
