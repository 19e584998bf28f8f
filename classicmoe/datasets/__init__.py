"""Data sets that travel with the package, and a simulator that knows the truth."""

from classicmoe.datasets.loaders import list_datasets, load_dataset, verify
from classicmoe.datasets.named import (
    load_ames,
    load_co2data,
    load_diamonds,
    load_ethanol,
    load_geyser,
    load_mcycle,
    load_nodata,
    load_npreg,
    load_randhie,
    load_tonedata,
)
from classicmoe.datasets.simulate import make_moe_regression
from classicmoe.datasets.truth import SimulatedMoE

__all__ = [
    "SimulatedMoE",
    "list_datasets",
    "load_ames",
    "load_co2data",
    "load_dataset",
    "load_diamonds",
    "load_ethanol",
    "load_geyser",
    "load_mcycle",
    "load_nodata",
    "load_npreg",
    "load_randhie",
    "load_tonedata",
    "make_moe_regression",
    "verify",
]
