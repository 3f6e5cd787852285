"""Imports run one way: pipelines -> augment_ops -> schemas. Read from the files' syntax."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "augment_ops", "pipelines")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = {"apache_beam", "obspy", "h5py"}
# Besides the sources: what opens HDF5 for them; STA/LTA and travel times, which are ObsPy's own.
KNOW_FORMATS = {"hdf5.py", "noise_screen.py", "noise_catalogue.py"}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path, everywhere=True):
    """Return the modules that a file imports; those inside of functions only `everywhere`.

    What stands under ``if TYPE_CHECKING`` is never imported, and counts only `everywhere`.
    """
    found = set()

    def visit(node):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if everywhere or not (deferred or checking):
            for child in ast.iter_child_nodes(node):
                visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def tops(path):
    return {name.partition(".")[0] for name in imports(path)}


def reached(module):
    """Return all that importing a module imports: ours followed, others by name."""
    seen, todo, others = set(), [module], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        parent = name.rpartition(".")[0]
        if parent in MODULES:
            todo.append(parent)
        for found in imports(MODULES[name], everywhere=False):
            if found in MODULES:
                todo.append(found)
            elif found.partition(".")[0] not in PACKAGES:
                others.add(found.partition(".")[0])
            elif found.rpartition(".")[0] in MODULES:
                todo.append(found.rpartition(".")[0])
    return seen, others


def test_there_is_something_to_look_at():
    assert {"schemas.window", "augment_ops.core.steps", "pipelines.feed"} <= set(MODULES)
    assert "apache_beam" in tops(MODULES["pipelines.job"])
    assert "tensorflow" in tops(MODULES["schemas.record"])
    assert "tensorflow" not in {
        name.partition(".")[0] for name in imports(MODULES["schemas.record"], everywhere=False)
    }


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_arrows(path):
    package = path.relative_to(ROOT).parts[0]
    above = PACKAGES[PACKAGES.index(package) + 1 :]
    assert not tops(path) & set(above)
    assert not tops(path) & {"tests", "builders", "conftest"}
    if package != "pipelines":
        assert not tops(path) & HEAVY


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_only_sources_know_their_formats_libraries(path):
    name = path.relative_to(ROOT)
    known = {str(Path("pipelines", module)) for module in KNOW_FORMATS}
    if name.parts[:2] != ("pipelines", "sources") and str(name) not in known:
        assert not tops(path) & {"obspy", "h5py"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("pipelines.feed")])
def test_the_feed_does_not_reach_beam(module):
    ours, others = reached(module)
    assert "apache_beam" not in others
    assert "tensorflow" in others or module != "pipelines.feed"
    assert len(ours) > 1


def loaded_after(statement, *names):
    code = f"{statement}\nimport sys\nprint([n for n in {names!r} if n in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return ast.literal_eval(run.stdout.strip().splitlines()[-1])


def test_the_command_line_loads_nothing_heavy():
    heavy = ("tensorflow", "apache_beam", "obspy", "h5py", "tensorflow_datasets", "matplotlib")
    assert loaded_after("import pipelines.cli", "pipelines.cli", *heavy) == ["pipelines.cli"]


def test_recipes_and_errors_load_nothing_heavy():
    statement = "import schemas.recipe, schemas.tfrecord, schemas.validate, schemas.record"
    assert loaded_after(statement, "schemas.record", "tensorflow", *HEAVY) == ["schemas.record"]


def test_the_feed_loads_no_beam():
    statement = "import pipelines.feed"
    assert loaded_after(statement, "tensorflow", "apache_beam", "obspy") == ["tensorflow"]
