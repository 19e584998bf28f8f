"""One loader per data set, for those who like ``load_ethanol()`` better than ``load_dataset("ethanol")``."""

from classicmoe.datasets.loaders import load_dataset


def _named_loader(name):
    """Return ``load_dataset`` with the name filled in."""

    def loader(*, return_X_y=False, as_frame=False):
        return load_dataset(name, return_X_y=return_X_y, as_frame=as_frame)

    loader.__name__ = loader.__qualname__ = f"load_{name.lower()}"
    loader.__doc__ = f"Load the data set {name!r}, see :func:`~classicmoe.datasets.load_dataset`."
    return loader


load_ethanol = _named_loader("ethanol")
load_co2data = _named_loader("CO2data")
load_nodata = _named_loader("NOdata")
load_tonedata = _named_loader("tonedata")
load_npreg = _named_loader("NPreg")
load_mcycle = _named_loader("mcycle")
load_geyser = _named_loader("geyser")
load_randhie = _named_loader("randhie")
load_diamonds = _named_loader("diamonds")
load_ames = _named_loader("ames")
