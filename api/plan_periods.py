"""What a plan tells of each asset, bus and line in one interval."""

from __future__ import annotations

from pydantic import Field

from api.schemas import Document


class UnitPeriod(Document):
    """A thermal unit in one interval."""

    on: bool = Field(description="Committed.")
    power_mw: float = Field(description="Mean output. [MW]")
    reserve_mw: float = Field(description="Upward reserve it holds. [MW]")
    reserve_down_mw: float | None = Field(default=None, description="Downward reserve it holds. [MW]")
    headroom_up_mw: float | None = Field(
        default=None,
        description="More that it could give within capacity, ramps, start and stop, reserve included. [MW]",
    )
    headroom_down_mw: float | None = Field(
        default=None, description="Less that it could give and stay on, within its ramp, reserve included. [MW]"
    )


class RenewablePeriod(Document):
    """A plant in one interval; what is available and not taken is curtailed."""

    power_mw: float = Field(description="Taken. [MW]")
    available_mw: float = Field(description="Available by the forecast's median. [MW]")
    reserve_mw: float | None = Field(default=None, description="Upward reserve it holds, by curtailment. [MW]")
    reserve_down_mw: float | None = Field(default=None, description="Downward reserve it holds. [MW]")


class StoragePeriod(Document):
    """A storage in one interval."""

    charge_mw: float = Field(description="Taken from the grid. [MW]")
    discharge_mw: float = Field(description="Fed to the grid. [MW]")
    state_of_charge_mwh: float = Field(description="At the interval's end. [MWh]")
    reserve_mw: float | None = Field(default=None, description="Upward reserve it holds. [MW]")
    reserve_down_mw: float | None = Field(default=None, description="Downward reserve it holds. [MW]")


class ExchangePeriod(Document):
    """Trade with the outside in one interval."""

    import_mw: float = Field(description="What comes in. [MW]")
    export_mw: float = Field(description="What goes out. [MW]")
    import_price: float = Field(description="Paid for what comes in. [money/MWh]")
    export_price: float = Field(description="Earned by what goes out. [money/MWh]")


class BusPeriod(Document):
    """Price and load at a bus in one interval; `lmp` is the sum of its three parts. [money/MWh]"""

    lmp: float = Field(description="Locational marginal price. [money/MWh]")
    energy: float = Field(description="Its part for energy. [money/MWh]")
    congestion: float = Field(description="Its part for congestion. [money/MWh]")
    loss: float = Field(description="Its part for losses; 0 in a lossless network. [money/MWh]")
    load_mw: float | None = Field(default=None, description="Load that is planned for at the bus. [MW]")


class BranchPeriod(Document):
    """A line or transformer in one interval."""

    flow_mw: float = Field(description="Flow, positive in the branch's direction. [MW]")
    limit_mw: float | None = Field(description="Continuous rating; null if unlimited. [MW]")
    shadow_price: float = Field(description="Saving per MW of extra rating for an hour; 0 unless it binds.")


class LinkPeriod(Document):
    """An HVDC link in one interval."""

    flow_mw: float = Field(description="Flow, positive in the link's direction. [MW]")
    limit_mw: float = Field(description="Rating. [MW]")


class ReservePeriod(Document):
    """A requirement of a reserve product in one interval."""

    required_mw: float = Field(description="What must be held. [MW]")
    held_mw: float = Field(description="What is held. [MW]")
    price: float = Field(description="What 1 MW more would cost. [money/MW and hour]")
    held_by: dict[str, float] = Field(description="Who holds how much, by asset id. [MW]")


class SystemPeriod(Document):
    """The whole system in one interval."""

    load_mw: float = Field(description="Load that is planned for. [MW]")
    reserve_up_mw: float = Field(description="Upward reserve held. [MW]")
    reserve_up_required_mw: float = Field(description="Upward reserve required. [MW]")
    reserve_up_price: float = Field(description="Marginal price of upward reserve. [money/MW and hour]")
    reserve_down_mw: float = Field(description="Downward reserve held. [MW]")
    reserve_down_required_mw: float = Field(description="Downward reserve required. [MW]")
    reserve_down_price: float = Field(description="Marginal price of downward reserve. [money/MW and hour]")
    losses_mw: float = Field(default=0.0, description="Lost in branches. [MW]")
    curtailed_mw: float = Field(description="Renewable power not taken. [MW]")
    production_cost: float = Field(description="Cost of the interval. [money]")
    exchange_cost: float = Field(default=0.0, description="What imports cost less what exports earn. [money]")
