"""`initlab image …`: build, look at and remove the lab image."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    name="image",
    help="The lab image: one Debian root file system with every init, built once and checked on use. "
    "A second one, Alpine with the real s6-rc, is optional.",
    no_args_is_help=True,
)


class BuilderName(StrEnum):
    """What can build the image."""

    auto = "auto"
    mmdebstrap = "mmdebstrap"
    docker = "docker"


class RecipeName(StrEnum):
    """Which image."""

    debian = "debian"
    alpine = "alpine"


Which = Annotated[RecipeName, typer.Option("--recipe", help="Which image.")]


@app.command()
def build(
    builder: Annotated[
        BuilderName,
        typer.Option("--with", help="What builds it; auto takes Docker only where mmdebstrap is missing."),
    ] = BuilderName.auto,
    recipe: Annotated[
        RecipeName,
        typer.Option(
            "--recipe",
            help="debian: what every lab runs on. alpine: with the real s6-rc and s6-linux-init; optional, "
            "fetched from Alpine's mirror. The authors' tests have no network and left its packages untried.",
        ),
    ] = RecipeName.debian,
    again: Annotated[bool, typer.Option("--again", help="Remove the image first and build it anew.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte of an image that is there.")] = False,
) -> None:
    """Build the image if it is absent or broken (Debian's: about a minute, 330 MB)."""
    from helpers.image import clean, ensure, info

    if again:
        for sentence in clean(current=True, older=False, recipes=(recipe.value,)):
            typer.echo(sentence)
    ensure(deep=deep, builder=builder.value, recipe=recipe.value)
    state = info(recipe=recipe.value)
    typer.echo(f"{state.rootfs}: {state.packages} packages, {state.files} files, {state.size // 2**20} MB")


@app.command()
def info(
    recipe: Which = RecipeName.debian,
    packages: Annotated[
        bool, typer.Option("--packages", help="List every package with version and size.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte, not only names, sizes and times.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where the image is, whether it is whole, and what it holds. Builds nothing."""
    from rich.console import Console
    from rich.table import Table

    from helpers import image

    state = image.info(deep=deep, recipe=recipe.value)
    listed = image.packages(recipe.value) if packages and state.state == "ready" else []
    if as_json:
        data = {**asdict(state), "rootfs": str(state.rootfs)}
        if packages:
            data["installed"] = [asdict(package) for package in listed]
        typer.echo(json.dumps(data, indent=2))
        return
    console = Console()
    facts = Table(box=None, show_header=False)
    facts.add_row("state", f"{state.state}: {state.fault}" if state.fault else state.state)
    facts.add_row("recipe", state.digest[:12])
    facts.add_row("folder", str(state.rootfs))
    if state.state == "ready":
        facts.add_row("built", f"{state.built}, in {state.seconds:.0f} s")
        facts.add_row("holds", f"{state.packages} packages, {state.files} files, {state.size // 2**20} MB")
    else:
        more = "" if recipe is RecipeName.debian else f" --recipe {recipe.value}"
        facts.add_row("next", f"initlab image build{more}")
    console.print(facts)
    if listed:
        table = Table(box=None)
        table.add_column("package")
        table.add_column("version")
        table.add_column("MB", justify="right")
        table.add_column("why it is here")
        for package in listed:
            table.add_row(
                package.name,
                package.version,
                f"{package.size / 2**20:.1f}",
                package.reason or "[dim]dependency[/dim]",
            )
        console.print(table)


@app.command()
def clean(
    everything: Annotated[bool, typer.Option("--all", help="Remove the current images too.")] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="Also from the Docker engine that answers.")
    ] = False,
) -> None:
    """Remove images of older recipes and what interrupted builds left (--all: both present images too)."""
    from helpers.image import clean as clean_images

    for sentence in clean_images(current=everything, docker=docker) or ["nothing to remove"]:
        typer.echo(sentence)
