from pathlib import Path

import pytest

from facing.crop import PUBLISHED, CropSpec
from facing.datasets.sample import LabelledHead, LeftOut, Sample, load_reader, reader_names
from facing.errors import UnknownNameError
from facing.evaluation.outcomes import Run
from facing.evaluation.protocol import Protocol, apply_protocol, load_protocol, protocol_names
from facing.evaluation.summary import summarise

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
# reader -> folder, and heads that each protocol takes of what lies there
FOLDERS = {"aflw2000": "AFLW2000", "pointing04": "Pointing04", "cmu-faces": "CMU_faces", "biwi": "BIWI/hpdb"}
TAKEN = {
    "aflw2000-1969": 160,
    "aflw2000-hopenet": 160,
    "aflw2000-6drepnet": 160,
    "aflw2000-fsanet": 160,
    "aflw2000-pyramid": 160,
    "aflw2000-compact": 160,
    "pointing04-orientation": 462,  # 6 persons, 7 tilts, 5 front and 6 side pans
    "cmu-straight-left-right": 76,
    "biwi-all": 4,
    "biwi-70-30": 0,  # sequence 01 trains
}


@pytest.fixture(params=protocol_names())
def name(request):
    return request.param


def test_the_rule_is_stated(name):
    protocol = load_protocol(name)
    assert isinstance(protocol, Protocol)
    for text in (protocol.title, protocol.filter, protocol.box_rule, protocol.convention, protocol.source):
        assert len(text) >= 4
    assert protocol.expected_count is None or protocol.expected_count > 100


def test_its_set_can_be_read(name):
    assert load_protocol(name).reader in reader_names()


def test_its_figures_are_figures(name):
    figures = summarise(Run("labels", (), (), (), ()))
    assert load_protocol(name).metrics
    assert set(load_protocol(name).metrics) <= set(figures)


def test_its_crop_is_a_spec(name):
    crop = load_protocol(name).crop
    assert crop is None or isinstance(crop, CropSpec)
    system = name.rpartition("-")[2]
    if name.startswith("aflw2000") and system in PUBLISHED:
        assert crop == PUBLISHED[system]


def test_it_takes_what_it_says_of_genuine_files(name):
    protocol = load_protocol(name)
    if name not in TAKEN:
        pytest.skip("no genuine files of this set are known")
    folder = DATA / FOLDERS[protocol.reader]
    if not folder.is_dir():
        pytest.skip("needs the labelled pictures beside the repository")
    entries = list(load_reader(protocol.reader).samples(folder))
    taken = list(apply_protocol(protocol, entries))
    samples = [entry for entry in taken if isinstance(entry, Sample)]
    assert sum(len(sample.heads) for sample in samples) == TAKEN[name]
    assert all(isinstance(head, LabelledHead) for sample in samples for head in sample.heads)
    left_out = [entry for entry in taken if isinstance(entry, LeftOut)]
    assert len(samples) + len(left_out) == len(entries)  # these sets have one head per picture
    assert all(entry.reason for entry in left_out)


def test_dash_and_underscore_are_one_and_the_nearest_name_is_given():
    assert load_protocol("biwi_70_30") is load_protocol("biwi-70-30")
    with pytest.raises(UnknownNameError, match="Did you mean 'aflw2000-hopenet'"):
        load_protocol("aflw2000-hopnet")
