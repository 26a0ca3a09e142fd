"""The whole second paper: every study of Pogodin et al. 2021 on small images.

Each study trains in a folder of its own below the workdir, and goes on where it was. 51
runs of 200 epochs; meant for a GPU. `imagenet` is a study of its own: few machines hold
its images.

python -m launch.paper --paper=pogodin2021 --workdir=results/pogodin --data_dir=DIR
"""

STUDIES = ("cifar10", "cifar10_translations", "cifar100", "tiny_imagenet")
