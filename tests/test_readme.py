"""What the README shows works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from pipelines.cli import main
from pipelines.runner import check
from schemas.recipe import load_recipe, parse_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language):
    """Return the README's only block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return found


def test_the_recipe_is_one(tmp_path):
    recipe = parse_recipe(yaml.safe_load(block("yaml")), "README")
    check(recipe)
    assert len(recipe.offline + recipe.online) == 5


def test_the_training_loop_trains(demo_folder):
    ended = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=demo_folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.count("val_loss") == 3


def test_the_links_and_the_picture_are_there():
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    assert linked
    for target in linked:
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_every_command_it_names_exists(capsys):
    for command in set(re.findall(r"seismill ([a-z]+)\b", README)) - {"demo"}:
        try:
            main([command, "--help"])
        except SystemExit as ended:
            assert ended.code == 0, command


def test_every_checked_in_recipe_can_be_read(monkeypatch, tmp_path):
    monkeypatch.setenv("SEISMILL_REAL_DATA", str(tmp_path))
    monkeypatch.setenv("SEISMILL_DEMO_ARCHIVE", str(tmp_path))
    paths = sorted((ROOT / "pipelines/recipes").glob("*.yaml"))
    assert len(paths) >= 5
    for path in paths:
        check(load_recipe(path))
