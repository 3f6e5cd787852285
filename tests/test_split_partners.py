"""Partners come from the window's own split: what noise was added is stored nowhere to check."""

from pipelines import shards
from pipelines.runner import augment
from pipelines.split import assign_split
from schemas.window import SPLITS
from tests.builders import listed
from tests.jobs import data_folder, job_recipe


def test_pairing_never_crosses_splits(tmp_path, monkeypatch):
    rule = {"shares": {"train": 0.4, "validation": 0.3, "test": 0.3}}
    recipe = job_recipe(data_folder(tmp_path / "in", 45), split=rule, augmented_splits=SPLITS)
    pairs = []

    def load_partners(item, recipe):
        pairs.extend((item.inspected, held) for step in item.partners.values() for held in step)
        return {}

    # The job runs in this process; that its partners are never loaded only makes it faster.
    monkeypatch.setattr(shards, "_load_partners", load_partners)
    augment(recipe, str(tmp_path / "out"), quiet=True)
    found = {(window.split, partner.kind) for window, partner in pairs}
    assert found == {(assign_split(item, recipe), item.kind) for item in listed(recipe)}
    assert len(found) > 4  # events in all splits, noise in more than one
    for window, partner in pairs:
        assert window.split == assign_split(window.reference, recipe)
        assert window.split == assign_split(partner, recipe), (window, partner)
    assert len(pairs) > 200
