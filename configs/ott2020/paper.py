"""The whole first paper: every table and figure of Ott et al. 2020, study by study.

Each study trains in a folder of its own below the workdir, and goes on where it was.
1,418 runs; meant for a GPU. `--semantics=released` takes the readings of the released
code.

python -m launch.paper --workdir=results/paper --data_dir=DIR
"""

# Whose word may hold (docs/design/0005); the first if nobody says.
READINGS = ("paper", "released")
STUDIES = (
    "mnist_grid",
    "cifar10_grid",
    "mnist_translation",
    "cifar10_translation",
    "mnist_edge_noise",
    "cifar10_edge_noise",
    "mnist_noise",
    "cifar10_noise",
    "mnist_rotation",
    "cifar10_rotation",
    "mnist_vcp",
    "cifar10_vcp",
)
