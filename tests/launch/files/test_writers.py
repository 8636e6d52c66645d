"""Everything that a model writes with: each overwrites a result beside the model, and no trial's word stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from user_home import Home

from autotune.launch import find_mpi, launch_environment, mpi_environment, parse_command
from autotune.launch.files import Files

BIN = Path(sys.executable).parent
HOC = """
objref file
wopen("../out/wopen.txt")
fprint("{word}\\n")
wopen()
file = new File()
file.aopen("../out/old.txt")
file.printf("{word}\\n")
file.close()
file.ropen("../out/old.txt")
strdef line
while (file.gets(line) != -1) {{ printf("%s", line) }}
quit()
"""
MOD = """
NEURON { SUFFIX writes  GLOBAL word }
PARAMETER { word = 0 }
ASSIGNED { v (millivolt) }
VERBATIM
#include <stdio.h>
ENDVERBATIM
PROCEDURE save_it() {
VERBATIM
    FILE* file = fopen("../out/old.txt", "w");
    fprintf(file, "%g\\n", word);
    fclose(file);
ENDVERBATIM
}
"""
H5 = """
import h5py, numpy, sys
with h5py.File('../out/result.h5', 'a') as file:
    print(sorted(file))
    file[sys.argv[1]] = numpy.arange(1000.0)
with h5py.File('../out/result.h5') as file:
    print(sorted(file), file[sys.argv[1]][()].sum())
"""
NUMPY = """
import numpy, os, sys
numpy.save('../out/array.npy', numpy.array(list(sys.argv[1])))
numpy.savez_compressed('../out/arrays', word=numpy.array(sys.argv[1]))
mapped = numpy.memmap('../out/mapped', dtype='u1', mode='w+', shape=(7,)); mapped[:] = list(sys.argv[1].encode())
mapped.flush()
print(''.join(numpy.load('../out/array.npy')), numpy.load('../out/arrays.npz')['word'], open('../out/mapped').read())
"""
C = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int count, char **words)
{
    char line[100] = "", name[] = "../out/tmpXXXXXX";
    int file = open("../out/old.txt", O_RDWR);
    if (read(file, line, 99) < 0 || lseek(file, 0, SEEK_SET) || write(file, words[1], 7) != 7) return 1;
    close(file);
    printf("%s", line);
    file = creat("../out/created.txt", 0644);
    if (write(file, words[1], 7) != 7 || close(file)) return 2;
    file = mkstemp(name);
    if (write(file, words[1], 7) != 7 || close(file) || rename(name, "../out/temporary.txt")) return 3;
    if (mkdir("../out/made", 0755) || symlink("../old.txt", "../out/made/link")) return 4;
    if (truncate("../out/created.txt", 3)) return 4;
    FILE *stream = fopen("../out/made/link", "a+");
    if (fprintf(stream, "%s", words[1]) != 7 || fclose(stream)) return 5;
    stream = freopen("../out/stdout.txt", "w", stdout);
    printf("%s", words[1]);
    return fclose(stream) ? 6 : 0;
}
"""
RANKS = """
import os, sys
from mpi4py import MPI
import numpy
world = MPI.COMM_WORLD
name = '../out/spikes_%d.txt' % world.rank
print(world.rank, os.path.exists(name), open('../cfg.json').read(), flush=True)
open(name, 'w').write(sys.argv[1])
together = MPI.File.Open(world, '../out/together.bin', MPI.MODE_CREATE | MPI.MODE_WRONLY)
together.Write_at_all(7 * world.rank, numpy.frombuffer(sys.argv[1].encode(), dtype='u1'))
together.Close()
world.Barrier()
others = [open('../out/spikes_%d.txt' % rank).read() for rank in range(world.size)]
assert others == [sys.argv[1]] * world.size and open('../out/together.bin').read() == sys.argv[1] * world.size
"""


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def check(home: Home, files: Files, command: list[str], trial: list[str]) -> None:
    """A trial finds what the watched run found, and its word stays nowhere."""
    first = home.watch(files, command)
    written = home.tree()
    assert "watched" in "".join(written.values())
    assert home.trial(files, trial).replace("another", "watched") == first
    assert home.tree() == written


