"""``gridpilot models``: which there are, which one speaks, and the way back to the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from api.commands.session import AsJson, open_database, print_json, print_table, shell_actor
from forecasting.engine.format import ModelRefusedError, check_format
from forecasting.judging.backtest import LEAD_BLOCK_HOURS
from grid.faults import Fault, InputError
from grid.store.models import CHAMPION, StoredModel, UnknownModelError, list_models, promote, retire, roll_back
from grid.store.scores import load_drifts

app = typer.Typer(help="Trained models.", no_args_is_help=True)

_BAR_LENGTH = 40


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """Every model, the newest first."""
    with open_database() as conn:
        found = list_models(conn)
        drifts = {drift.model_id: drift.document["*"] for drift in load_drifts(conn, only_mean=True).values()}
    if as_json:
        judged = ("scores", "comparison", "criterion", "regret")
        told = ({name: model.manifest.get(name) for name in judged} for model in found)
        print_json(
            [{**_document(x), **said, "drift": drifts.get(x.model_id)} for x, said in zip(found, told, strict=True)]
        )
    else:
        said = {name: mean["reason"] for name, mean in drifts.items()}
        rows = [
            (x.model_id, x.kind, x.status, x.created_at, x.promoted_at, *_judged(x.manifest), said.get(x.model_id))
            for x in found
        ]
        print_table(("model", "kind", "status", "created", "promoted", "pinball", "regret a day", "drift"), rows)


def _judged(manifest: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Pinball loss as a share of mean power, and regret where it was told."""
    scores, regret = manifest.get("scores"), manifest.get("regret")
    return scores and f"{scores['pinball']:.4f}", regret and f"{regret['challenger']:.0f}"


@app.command("scores")
def scores(
    model_id: Annotated[str, typer.Argument(help="Which model; every champion if none is named.")] = "",
    as_json: AsJson = False,
) -> None:
    """How good a model was in the backtest of its night: beside the seasonal naive, by lead time, hour and level."""
    with open_database() as conn:
        every = list_models(conn)
    chosen = [one for one in every if (one.model_id == model_id if model_id else one.status == CHAMPION)]
    if model_id and not chosen:
        raise InputError([Fault(model_id, "there is no such model", "see gridpilot models list")])
    if as_json:
        print_json({one.model_id: one.manifest.get("scores") for one in chosen})
        return
    for one in chosen:
        told = one.manifest.get("scores") or {}
        typer.echo(f"{one.model_id}: {told.get('windows', 0)} forecasts of {one.kind}, {one.status}")
        print_table(("score", "model", "seasonal naive"), _summary(told))
        print_table(("hours ahead", "skill", ""), _by_lead(told))
        print_table(("local hour", "skill", ""), _bars(range(24), told.get("skill_by_hour", ())))
        print_table(("level", "came at or below", ""), _bars(told.get("levels", ()), told.get("reliability", ())))
    if not chosen:
        typer.echo("There is no champion yet; gridpilot train makes the first one.")


