"""What each means must do by itself, the others switched off: no trial changes a file of the user's, and each finds
what the watched run found.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from user_home import Home

from autotune.errors import UsageError
from autotune.launch.files import Files, WroteElsewhere

SHELL = """
cat old.txt ../out/old.txt link/old.txt ../cfg.json; ls . ../out; test -e new.txt && echo found
echo {word} > old.txt; echo {word} > ../out/old.txt; echo {word} > link/old.txt
echo {word} >> log.txt; echo {word} > new.txt; echo {word} > ../out/new.txt
mkdir -p made/deep && echo {word} > made/deep/x.txt
rm -f gone.txt; mv new.txt renamed.txt; cp renamed.txt new.txt
cat old.txt ../out/old.txt link/old.txt log.txt new.txt ../out/new.txt made/deep/x.txt; ls . ../out made
"""

PYTHON = """
import glob, os, shutil, sys, tempfile
from pathlib import Path
word = sys.argv[1]
print(Path('old.txt').read_text(), os.path.exists('new.txt'), sorted(os.listdir('.')), sorted(glob.glob('../out/*')))
for name in ('old.txt', '../out/old.txt', 'link/old.txt', os.path.abspath('../out/absolute.txt')):
    Path(name).write_text(word)
with open('log.txt', 'r+') as file:
    file.seek(0, 2); file.write(word)
with tempfile.NamedTemporaryFile('w', dir='.', delete=False) as file:
    file.write(word)
os.replace(file.name, 'new.txt')
os.makedirs('made/deep'); Path('made/deep/x').write_text(word)
os.rename('made/deep', 'made/deeper')
shutil.rmtree('data'); os.mkdir('data'); Path('data/b.txt').write_text(word)
os.unlink('gone.txt'); os.chmod('log.txt', 0o600); os.truncate('log.txt', 3)
os.symlink('old.txt', 'soft'); os.link('old.txt', 'hard')
print(sorted(os.listdir('data')), sorted(e.name for e in os.scandir('made')), Path('soft').resolve().name)
for name in ('old.txt', '../out/old.txt', 'link/old.txt', 'new.txt', 'log.txt', 'made/deeper/x', 'hard'):
    print(name, Path(name).read_text(), os.stat(name).st_size)