@pytest.mark.parametrize("program", [H5, NUMPY], ids=["h5py", "numpy"])
def test_python_libraries(home: Home, files: Files, program: str) -> None:
    check(home, files, [*python(program), "watched"], [*python(program), "another"])


def test_a_program_in_c(home: Home, files: Files, tmp_path: Path) -> None:
    (home.model / "writes.c").write_text(C)
    subprocess.run(["cc", "-o", home.model / "writes", home.model / "writes.c"], check=True)
    check(home, files, ["./writes", "watched"], ["./writes", "another"])


@pytest.mark.parametrize("start", [["nrniv"], ["python", "-m", "neuron"]], ids=["nrniv", "python"])
def test_wopen_and_file_of_hoc(home: Home, files: Files, start: list[str]) -> None:
    for word in ("watched", "another"):
        (home.model / f"{word}.hoc").write_text(HOC.format(word=word))
    if start[0] == "python":
        start = [*python("import sys; from neuron import h; h.load_file(sys.argv[1])")]
    else:
        start = [str(BIN / "nrniv")]
    check(home, files, [*start, "watched.hoc"], [*start, "another.hoc"])


@pytest.fixture(scope="module")
def mechanism(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mod")
    (folder / "writes.mod").write_text(MOD)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    subprocess.run([BIN / "nrnivmodl"], cwd=folder, check=True, capture_output=True, env=environment)
    return folder


def test_fopen_in_a_mod_file(home: Home, files: Files, mechanism: Path) -> None:
    program = "import sys; from neuron import h, load_mechanisms; load_mechanisms(sys.argv[1]); "
    program += "s = h.Section(); s.insert('writes'); h.word_writes = float(sys.argv[2]); h.setdata_writes(s(0.5)); "
    program += "h.save_it_writes(); print(open('../out/old.txt').read())"
    command = [*python(program), str(mechanism)]
    home.watch(files, [*command, "1"])
    assert (home.root / "out" / "old.txt").read_text() == "1\n"
    assert "2\n" in home.trial(files, [*command, "2"])
    assert (home.root / "out" / "old.txt").read_text() == "1\n"


def test_redirection_and_pipes_of_a_shell(home: Home, files: Files) -> None:
    program = "cat ../out/old.txt; { echo $0; echo $0 >&2; } > ../out/old.txt 2>> ../out/errors.txt; "
    program += (
        "echo $0 | tee ../out/tee.txt | sort > ../out/sorted.txt; cat ../out/*.txt; gzip -k ../out/tee.txt; ls ../out"
    )
    check(home, files, ["sh", "-ec", program, "watched"], ["sh", "-ec", program, "another"])


def test_programs_that_a_model_starts_without_an_environment(home: Home, files: Files) -> None:
    program = "import subprocess, sys; subprocess.run(['sh', '-c', 'echo $0 > ../out/old.txt', sys.argv[1]], env={})"
    check(home, files, [*python(program), "watched"], [*python(program), "another"])


@pytest.mark.mpi
def test_two_ranks_write_each_their_own_file_and_one_together(home: Home, files: Files) -> None:
    command = parse_command(["mpiexec", "-n", "2", *python(RANKS), "watched"], home.model)
    environment = launch_environment(command, os.environ)
    environment |= mpi_environment(find_mpi(command, environment), environment)
    found = shutil.which("mpiexec", path=environment["PATH"])
    assert found
    home = Home(home.root, environment)
    start = [found, "--oversubscribe", "-n", "2"]

    def lines(said: str) -> list[str]:
        return sorted(said.splitlines())

    first = lines(home.watch(files, [*start, *python(RANKS), "watched"]))
    assert first == ["0 False {}", "1 False {}"]
    written = home.tree()
    assert lines(home.trial(files, [*start, *python(RANKS), "another"])) == first
    assert home.tree() == written
