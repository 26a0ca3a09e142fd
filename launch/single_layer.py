"""Simulates single layers that learn to share: the rule at once, and its circuit.

python -m launch.single_layer --workdir=results/single_layer

Leaves a table, a record and a picture of minus the logarithm of the SNR. Fields are
changed by --set=gammas=0.1,0.01, or for one rule, --set=circuit.alpha=5.
"""

from absl import flags

from ws_jax import cli

WORKDIR = cli.define_workdir("Folder of what is written, made if missing.")
RULES = flags.DEFINE_list("rules", ["instant", "circuit"], "What is simulated.")
SET = flags.DEFINE_multi_string(
    "set", [], "A field and its value, as trials=3 or circuit.alpha=5; --set=fields "
    "lists them."
)  # fmt: skip
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Say what would be done, and do nothing.")
ALLOW_DIVERGING = flags.DEFINE_bool(
    "allow_diverging", False, "Also simulate what is known to diverge."
)
OVERWRITE = cli.define_overwrite("Replace the study that is in the folder.")


def main() -> None:
    """Simulates, and writes the folder."""
    cli.setup_jax()
    from ws_jax.single_layer import study

    if "fields" in SET.value:
        print(study.fields_text(RULES.value))
        return
    pools = study.read_pools(RULES.value, SET.value, ALLOW_DIVERGING.value)
    for pool in pools:
        print(study.describe(pool), flush=True)
    if DRY_RUN.value:
        return
    folder = study.write(pools, cli.required(WORKDIR), OVERWRITE.value)
    print(f"single layers: {folder}")


if __name__ == "__main__":
    cli.run(main)