os.chdir('made'); print(Path('deeper/x').read_text(), os.path.basename(os.getcwd()))
"""


def shell(word: str) -> list[str]:
    return ["sh", "-e", "-c", SHELL.replace("&& echo found", "&& echo found || true").format(word=word)]


def python(word: str) -> list[str]:
    return [sys.executable, "-c", PYTHON, word]


@pytest.mark.parametrize("writer", [shell, python])
def test_a_trial_changes_nothing_and_finds_what_the_watched_run_found(home: Home, files: Files, writer) -> None:
    first = home.watch(files, writer("watched"))
    written = home.tree()
    assert written["my model/old.txt"].startswith("watched")
    second = home.trial(files, writer("another"))
    assert second.replace("another", "watched") == first
    assert home.tree() == written
    assert home.trial(files, writer("another")) == second
    assert home.tree() == written


@pytest.mark.parametrize("writer", [shell, python])
def test_the_watched_run_leaves_what_the_bare_run_leaves(home: Home, files: Files, writer, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(home.root, bare, symlinks=True, ignore=shutil.ignore_patterns("bare", "runs"))
    subprocess.run(writer("word"), cwd=bare / "my model", check=True, capture_output=True)
    (bare / "my model" / "runs").mkdir()
    home.watch(files, writer("word"))
    left = Home(bare, {}).tree()
    assert {name: text for name, text in home.tree().items() if not name.startswith("bare")} == left


def test_what_the_watched_run_wrote_is_known(home: Home, files: Files) -> None:
    home.watch(files, shell("watched"))
    names = {str(Path(name).relative_to(home.root)) for name in files.store.written()}
    assert {"my model/old.txt", "my model/log.txt", "my model/gone.txt", "out/old.txt", "out/new.txt"} <= names
    assert {"elsewhere/deep/old.txt", "my model/new.txt", "my model/renamed.txt", "my model/made/deep/x.txt"} <= names
    assert "my model/data/a.txt" not in names
    assert "cfg.json" not in names


def test_a_watched_run_that_was_killed_has_changed_nothing(home: Home, means: str) -> None:
    before = home.tree()
    files = home.files(means)
    running = files.watched(home.start(["sh", "-c", "echo x > old.txt; echo x > ../out/old.txt; rm gone.txt"]))
    start = running.__enter__()
    subprocess.run(start.argv, env=start.env, cwd=start.cwd, check=True)
    files.store.recover()  # the driver died there, and another comes
    assert home.tree() == before
    del running


def test_a_killed_trial_leaves_the_results_of_the_watched_run(home: Home, means: str) -> None:
    files = home.files(means)
    home.watch(files, shell("watched"))
    written = home.tree()
    running = files.trial(home.start(["sh", "-c", "echo x > old.txt; echo x > ../out/new.txt"]), home.study / "s")
    start = running.__enter__()
    subprocess.run(start.argv, env=start.env, cwd=start.cwd, check=True)
    files.store.recover()
    assert home.tree() == written
    del running


@pytest.mark.parametrize("means", ["overlay", "library"])
def test_a_session_has_a_layer_of_its_own_that_all_its_processes_share(home: Home, files: Files) -> None:
    home.watch(files, ["true"])
    serving = "echo session > mine.txt; read line; sh -c 'cat mine.txt'"
    with files.trial(home.start(["sh", "-c", serving]), home.study / "scratch" / "session") as start:
        pipe = subprocess.PIPE
        session = subprocess.Popen(start.argv, env=start.env, cwd=start.cwd, stdin=pipe, stdout=pipe, text=True)
        beside = home.trial(files, ["sh", "-c", "sleep 0.5; ls"])
        assert session.communicate("\n")[0] == "session\n"
    assert "mine.txt" not in beside
    assert not (home.model / "mine.txt").exists()


def test_the_study_folder_inside_the_model_stays_real(home: Home, files: Files) -> None:
    home.watch(files, ["true"])
    home.trial(files, ["sh", "-c", "echo report > runs/study/report.txt; echo x > /dev/shm/autotune-x"])
    assert (home.study / "report.txt").read_text() == "report\n"
    assert Path("/dev/shm/autotune-x").exists()
    Path("/dev/shm/autotune-x").unlink()


def test_put_back_rejects_a_trial_that_writes_elsewhere(home: Home) -> None:
    files = home.files("put back")
    home.watch(files, ["sh", "-c", "echo watched > new.txt"])
    with pytest.raises(WroteElsewhere) as error:
        home.trial(files, ["sh", "-c", "echo trial > new.txt; echo trial > ../out/other.txt"])
    assert error.value.files == (str(home.root / "out" / "other.txt"),)
    assert (home.model / "new.txt").read_text() == "watched\n"


def test_a_run_that_is_broken_off_has_changed_nothing(home: Home, files: Files) -> None:
    before = home.tree()

    def broken_off() -> None:
        with files.watched(home.start(["sh", "-c", "echo x > old.txt"])) as start:
            subprocess.run(start.argv, env=start.env, cwd=start.cwd, check=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert home.tree() == before


def test_the_best_means_is_taken_and_one_that_does_not_work_is_told(home: Home) -> None:
    assert home.files().means.name == "overlay"
    without = Home(home.root, {**home.environment, "PATH": "/nowhere", "CC": ""})
    files = without.files("library", "put back")
    assert files.means.name == "put back"
    assert "no library: no C compiler was found" in files.describe()


def test_where_nothing_works_the_study_is_refused(home: Home) -> None:
    without = Home(home.root, {"PATH": "/nowhere"})
    with pytest.raises(UsageError, match="cannot be kept from the trials: library: no C compiler was found"):
        without.files("library")


def test_a_run_that_renames_a_folder_is_kept_by_the_library(home: Home) -> None:
    files = home.files()
    home.watch(files, ["sh", "-c", "mv data data.old"])
    proved = files.proved([])
    assert proved.means.name == "library"
    assert "your run renames a folder" in proved.describe()
    assert home.trial(proved, ["sh", "-c", "mv data data.old; ls data.old"]) == "a.txt\n"


def test_ranks_that_descend_from_a_daemon_are_kept_by_the_library(home: Home) -> None:
    files = home.files()
    pid = int(home.watch(files, ["sh", "-c", "echo $$"]))
    assert files.proved([(pid, [1])]).means.name == "library"
    assert files.proved([(pid, [os.getpid(), 1])]).means.name == "overlay"


def test_without_rights_of_root_the_overlay_lies_in_a_user_namespace(home: Home) -> None:
    def no_rights() -> None:
        drop, sys_admin = 24, 21
        assert ctypes.CDLL(None).prctl(drop, sys_admin, 0, 0, 0) == 0 or os.geteuid() != 0

    files = home.files("overlay")
    home.watch(files, ["sh", "-c", "echo watched > new.txt"])
    before = home.tree()
    command = ["sh", "-c", "id -u; ls; echo trial > new.txt; echo trial > ../out/old.txt; readlink /proc/self/ns/user"]
    with files.trial(home.start(command), home.study / "scratch" / "layer") as start:
        said = subprocess.check_output(start.argv, env=start.env, cwd=start.cwd, text=True, preexec_fn=no_rights)
    lines = said.splitlines()
    assert lines[0] == str(os.geteuid())
    assert "new.txt" not in lines
    assert lines[-1] != os.readlink("/proc/self/ns/user")
    assert home.tree() == before


def test_a_watched_run_that_is_made_again_finds_what_the_first_found(home: Home, files: Files) -> None:
    program = ["sh", "-c", "cat old.txt; ls; echo $0 > old.txt; echo $0 > new.txt", "watched"]
    first = home.watch(files, program)
    assert home.watch(files, program) == first


def test_what_the_user_has_changed_since_is_never_put_back(home: Home, files: Files) -> None:
    program = ["sh", "-c", "cat old.txt; echo $0 > old.txt", "watched"]
    home.watch(files, program)
    (home.model / "old.txt").write_text("edited by hand\n")
    files.store.recover()
    assert home.watch(files, program) == "edited by hand\n"


def test_a_link_that_a_run_replaces_is_a_link_again(home: Home, files: Files) -> None:
    (home.model / "latest").symlink_to("nowhere")
    home.watch(files, ["sh", "-c", "ln -sfn old.txt latest"])
    written = home.tree()
    assert (
        home.trial(files, ["sh", "-c", "readlink latest; ln -sfn log.txt latest; readlink latest"])
        == "nowhere\nlog.txt\n"
    )
    assert home.tree() == written


def test_what_the_watched_run_compiles_is_found_by_later_runs(home: Home, files: Files) -> None:
    compiles = "import os, platform; folder = platform.machine(); print(os.path.exists(folder)); "
    compiles += "os.makedirs(folder, exist_ok=True); open(folder + '/special', 'w').close()"
    assert home.watch(files, [sys.executable, "-c", compiles]) == "False\n"
    assert home.trial(files, [sys.executable, "-c", compiles]) == "True\n"
    assert files.store.written() == ()


def test_a_folder_that_is_only_named_is_not_copied(home: Home) -> None:
    """Open MPI 4 tries to remove the temporary folder, and a model makes its results' folder "if it is not there"."""
    names = "mkdir -p data; mkdir data; rmdir data; chmod 755 data; rmdir data"
    assert home.watch(home.files(), ["sh", "-c", f"({names}) 2>/dev/null; find runs/study/files -name a.txt"]) == ""


def test_a_folder_that_was_renamed_is_there_whole_for_each_trial(home: Home) -> None:
    (home.model / "data" / "never opened.txt").write_text("user")
    files = home.files()
    home.watch(files, ["sh", "-c", "echo new > data/b.txt; echo new > data/a.txt; mv data gone"])
    assert home.trial(files.proved([]), ["sh", "-c", "ls . data; cat data/*"]).split("data:")[1].split() == [
        *("a.txt", "never", "opened.txt"),
        *("a", "user"),
    ]