def _summary(told: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """A row per score: its name, the model's, the baseline's."""
    crps = told.get("pinball") and 2.0 * told["pinball"]
    return [
        ("pinball loss, of mean power", _percent(told.get("pinball")), _percent(told.get("baseline_pinball"))),
        ("CRPS, of mean power", _percent(crps), None),
        ("peak-weighted pinball loss, of mean power", _percent(told.get("peak_pinball")), None),
        ("WQL", _percent(told.get("wql")), None),
        ("mean absolute error of the median, of mean power", _percent(told.get("mae")), None),
        ("skill", _percent(told.get("skill")), None),
        ("skill at peaks", _percent(told.get("peak_skill")), None),
        ("central 50 % covers", _percent(told.get("coverage_50")), None),
        ("central 90 % covers", _percent(told.get("coverage_90")), _percent(told.get("baseline_coverage_90"))),
    ]


def _by_lead(told: Mapping[str, Any]) -> list[tuple[str, str | None, str]]:
    shares = told.get("skill_by_lead", ())
    return _bars([f"{k * LEAD_BLOCK_HOURS} to {(k + 1) * LEAD_BLOCK_HOURS}" for k in range(len(shares))], shares)


def _bars(names: Iterable[object], shares: Sequence[float | None]) -> list[tuple[str, str | None, str]]:
    """A row per share, drawn as a bar; none for what is not known or below zero."""
    rows = zip(names, shares, strict=False)  # of a model that was scored before there was this, nothing
    return [(str(name), _percent(share), "█" * round(max(share or 0.0, 0.0) * _BAR_LENGTH)) for name, share in rows]


@app.command("drift")
def drift(as_json: AsJson = False) -> None:
    """Each champion's last week against what its backtest promised, over all series (*) and one by one."""
    with open_database() as conn:
        found = load_drifts(conn)
    if as_json:
        documents = {kind: {**asdict(one), "checked_at": one.checked_at.isoformat()} for kind, one in found.items()}
        print_json(documents)
        return
    rows = [
        (kind, name, _percent(seen["loss"]), _percent(seen["promised_loss"]), _percent(seen["missed"]), seen["reason"])
        for kind, one in sorted(found.items())
        for name, seen in sorted(one.document.items())
    ]
    print_table(("kind", "series", "loss", "promised", "outside 90 %", "what it means"), rows)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"


@app.command("promote")
def make_champion(
    model_id: Annotated[str, typer.Argument(help="Which model, see gridpilot models list.")], as_json: AsJson = False
) -> None:
    """Make a model the champion of its kind: it speaks from the next forecast on."""
    with open_database() as conn:
        try:
            with conn.transaction():
                champion = promote(conn, model_id, actor=shell_actor())
                check_format(champion.model_id, champion.manifest)
        except UnknownModelError:
            raise InputError([Fault(model_id, "there is no such model", "see gridpilot models list")]) from None
        except ModelRefusedError as error:
            raise InputError([Fault(model_id, "it could not speak", str(error))]) from None
    _tell(champion, as_json=as_json)


@app.command("rollback")
def back(
    kind: Annotated[Literal["load", "solar"], typer.Argument(help="What it forecasts.")], as_json: AsJson = False
) -> None:
    """Make the champion before the present one champion again."""
    with open_database() as conn:
        try:
            with conn.transaction():
                champion = roll_back(conn, kind, actor=shell_actor())
                check_format(champion.model_id, champion.manifest)
        except UnknownModelError as error:
            raise InputError([Fault(kind, str(error), "or let stand-ins speak: gridpilot models retire")]) from None
        except ModelRefusedError as error:
            raise InputError([Fault(kind, "the champion before could not speak", str(error))]) from None
    _tell(champion, as_json=as_json)


@app.command("retire")
def without_champion(kind: Annotated[Literal["load", "solar"], typer.Argument(help="What it forecasts.")]) -> None:
    """Leave a kind without a champion: stand-ins that need no trained model speak until one is promoted."""
    with open_database() as conn:
        try:
            retired = retire(conn, kind, actor=shell_actor())
        except UnknownModelError as error:
            raise InputError([Fault(kind, str(error), "there is none to retire; stand-ins speak already")]) from None
    typer.echo(f"{retired.model_id} is retired; stand-ins speak for {kind}")


def _tell(champion: StoredModel, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(champion))
    else:
        typer.echo(f"{champion.model_id} is champion of {champion.kind}")
        if verdict := champion.manifest.get("verdict"):
            typer.echo(f"when it was trained: {verdict}")


def _document(model: StoredModel) -> dict[str, object]:
    return {
        "model_id": model.model_id,
        "kind": model.kind,
        "status": model.status,
        "created_at": model.created_at.isoformat(),
        "promoted_at": model.promoted_at and model.promoted_at.isoformat(),
    }
