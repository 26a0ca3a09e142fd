"""Fields that say nothing of what was trained, for rooms that do not wait for JAX.

Pages tell no settings apart by them. Most are no part of a run's identity, which a
field says itself where it is declared (`identity=False`); a test holds these lists to
the declarations. Glossary: digest, cell.
"""

# How a sweep saves and goes on. It may go on under other values of these.
SAVING = (
    "execution.checkpoint_every",
    "execution.keep",
    "execution.keep_state",
    "execution.changed_code",
)
# How the work is done: the same numbers, bit for bit.
WORK = (*SAVING, "execution.chunk")
# Part of the identity all the same, since it rounds otherwise: the same products in
# another order.
ROUNDED = ("execution.lowering",)
# What other fields settle: presets their word, decays whether there is one.
IMPLIED = ("semantics", "train.optimizer.decays")
