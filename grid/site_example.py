"""The example of a site file that ``gridpilot init`` writes."""

EXAMPLE_SITE = """# A site file: everything gridpilot must know about your system. Change it to yours, then
#     gridpilot site load site.toml
# Power is in MW and impedances in per unit on base_mva, except where a name ends in _kw. Costs and prices are in
# the site's currency. Every fault in the file is reported at once, with its place and its remedy.

site_id = "harbour-town"
name = "Harbour Town"
timezone = "Europe/Berlin"  # IANA name; local days follow it
holidays = "DE"             # country of the holiday calendar, "" for none
currency = "EUR"
n_1 = []                    # what a plan must survive the failure of: "branches", "units"
losses = false              # whether plans count what branches lose, by their resistance_pu
notes = ["An invented example: four buses, two thermal units, a solar plant, a battery."]

# How much reserve a plan keeps: net load is covered from the 5 % to the 95 % quantile of its forecast.
[reserve]
up_level = 0.95
down_level = 0.05
# deliverable = true  # branches must stay within their ratings when a reserve is called in full
# from_plants = true  # plants that can be curtailed may hold any reserve, not only downward reserve for net load
# Products beside it: who may hold them (areas of the buses, none for all), and within how many minutes.
# [[reserve.requirements]]
# product = "spinning"
# direction = "up"
# minutes = 10.0
# areas = ["north"]
# mw = 5.0
# load_share = 0.03  # of the areas' load, beside mw

# What a new plan must save to change the one before: per MWh that a set-point moves, per hour that a unit is on instead
# of off or off instead of on.
[change_prices]
per_mwh = 0.2
per_commitment_hour = 10.0

# Plans for joint scenarios of the forecasts instead of their medians and a reserve, by expected cost and, as often as
# risk_weight says, the mean of the dearest 1 - risk_level of outcomes. They take longer.
# [scenarios]
# drawn = 100  # 0: none
# most = 10    # that stand for all
# risk_weight = 0.0
# risk_level = 0.95

# Every series is forecast in intervals of 60, 30 or 15 minutes; plans stay hourly. Meters must send as short ones.
# [forecasts]
# interval_minutes = 15

# What decides whether a newly trained model speaks: "pinball", the loss of its quantiles, or "regret", what its errors
# cost when the site's last days (8 to 42, at most) are planned with it: three plans and 72 dispatches for each day.
# [promotion]
# criterion = "regret"
# days = 14

# Meters that are forecast. Their series is called <meter_id>:<channel>.
#   kind: load, solar, or external (somebody sends us its forecasts)
#   weather_site_id: whose temperature and irradiance explain it (topic gridpilot.weather.v1)
[[meters]]
meter_id = "town"
channel = "load"
kind = "load"
interval_minutes = 15
weather_site_id = "harbour-weather"
# donors = ["harbour:load"]  # whose course short gaps may follow; a solar meter may follow irradiance without it
# register_kwh = 1000000.0  # where its register wraps to zero, if it sends one (channel import_register and the like)

[[meters]]
meter_id = "dune-solar"
channel = "generation"
kind = "solar"
interval_minutes = 15
capacity_kw = 30000.0
weather_site_id = "harbour-weather"
latitude = 53.87
longitude = 8.70
tilt_deg = 30.0
azimuth_deg = 180.0  # from north, clockwise: 180 faces south

# What must add up: where the parts differ from their check meter, the check meter's readings are flagged.
# [[sum_checks]]
# total = "town:load"
# parts = ["west-feeder:load", "east-feeder:load"]
# tolerance = 0.02

# Parameters of the validation rules, by kind of channel: load, solar, generic. What is left out keeps its default.
[validation.load]
range = { times_usual = 3.0 }
runs = { flat_hours = 6.0, zero_hours = 6.0 }

# Where the load stands: mw_per_kw times the series is the bus's load. Here 60 % and 40 % of the town.
[[loads]]
bus_id = "west"
series_id = "town:load"
mw_per_kw = 0.0006

[[loads]]
bus_id = "east"
series_id = "town:load"
mw_per_kw = 0.0004

[network]
base_mva = 100.0

[[network.buses]]
bus_id = "plant"
base_kv = 110.0

[[network.buses]]
bus_id = "west"
base_kv = 110.0

[[network.buses]]
bus_id = "east"
base_kv = 110.0

[[network.buses]]
bus_id = "dunes"
base_kv = 110.0

# Lines and transformers; leave limit_mw out where there is none.
[[network.branches]]
branch_id = "plant-west"
from_bus = "plant"
to_bus = "west"
reactance_pu = 0.05
limit_mw = 120.0

[[network.branches]]
branch_id = "plant-east"
from_bus = "plant"
to_bus = "east"
reactance_pu = 0.08
limit_mw = 80.0

[[network.branches]]
branch_id = "west-east"
from_bus = "west"
to_bus = "east"
reactance_pu = 0.06
limit_mw = 60.0

[[network.branches]]
branch_id = "dunes-east"
from_bus = "dunes"
to_bus = "east"
reactance_pu = 0.04
limit_mw = 40.0

# Groups of branches whose flows together are limited; reversed_branches count against their direction.
# [[network.interfaces]]
# interface_id = "from the plant"
# limit_mw = 150.0
# branches = ["plant-west", "plant-east"]
# reversed_branches = []

# Units that are switched on and off. segments: cost above minimum_mw, never getting cheaper; their widths sum to
# capacity_mw - minimum_mw. start_costs: what a start costs after at least so many hours off, from hot to cold.
[[thermal_units]]
unit_id = "steam"
bus_id = "plant"
fuel = "gas"
minimum_mw = 30.0
capacity_mw = 100.0
minimum_cost_per_hour = 2100.0
segments = [{ width_mw = 40.0, cost_per_mwh = 58.0 }, { width_mw = 30.0, cost_per_mwh = 64.0 }]
start_costs = [{ offline_hours = 0.0, cost = 1500.0 }, { offline_hours = 8.0, cost = 4000.0 }]
minimum_up_hours = 4.0
minimum_down_hours = 4.0
ramp_up_mw_per_hour = 60.0
ramp_down_mw_per_hour = 60.0
start_ramp_mw = 30.0
stop_ramp_mw = 30.0

[[thermal_units]]
unit_id = "turbine"
bus_id = "west"
fuel = "gas"
minimum_mw = 5.0
capacity_mw = 40.0
minimum_cost_per_hour = 600.0
segments = [{ width_mw = 35.0, cost_per_mwh = 95.0 }]
start_costs = [{ offline_hours = 0.0, cost = 250.0 }]
minimum_up_hours = 1.0
minimum_down_hours = 1.0
ramp_up_mw_per_hour = 40.0
ramp_down_mw_per_hour = 40.0
start_ramp_mw = 40.0
stop_ramp_mw = 40.0

# Plants whose available power is forecast: capacity_mw is reached when the series shows series_capacity_kw.
[[renewable_plants]]
plant_id = "dune-solar"
bus_id = "dunes"
kind = "solar"  # solar, wind or hydro
capacity_mw = 30.0
series_id = "dune-solar:generation"
series_capacity_kw = 30000.0

[[storages]]
storage_id = "harbour-battery"
bus_id = "east"
power_mw = 10.0
energy_mwh = 20.0
charge_efficiency = 0.95
discharge_efficiency = 0.95
initial_mwh = 10.0      # when no telemetry tells it
end_minimum_mwh = 10.0  # what a plan must leave
cycle_cost_per_mwh = 5.0
standing_loss_per_hour = 0.0001  # share of what is in it
end_value_per_mwh = 0.0  # what each MWh is worth that a plan leaves

# Imports and exports at a tariff. Where windows hold, the first that tells a price decides it. They follow the site's
# clock; a public holiday counts as a Sunday. One that does not end later than it starts goes on past midnight.
# [[exchanges]]
# exchange_id = "supplier"
# bus_id = "plant"
# import_mw = 40.0
# export_mw = 20.0
# import_price = 110.0  # per MWh
# export_price = 60.0
# [[exchanges.windows]]
# days = ["mon", "tue", "wed", "thu", "fri"]
# months = [11, 12, 1, 2]
# start = "17:00"
# end = "20:00"
# import_price = 190.0
# [[exchanges.windows]]
# start = "22:00"
# end = "06:00"
# import_price = 75.0
# export_price = 40.0

# Cars: who is plugged in from when to when, week by week. Power and energy are those of each vehicle, in kW and kWh.
# [[ev_fleets]]
# fleet_id = "depot-vans"
# bus_id = "west"
# vehicles = 60
# charger_kw = 22.0
# battery_kwh = 75.0
# charge_efficiency = 0.92
# discharge_kw = 0.0  # what each can feed back
# [[ev_fleets.stays]]
# days = ["mon", "tue", "wed", "thu"]
# vehicles = 60
# arrives = "17:30"
# arrives_kwh = 20.0
# leaves = "06:30"
# due_kwh = 70.0
# [[ev_fleets.stays]]
# days = ["fri"]
# nights = 3  # that they stay; left out: until clocks next show when they leave
# vehicles = 60
# arrives = "17:30"
# arrives_kwh = 20.0
# leaves = "06:30"
# due_kwh = 70.0

# Water behind a turbine. Inflow is the mean power that it could give; what does not fit in is spilt.
# [[reservoirs]]
# reservoir_id = "upper-lake"
# bus_id = "dunes"
# power_mw = 8.0
# energy_mwh = 120.0
# inflow_mw = 1.5  # or monthly_inflow_mw = [1.0, 1.2, 2.5, 3.0, 2.2, 1.4, 0.9, 0.6, 0.7, 1.0, 1.3, 1.1]
# initial_mwh = 60.0
# end_minimum_mwh = 60.0
# end_value_per_mwh = 40.0  # what the water of a MWh is worth that a plan leaves
"""
