"""The Python client as a package: it installs without network, works as a plain copy, and is typed."""
import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from conftest import ROOT, clean_environment

SOURCE = ROOT / "src/pikaraoke"
SOURCES = sorted((SOURCE / "songbook_client").glob("*.py"))
TEMPLATES = ["page.html", "section.html", "suggestion.html"]


def run(*command, **kw):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **kw)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def works(folder, package="songbook_client"):
    """Imports the package from this folder alone and renders its page, in a process of its own."""
    code = """if True:
        import importlib, flask
        package, pages = importlib.import_module({0!r}), importlib.import_module({0!r} + ".blueprint")
        app = flask.Flask("application")
        app.register_blueprint(pages.create_blueprint(package.EnrichmentWorker(address="http://127.0.0.1:1"), lambda: True))
        client = app.test_client()
        answers = [client.get(p) for p in ("/songbook", "/songbook/static/songbook.js", "/songbook/static/songbook.css")]
        print(package.__file__, [a.status_code for a in answers], b"details" in answers[0].data)
    """.format(package)
    out = run(sys.executable, "-c", code, cwd=folder, env={**clean_environment(), "PYTHONPATH": str(folder)})
    assert out.startswith(str(folder)) and out.endswith(" [200, 200, 200] True\n"), out


def test_pip_installs_it_without_network(tmp_path):
    pytest.importorskip("pip")
    shutil.copytree(SOURCE, tmp_path / "source")       # pip builds inside the folder
    run(sys.executable, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-deps", "--target", tmp_path / "there",
        tmp_path / "source", env={**clean_environment(), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"})
    installed = tmp_path / "there/songbook_client"
    assert (installed / "py.typed").exists() and sorted(os.listdir(installed / "templates/songbook")) == TEMPLATES
    works(tmp_path / "there")


def test_a_plain_copy_works_also_below_another_package(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE / "songbook_client", tmp_path / "songbook_client", ignore=ignore)
    works(tmp_path)
    (tmp_path / "host/lib").mkdir(parents=True)
    shutil.copytree(SOURCE / "songbook_client", tmp_path / "host/lib/songbook_client", ignore=ignore)
    works(tmp_path, "host.lib.songbook_client")


def test_a_wheel_holds_all_files(tmp_path):
    """So that nothing that is added later is left behind."""
    shutil.copytree(SOURCE, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    run(sys.executable, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps", "-w", tmp_path, tmp_path / "source",
        env={**clean_environment(), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"})
    names = {n for n in zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist() if n.startswith("songbook_client/")}
    folder = SOURCE / "songbook_client"
    ours = {str(p.relative_to(SOURCE)) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert names == ours


def test_it_has_the_version_of_the_daemon():
    daemon = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
    assert re.search(r'^version = "([^"]+)"', (SOURCE / "pyproject.toml").read_text(), re.M).group(1) == daemon


def test_types_are_right():
    pytest.importorskip("mypy")
    pytest.importorskip("flask")
    out = run(sys.executable, "-m", "mypy", "--config-file", SOURCE / "pyproject.toml", "--cache-dir", os.devnull,
              SOURCE / "songbook_client")
    assert out.startswith("Success"), out


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_it_is_python_3_10_and_imports_the_standard_library_only(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 10))
    allowed = set(sys.stdlib_module_names) | ({"flask", "flask_babel"} if path.name == "blueprint.py" else set())
    names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0}
    assert names <= allowed
    assert not names & {"threading", "_thread", "concurrent", "multiprocessing", "asyncio", "subprocess", "sqlite3"}


def test_the_client_needs_no_flask():
    code = "import sys; sys.modules['flask'] = None; import songbook_client; print(songbook_client.EnrichmentWorker(address='').start())"
    assert run(sys.executable, "-c", code, env={**clean_environment(), "PYTHONPATH": str(SOURCE)}) == "False\n"


def test_steps_to_add_it_are_fewer_than_ten_lines():
    text = (ROOT / "docs/pikaraoke-client.md").read_text()
    steps = re.search(r"## Add it to PiKaraoke\n.*?```diff\n(.*?)```", text, re.S).group(1)
    added = [line for line in steps.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert 3 <= len(added) < 10


def test_every_public_name_stands_in_the_document():
    text = (ROOT / "docs/pikaraoke-client.md").read_text()
    names = set()
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in ("EnrichmentWorker", "EnrichmentMixin"):
                names |= {f.name for f in node.body if isinstance(f, ast.FunctionDef) and not f.name.startswith("_")}
    assert len(names) > 10 and [n for n in sorted(names) if n not in text] == []
