"""The texts of the batch scripts: pure functions of a Batch."""

import shlex

from simcore.slurm.batch import WARNING

_ARRAY = """
# One thread for each CPU of the task. Compiled kernels are kept on the node, unless SIMCORE_CACHE_DIR names another
# place, such as one that all nodes share and that an earlier run has filled.
export NUMBA_NUM_THREADS="$SLURM_CPUS_PER_TASK"
export SIMCORE_CACHE_DIR="${SIMCORE_CACHE_DIR:-/tmp/simcore-cache-$UID}"

# SIGUSR1 comes before the time is up: simcore stores what is finished and exits with 75, and this task queues again for
# the rest. SIGTERM says that the task is cancelled or preempted: then Slurm decides what comes next. simcore runs in
# the background, because bash hears signals only between commands and while it waits.
cancelled=
trap 'kill -USR1 "$child" 2>/dev/null' USR1
trap 'cancelled=yes; kill -TERM "$child" 2>/dev/null' TERM

stored() { find "$run/blocks" -type f 2>/dev/null | wc -l; } # files of results, by whichever task
before=$(stored)
echo "shard $SLURM_ARRAY_TASK_ID of $shards on $SLURMD_NODENAME, start ${SLURM_RESTART_COUNT:-0}"
"${simcore[@]}" "${arguments[@]}" --shard "$SLURM_ARRAY_TASK_ID/$shards" --threads "$SLURM_CPUS_PER_TASK" &
child=$!
while kill -0 "$child" 2>/dev/null; do wait "$child"; done # a signal ends the wait, not simcore
wait "$child"
status=$?

# 138: the signal came before simcore could hear it. The task is not called by $SLURM_JOB_ID, because for one of them
# that is the number of the whole array.
if [[ -z $cancelled && ($status == 75 || $status == 138) ]]; then
    # The first start may be lost to compiling. If nothing comes of a later one, nothing would come of any.
    if [[ ${SLURM_RESTART_COUNT:-0} -gt 0 && $(stored) == "$before" ]]; then
        echo "nothing was stored in $SECONDS s of start $SLURM_RESTART_COUNT: the time is too short for one block"
        echo "raise --time in $run/slurm/array.sbatch, and submit again"
        exit 1
    fi
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
"""


_NEEDS = "# What simcore needs of this cluster goes here, as in: module load python"

_SUBMITTING = """
fail() {
    echo "submit.sh: $1" >&2
    exit 2
}
job_number() { sed -nE 's/^([0-9]+)(;.*)?$/\\1/p' | tail -n 1; } # the last line that is one, before the cluster

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
[[ . -ef $run/slurm ]] || fail "it is for $run, and ${PWD%/*} is a copy, or has been moved; run simcore slurm again"
(($# <= 1)) || fail "the tasks must be one argument, such as 3,17-19 (got $*)"

only=${1:-}
if [[ -z $only ]]; then
    only=$(cd -- "$folder" && "${simcore[@]}" "${status[@]}" --indices --shards "$tasks") || (($? == 3)) ||
        fail "simcore does not say which tasks are left; name them, as in: bash submit.sh 1-$tasks"
fi
if [[ $only == none ]]; then
    echo "all shards are done, there is nothing to submit"
    [[ -e $run/summary.parquet ]] || echo "summarise them with: $merging"
    exit
fi
wrong="the tasks must be numbers from 1 to $tasks, such as 3,17-19 (got $only)"
range='[0-9]{1,9}(-[0-9]{1,9}(:[1-9][0-9]{0,8})?)?'
[[ $only =~ ^$range(,$range)*$ ]] || fail "$wrong"
for range in ${only//,/ }; do
    range=${range%:*}
    ((1 <= 10#${range%-*} && 10#${range%-*} <= 10#${range#*-} && 10#${range#*-} <= tasks)) || fail "$wrong"
done

mkdir -p logs
array=$(sbatch --parsable --array="$only$limit" array.sbatch | job_number)
[[ $array ]] || fail "sbatch does not say the number of the array; look at squeue"
echo "array $array"
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes merge.sbatch | job_number) || merge=
[[ $merge ]] ||
    fail "the array is queued as job $array, the merge is not; cancel it: scancel $array; or, when it is done: $merging"
echo "merge $merge"
"""


def scripts(batch):
    """Name -> text of the scripts: array.sbatch, merge.sbatch, and submit.sh, which submits both."""
    return {"array.sbatch": _array(batch), "merge.sbatch": _merge(batch), "submit.sh": _submit(batch)}


def _array(batch):
    limit = "" if batch.array_limit is None else f"%{batch.array_limit}"
    own = ["# Computes a study in shards, one for each task of the array. To submit it: bash submit.sh"]
    own += _options(batch, batch.cpus)
    own += [f"--array=1-{batch.tasks}{limit}", "--output=logs/%A_%a.log", "--open-mode=append"]
    own += [f"# {WARNING} s before the time is up the script is told, and queues again.", "--requeue"]
    own += [f"--signal=B:USR1@{WARNING}"]
    arguments = ["run", batch.run / "scenario.toml", "--out", batch.out]
    for name in ("replications", "seed"):
        arguments += [] if getattr(batch, name) is None else [f"--{name}", getattr(batch, name)]
    arguments += batch.plugins
    named = f"run={_quoted([batch.run])}\narguments=({_quoted(arguments)})\nshards={batch.tasks}\n"
    return _head(batch, own) + named + _ARRAY


def _merge(batch):
    own = ["# Puts the shards of a study together and writes its summary, when all have succeeded."]
    own += [*_options(batch, 1), "--output=logs/%j_merge.log"]
    return _head(batch, own) + f'\nexec "${{simcore[@]}}" merge {_quoted([batch.run, *batch.plugins])}\n'


def _options(batch, cpus):
    named = {"job-name": batch.study, "nodes": 1, "ntasks": 1, "cpus-per-task": cpus, "time": batch.time}
    named |= {"mem": batch.memory, "partition": batch.partition, "account": batch.account}
    given = [shlex.quote(option.replace("\\", r"\\")) for option in batch.sbatch]  # sbatch reads quotes as a shell does
    return [f"--{name}={value}" for name, value in named.items() if value is not None] + given


def _head(batch, lines):
    directives = [line if line.startswith("#") else f"#SBATCH {line}" for line in lines]
    body = ["#!/bin/bash", *directives, "", _NEEDS, f"cd -- {_quoted([batch.folder])} || exit"]
    return "\n".join([*body, f"simcore=({_quoted(batch.command)})", ""])


def _submit(batch):
    limit = "" if batch.array_limit is None else f"%{batch.array_limit}"
    merging = _quoted(["simcore", "merge", batch.run, *batch.plugins])
    return f"""#!/bin/bash
# Submits the tasks of the array that have not done their share, and the merge for when these have succeeded.
# Some tasks alone: bash submit.sh 3,17-19
[ -n "${{BASH_VERSION:-}}" ] || exec bash -- "$0" "$@" # where it was started by another shell
set -euo pipefail

{_NEEDS}
simcore=({_quoted(batch.command)})
folder={_quoted([batch.folder])} # where simcore runs
status=({_quoted(["status", batch.run, *batch.plugins])})
merging={shlex.quote(merging)} # as typed by hand
run={_quoted([batch.run])}
tasks={batch.tasks}
limit={limit} # of tasks that run at a time
{_SUBMITTING}"""


def _quoted(words):
    return shlex.join(map(str, words))
