"""What Semilla says of real models' tensors, against their own modules: nothing wrong in silence, next to nothing unknown."""

import pytest
from conformance import suite


@pytest.fixture(scope="module")
def tallies(tmp_path_factory):
    found = list(suite.tallies((*suite.LIBRARIES, "onnx"), tmp_path_factory.mktemp("conformance")))
    print(suite.header(), *(tally.row() for tally in found), suite.total(found).row(), sep="\n")
    return found


def test_nothing_is_wrong_in_silence(tallies):
    assert len(tallies) > 73
    assert suite.total(tallies).silent == []


def test_next_to_nothing_is_unknown_from_names_alone(tallies):
    whole = suite.total(tally for tally in tallies if not tally.model.startswith(("onnx", "config")))
    assert whole.counts["unknown"] < 0.005 * whole.counts["tensors"], whole.unknown


def test_reasons_are_true_of_the_modules_that_they_speak_of(tallies):
    assert suite.total(tallies).reasons == []


def test_nothing_is_unknown_or_guessed_with_a_config(tallies):
    configured = [tally for tally in tallies if tally.model.startswith("config")]
    whole = suite.total(configured)
    assert len(configured) > 11
    assert whole.counts["unknown"] == 0, whole.unknown
    assert whole.inferred == []
