"""The codes of a Green Button ReadingType stand for a channel, or are left out with a reason."""

from __future__ import annotations

import pytest

from ingest.espi_types import ReadingType, read_type


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"uom": "72", "flowDirection": "19", "accumulationBehaviour": "3"}, "export_register"),
        ({"uom": "72", "flowDirection": "1", "accumulationBehaviour": "2"}, "import_register"),
        ({"uom": "38", "flowDirection": "1", "accumulationBehaviour": "12", "dataQualifier": "2"}, "import"),
        ({"uom": "29"}, "voltage"),
    ],
)
def test_a_type_stands_for_a_channel(fields: dict[str, str], expected: str) -> None:
    meaning = read_type(fields)
    assert isinstance(meaning, ReadingType)
    assert meaning.channel.value == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"uom": "72", "flowDirection": "4", "accumulationBehaviour": "4"},  # net
        {"uom": "72", "flowDirection": "1", "accumulationBehaviour": "9"},  # summation over a billing period
        {"uom": "38", "flowDirection": "1", "accumulationBehaviour": "12"},  # instantaneous power
        {"uom": "38", "flowDirection": "1", "accumulationBehaviour": "4", "dataQualifier": "8"},  # maximum
        {"uom": "63", "flowDirection": "1"},  # reactive power
        {"uom": "119", "commodity": "7"},  # gas
    ],
)
def test_a_type_that_is_no_mean_or_total_of_energy_is_left_out_with_a_reason(fields: dict[str, str]) -> None:
    assert isinstance(read_type(fields), str)
