"""The third paper: every study of Savarese & Maire 2019 on CIFAR and on grids.

Each study trains in a folder of its own below the workdir, and goes on where it was.
51 runs; meant for a GPU.

python -m launch.paper --paper=savarese2019 --workdir=results/paper --data_dir=DIR
"""

STUDIES = ("cifar10", "cifar100", "cifar10_widths", "shortest_paths")
