"""Units convert at the edge, both ways, and back to where they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.units import STORED_UNIT, Channel, accepted_units, from_stored_unit, to_stored_unit

PAIRS = [(channel, unit) for channel in Channel for unit in accepted_units(channel)]


@given(st.sampled_from(PAIRS), st.floats(-1e6, 1e6), st.sampled_from([1, 5, 15, 60, 1440]))
def test_what_goes_out_in_a_unit_comes_back_as_it_was(pair: tuple[Channel, str], value: float, minutes: int) -> None:
    channel, unit = pair
    out = from_stored_unit(np.array([value]), unit=unit, channel=channel, interval_minutes=minutes)
    back = to_stored_unit(out, unit=unit, channel=channel, interval_minutes=minutes)
    np.testing.assert_allclose(back, [value], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("channel", list(Channel))
def test_the_stored_unit_changes_nothing(channel: Channel) -> None:
    values = np.array([0.1, np.nan, -3.7])
    same = from_stored_unit(values, unit=STORED_UNIT[channel], channel=channel, interval_minutes=15)
    np.testing.assert_array_equal(same, values)


def test_energy_of_mixed_lengths_temperature_and_registers_by_hand() -> None:
    mean_kw, minutes = np.array([4.0, 4.0, 4.0]), np.array([15.0, 30.0, 60.0])
    energy = from_stored_unit(mean_kw, unit="kWh", channel=Channel.LOAD, interval_minutes=minutes)
    np.testing.assert_array_equal(energy, [1.0, 2.0, 4.0])
    celsius = np.array([0.0, 100.0])
    warm = from_stored_unit(celsius, unit="degF", channel=Channel.AIR_TEMPERATURE, interval_minutes=60)
    np.testing.assert_allclose(warm, [32.0, 212.0])
    count = from_stored_unit(np.array([1500.0]), unit="MWh", channel=Channel.IMPORT_REGISTER, interval_minutes=15)
    np.testing.assert_allclose(count, [1.5])


def test_a_unit_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        from_stored_unit(np.array([1.0]), unit="V", channel=Channel.LOAD, interval_minutes=15)
