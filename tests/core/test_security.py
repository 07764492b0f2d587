"""Nothing that a stranger gives is run: no pickle, no shell, no YAML of objects, no unpinned download."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml

from chiomics.core.cells import plain_cell
from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar, read_yaml, require_inside
from chiomics.core.settings.yaml_loader import PlainLoader

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path for folder in ("src", "scripts", "benchmarks", "contrib") for path in sorted((ROOT / folder).rglob("*.py"))
]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
#: Modules that run what they read, unpack to wherever an archive says, or blow up entities without end.
RUNS_WHAT_IT_READS = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "h5py", "tables"}
RUNS_WHAT_IT_READS |= {"tarfile", "xml", "lxml"}
#: Keyword that a reader must be given, by its name; without it the library decides.
GUARDS = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
NEVER = {
    "eval", "exec", "os.system", "os.popen", "pd.read_pickle", "subprocess.getoutput", "yaml.unsafe_load",
    "yaml.full_load", "yaml.load_all", "torch.hub.load", "torch.jit.load", "urllib.request.urlretrieve",
    "subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "pd.read_hdf", "pd.eval", "compile",
}  # fmt: skip
#: Methods by the same, whatever the object is called.
NEVER_OF_ANY = (".read_pickle", ".extractall", ".unpack_archive", ".create_subprocess_shell", ".load_pickle")
#: Where the network is asked, every file against its checksum.
DOWNLOADS = {"anatomy/atlases/fetch.py"}


def faults(source: str) -> list[str]:
    """List what a source may not do, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            taken = {alias.name for alias in node.names}
            if any(name.split(".")[0] in RUNS_WHAT_IT_READS for name in names) and taken != {"UnpicklingError"}:
                found.append(f"{node.lineno}: imports {names[0]}")
            if isinstance(node, ast.ImportFrom) and "load" in taken and node.module in ("numpy", "torch", "yaml"):
                found.append(f"{node.lineno}: a reader without the name of its library")
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {key.arg: getattr(key.value, "value", ast.unparse(key.value)) for key in node.keywords}
            if name in NEVER or name.endswith(NEVER_OF_ANY) or given.get("shell", False) is not False:
                found.append(f"{node.lineno}: calls {name}")
            if name in GUARDS and given.get(GUARDS[name][0]) is not GUARDS[name][1]:
                found.append(f"{node.lineno}: {name} without {GUARDS[name][0]}")
            if name == "yaml.load" and not re.search(r"Safe|^PlainLoader$", str(given.get("Loader"))):
                found.append(f"{node.lineno}: yaml.load of objects")
            if name == "object" and given.get("allow_pickle") is True:
                found.append(f"{node.lineno}: allow_pickle")
    return found


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "np.load(x)", "np.load(x, allow_pickle=True)", "torch.load(x)",
     "yaml.load(x, Loader=yaml.Loader)", "subprocess.run(x, shell=True)", "eval(x)", "pd.read_pickle(x)",
     "subprocess.run(x, shell=given)", "from torch import load", "shutil.unpack_archive(x)",
     "archive.extractall()", "import xml.etree.ElementTree"],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(source):
    assert faults(source)


def test_no_source_runs_what_it_reads():
    found = {
        str(path.relative_to(ROOT)): said for path in SOURCES if (said := faults(path.read_text(encoding="utf-8")))
    }
    assert found == {}
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(pickle|joblib|eval|exec|os\.system)\b\s*[.(]|shell\s*=\s*True|yaml\.load\(", text), (
            path
        )


def test_loaders_of_ones_own_know_no_python_objects():
    assert issubclass(PlainLoader, yaml.SafeLoader)
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.load("!!python/object/apply:os.getcwd []", Loader=PlainLoader)


def test_shells_of_rules_get_no_names_of_the_users():
    for path in RULES:
        for command in re.findall(r"\bshell:\s*((?:\s*\"[^\n]*\"\n?)+)", path.read_text(encoding="utf-8")):
            assert "wildcards" not in command and "params" not in command, f"{path}: {command}"


def test_what_is_downloaded_is_pinned():
    asks = {
        path.relative_to(ROOT / "src/chiomics").as_posix()
        for path in SOURCES
        if re.search(
            r"urlopen|urlretrieve|requests\.|http\.client\.HTTP\w*Connection", path.read_text(encoding="utf-8")
        )
        and (ROOT / "src") in path.parents
    }
    assert asks == DOWNLOADS
    known = yaml.safe_load((ROOT / "src/chiomics/anatomy/atlases/atlases.yaml").read_text(encoding="utf-8"))
    for entry in known.values():
        for file in entry["files"]:
            assert re.fullmatch(r"[0-9a-f]{64}", file["sha256"])
            assert re.search(r"/[0-9a-f]{40}/", file["url"]), "of a commit, not of a branch"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock", "requirements-deepbet.lock"])
def test_every_package_of_the_lock_has_its_checksum(lock):
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert packages
    assert [line.split()[0] for line in packages if "--hash=sha256:" not in line] == []


OBJECT = "!!python/object/apply:os.system ['touch pwned']"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [OBJECT, LAUGHS, "[" * 100_000, "a: [1", "\x00"])
def test_yaml_of_a_stranger_is_refused_by_name(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atlas.yaml").write_text(text)
    with pytest.raises(InputError, match=r"atlas\.yaml"):
        read_yaml(tmp_path / "atlas.yaml")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("text", ["[" * 200_000, "1" * 5000, "{", '{"a": "\ud800'.encode("utf-8", "surrogatepass")])
def test_json_of_a_stranger_is_refused_by_name(tmp_path, text):
    (tmp_path / "card.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"card\.json"):
        read_sidecar(tmp_path / "card.json")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\0b"])
def test_a_name_that_leads_out_of_its_folder_is_refused(name):
    with pytest.raises(InputError, match="leads out"):
        require_inside(name, file="atlas.yaml", key="image")
    require_inside("labels/left..right.nii.gz", file="atlas.yaml", key="image")


def test_a_cell_is_one_line_that_nobody_runs():
    assert plain_cell("=1+1") == "'=1+1"
    assert plain_cell("a\tb\nc\x1b[2J") == "a b c [2J"
    assert plain_cell("\x1b=1") == "'=1"
    assert plain_cell("MS  a") == "MS  a"


def test_a_name_in_a_picture_is_no_formula(tmp_path):
    from chiomics.core.figures import save_figure
    from chiomics.radiomics import qc

    name = r"$\frac{$"  # ends a picture whose letters are read as TeX
    values = {name: np.linspace(0, 1, 50)}
    qc.plot_histograms(values, tmp_path / "a.png", gray_levels=(8,), title=name)
    figure = plt.figure()
    figure.suptitle(name)
    save_figure(figure, tmp_path / "a.svg", simulated=False)
    assert f">{name}</text>" in (tmp_path / "a.svg").read_text(encoding="utf-8")
