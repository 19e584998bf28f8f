"""``classicmoe version``: what is installed."""

from __future__ import annotations

from classicmoe.cli import options as o

_PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "pandas", "matplotlib", "pyarrow")


def versions() -> dict[str, str]:
    """Return versions of Python and of the packages that results depend on, without importing them."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from classicmoe import __version__

    found = {"classicmoe": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = installed(package)
        except PackageNotFoundError:
            continue
    return found


def version(as_json: o.Json = False, plain: o.Plain = False, debug: o.Debug = False) -> None:
    """Print versions."""
    found = versions()
    if as_json:
        from classicmoe.cli.output import write_json

        write_json("version", {"version": found["classicmoe"], "packages": found})
    else:
        print(*(f"{name} {number}" for name, number in found.items()), sep="\n")
