"""``classicmoe warmup``: compile the kernels before it matters."""

from __future__ import annotations

from classicmoe.cli import options as o


def warmup(as_json: o.Json = False, plain: o.Plain = False, debug: o.Debug = False) -> None:
    """Compile the numerical kernels once; later runs load them from disk."""
    from classicmoe.cli.output import write_json
    from classicmoe.em.warmup import warmup as compile_kernels

    seconds = compile_kernels()
    if as_json:
        write_json("warmup", {"seconds": round(seconds, 3)})
    else:
        print(f"kernels ready after {seconds:.1f} s")
