"""submit.sh and the scripts of tasks under bash, with stand-ins for sbatch, scontrol and simcore."""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

import simcore as sc
from simcore import opening, slurm
from simcore.errors import SimcoreError
from tests.running import typed
from tests.test_cli import TINY

TEMPLATE = Path(__file__).parents[1] / "scripts" / "slurm_array.sh"
SBATCH = """\
echo "$*" >> "$0.txt"
echo "This cluster rests on 24 December."
[[ -n ${REFUSES:-} && $* == *merge* ]] && echo "sbatch: no merges" >&2 && exit 1
echo "$((40 + $(wc -l < "$0.txt")));big"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A study of six tasks with scripts, and programs in front of the PATH. `says`: make one of those, of these lines
    of bash; `submit`: submit.sh with some arguments; `asked`: what sbatch was asked."""
    programs, out = tmp_path / "programs", tmp_path / "results"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def says(name, lines):
        (programs / name).write_text(f"#!/bin/bash\n{lines}\n")
        (programs / name).chmod(0o755)
        return programs / name

    says("sbatch", SBATCH)
    simcore = says("simcore", "echo 2,4-6; exit 3")
    (tmp_path / "tiny.toml").write_text(TINY)
    batch = slurm.Batch("tiny", (str(simcore),), tmp_path, out, tasks=6, cpus=1, array_limit=3)
    *_, script = slurm.write(batch, sc.load(tmp_path / "tiny.toml"))

    def submit(*words, script=script, shell=("bash",)):
        return subprocess.run([*shell, script, *words], capture_output=True, text=True, cwd=tmp_path)

    def asked():
        found = programs / "sbatch.txt"
        return found.read_text().splitlines() if found.exists() else []

    return SimpleNamespace(says=says, script=script, submit=submit, asked=asked, folder=tmp_path, run=batch.run)


def array_of(tasks):
    return f"--parsable --array={tasks}%3 array.sbatch"


@pytest.mark.parametrize("words", [(), ("",)], ids=["none", "empty"])
def test_by_itself_it_submits_what_is_left_and_a_banner_is_no_job_number(place, words):
    """An empty word is what `$(simcore status ...)` leaves where that fails."""
    done = place.submit(*words)
    assert (done.returncode, done.stdout) == (0, "array 41\nmerge 42\n"), done.stderr
    then = "--parsable --dependency=afterok:41 --kill-on-invalid-dep=yes merge.sbatch"
    assert place.asked() == [array_of("2,4-6"), then]
    assert slurm.submit(place.script) == {"array": 43, "merge": 44}


@pytest.mark.parametrize("tasks", ["1", "6", "1-6", "3,5", "1-5:2,6", "01-06"])
def test_some_tasks_alone(place, tasks):
    assert place.submit(tasks).returncode == 0
    assert place.asked()[0] == array_of(tasks)


@pytest.mark.parametrize(
    "words",
    [("9",), ("0",), ("0-3",), ("3-7",), ("5-3",), ("3,9",), ("3,",), (",",), ("all",), ("3 5",), ("3\n5",), ("3%2",)]
    + [("08",), ("-1",), ("1-",), ("1-5:0",), ("1:2",), ("*",), ("99999999999999999999",), ("3", "5"), ("3", "")],
)
def test_what_are_no_tasks_is_refused(place, words):
    done = place.submit(*words)
    assert done.returncode == 2 and done.stderr.startswith("submit.sh: the tasks must be "), done.stderr
    assert not done.stdout and not place.asked()


def test_where_nothing_is_left_nothing_is_submitted(place):
    place.says("simcore", "echo none; exit 3")
    done = place.submit()
    told = f"all shards are done, there is nothing to submit\nsummarise them with: simcore merge {place.run}\n"
    assert (done.returncode, done.stdout) == (0, told)
    (place.run / "summary.parquet").touch()
    assert place.submit("none").stdout == told.splitlines(keepends=True)[0]
    assert slurm.submit(place.script) == {} and not place.asked()


def test_where_simcore_does_not_say_what_is_left(place):
    place.says("simcore", "echo 'run.json: damaged' >&2; exit 4")
    done = place.submit()
    told = "submit.sh: simcore does not say which tasks are left; name them, as in: bash submit.sh 1-6\n"
    assert (done.returncode, done.stderr) == (2, f"run.json: damaged\n{told}") and not place.asked()


