"""What the machine can do at best: a large product, and copying."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.session import Session, timed_row
from benchmarks.timing import Case, call_case, carry_case

_COPIES = 8  # in one call, in place: fresh memory would time the operating system


def measure(session: Session) -> None:
    """Times a large product and a copy, against which the rest is held."""
    on_cpu = jax.default_backend() == "cpu"
    products = product_cases(2048 if on_cpu else 8192)
    copy, moved = copy_case(128 if on_cpu else 1024)
    timings = session.time([*products, copy])
    rates = {case.name: n / timings[case.name].median for case, n in products.items()}
    for name, rate in rates.items():
        row = timed_row(name, timings[name], GFLOPs=rate / 1e9)
        session.keep("ceilings", row, ["ms", "GFLOPs"])
    session.product_rate = next(iter(rates.values()))  # float32
    session.bandwidth = moved / timings[copy.name].median
    row = timed_row(copy.name, timings[copy.name], GBps=session.bandwidth / 1e9)
    session.keep("ceilings", row, ["ms", "GBps"])


def product_cases(size: int) -> dict[Case, float]:
    """Returns products of square matrices, with the operations in each."""
    kinds = {"float32": (jnp.float32, "highest"), "bfloat16": (jnp.bfloat16, "default")}
    if jax.default_backend() != "cpu":
        kinds["TF32"] = (jnp.float32, "high")
    cases = {}
    for name, (dtype, precision) in kinds.items():
        a = jax.random.normal(jax.random.key(0), (size, size), dtype)
        product = jax.jit(lambda a, b, p=precision: jnp.matmul(a, b, precision=p))
        cases[call_case(f"product {name}", product, a, a)] = 2.0 * size**3
    return cases


def copy_case(megabytes: int) -> tuple[Case, float]:
    """Returns a copy in place, with the bytes that it reads and writes."""
    x = jnp.zeros((megabytes << 18,), jnp.float32)

    @jax.jit
    def copy(x):
        return lax.fori_loop(0, _COPIES, lambda _, x: x + 1, x)

    copied = jax.jit(copy, donate_argnums=0)
    return carry_case("copy", copied, x, per=_COPIES), 2.0 * x.nbytes
