"""``gridpilot init`` and ``gridpilot site``: the file that says what is metered, forecast and dispatched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.session import open_database, shell_actor
from grid.faults import Fault, InputError
from grid.site import Site

app = typer.Typer(help="The site: meters, network, units, storages.", no_args_is_help=True)


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("site.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented example of a site file."""
    from grid.site_file import EXAMPLE_SITE

    if file.exists() and not force:
        raise InputError([Fault(str(file), "exists already", "choose another name, or add --force")])
    try:
        file.write_text(EXAMPLE_SITE, encoding="utf-8")
    except OSError as error:
        raise InputError([Fault(str(file), f"cannot be written: {error.strerror}", "choose another place")]) from None
    typer.echo(f"wrote {file}; next: make it yours, then gridpilot site load {file}")


@app.command("check")
def check(file: Annotated[Path, typer.Argument(help="A site file.")]) -> None:
    """Check a site file without a database; every fault is listed."""
    typer.echo(_summary(_read(file)))


@app.command("load")
def load(file: Annotated[Path, typer.Argument(help="A site file.")]) -> None:
    """Check a site file and make it the site that is forecast and planned."""
    from grid.store.sites import save_site

    site = _read(file)
    with open_database() as conn:
        save_site(conn, site, actor=shell_actor())
    typer.echo(_summary(site))


def _read(file: Path) -> Site:
    from grid.site_file import read_site_file

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Fault(str(file), f"cannot be read: {error}", "name a readable UTF-8 file")]) from None
    return read_site_file(text)


def _summary(site: Site) -> str:
    return (
        f"site {site.site_id}: {len(site.meters)} meters, {len(site.network.buses)} buses, "
        f"{len(site.network.branches)} branches, {len(site.thermal_units)} thermal units, "
        f"{len(site.renewable_plants)} renewable plants, {len(site.storages)} storages, "
        f"{len(site.exchanges)} exchanges, {len(site.ev_fleets)} fleets, {len(site.reservoirs)} reservoirs"
    )