@pytest.mark.parametrize("how", [shutil.copytree, shutil.move])
def test_a_copy_does_not_submit_jobs_for_the_run_that_it_was_made_from(place, how):
    how(place.run, place.folder / "moved")
    done = place.submit(script=place.folder / "moved" / "slurm" / "submit.sh")
    told = f"it is for {place.run}, and {place.folder / 'moved'} is a copy, or has been moved; run simcore slurm again"
    assert (done.returncode, done.stderr) == (2, f"submit.sh: {told}\n") and not place.asked()


def test_a_link_to_the_run_is_no_copy(place):
    (place.folder / "link").symlink_to(place.run)
    assert place.submit(script=place.folder / "link" / "slurm" / "submit.sh").returncode == 0


def test_an_array_whose_merge_is_refused_is_told_with_its_number(place, monkeypatch):
    monkeypatch.setenv("REFUSES", "1")
    done = place.submit()
    told = "submit.sh: the array is queued as job 41, the merge is not; cancel it: scancel 41; or, when"
    assert done.returncode == 2 and done.stdout == "array 41\n" and told in done.stderr
    with pytest.raises(SimcoreError, match="no merges(.|\n)*the array is queued as job 43") as caught:
        slurm.submit(place.script)
    assert "Traceback" not in str(caught.value)


def test_an_array_that_is_refused_or_has_no_number(place):
    place.says("sbatch", "echo 'sbatch: error: no such partition' >&2; exit 1")
    done = place.submit()
    assert done.returncode == 1 and done.stderr == "sbatch: error: no such partition\n" and not done.stdout
    place.says("sbatch", "echo Welcome")
    assert "sbatch does not say the number of the array" in place.submit().stderr


@pytest.mark.parametrize("shell", [(), ("sh",), ("bash",)], ids=["itself", "sh", "bash"])
def test_any_shell_may_start_it_and_it_makes_the_folder_of_the_logs(place, shell):
    (place.run / "slurm" / "logs").rmdir()
    done = place.submit("3", shell=shell)
    assert done.returncode == 0 and done.stdout.startswith("array "), done.stderr
    assert (place.run / "slurm" / "logs").is_dir()


@pytest.mark.parametrize("status, requeued", [(0, False), (1, False), (75, True), (137, False), (138, True)])
@pytest.mark.parametrize("script", ["array.sbatch", "the template"])
def test_a_task_that_was_told_to_stop_queues_again_even_before_simcore_could_hear_it(place, script, status, requeued):
    place.says("simcore", f'echo "$SIMCORE_CACHE_DIR" > cache; exit {status}')
    place.says("scontrol", 'echo "$*" > asked')
    path = TEMPLATE if script == "the template" else place.run / "slurm" / script
    job = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_CPUS_PER_TASK": "1", "SLURMD_NODENAME": "w"}
    done = subprocess.run(["bash", path], env=os.environ | job | {"SIMCORE_CACHE_DIR": "/shared"}, cwd=place.folder)
    assert done.returncode == status
    asked = place.folder / "asked"
    assert (asked.read_text() if asked.exists() else None) == ("requeue 7_3\n" if requeued else None)
    assert (place.folder / "cache").read_text() == "/shared\n"


def test_the_template_says_how_its_tasks_are_asked_for_and_submitted_again(tmp_path):
    lines = TEMPLATE.read_text().splitlines()
    (shown,) = [line for line in lines if "--indices" in line]
    (tmp_path / "quickstart.toml").write_text(TINY.replace("tiny", "quickstart"))
    opening.create(tmp_path / "results", sc.load(tmp_path / "quickstart.toml"))
    done = typed(*shown.split("#")[1].split()[1:], cwd=tmp_path)
    assert done.returncode == 3 and done.stdout.strip(), done.stderr
    (again,) = [line for line in lines if "sbatch --array" in line]
    (array,) = [line for line in lines if line.startswith("#SBATCH --array")]
    assert again.partition("%")[2].split()[0] == array.partition("%")[2]
