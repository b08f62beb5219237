"""The Dockerfile of the lab image, written from the same recipe.

`python -m helpers.image.dockerfile` prints it; `labs/image/Dockerfile` is kept equal to it by a test.
"""

from __future__ import annotations

from helpers.image.recipe import Recipe, load_recipe

__all__ = ["render_dockerfile"]

_TEMPLATE = """\
# The lab image for machines with Docker and a network: the packages of packages.toml on Debian's base image.
# Written by `python -m helpers.image.dockerfile`; edit packages.toml, not this file.
#
#   docker build --tag initlab-lab labs/image
ARG BASE=debian:{suite}-slim
FROM ${{BASE}}
COPY dpkg.cfg /etc/dpkg/dpkg.cfg.d/99initlab
COPY tidy.sh /tidy.sh
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \\
{packages} \\
 && sh /tidy.sh / \\
 && rm /tidy.sh
CMD ["/bin/bash"]
"""


def render_dockerfile(recipe: Recipe) -> str:
    """The Dockerfile's text for a recipe; the same on every architecture."""
    packages = " \\\n".join(f"      {name}" for name in recipe.names)
    return _TEMPLATE.format(suite=recipe.suite, packages=packages)


if __name__ == "__main__":
    print(render_dockerfile(load_recipe()), end="")
