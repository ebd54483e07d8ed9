#!/bin/bash
# A study as a job array of Slurm, to be edited by hand. `simcore slurm` writes the like from options, and a merge that
# starts by itself. In the folder where simcore is to run, with simcore on the PATH:
#
#   sbatch scripts/slurm_array.sh
#   simcore status results/quickstart --shards 64 --indices    # later: which tasks have not done their share
#   sbatch --array=3,17-19%16 scripts/slurm_array.sh           # those again
#   simcore merge results/quickstart                           # in the end
#
# Tasks of the array, 16 of them at a time; what each may use; where what it says goes, a log for each.
#SBATCH --job-name=quickstart
#SBATCH --array=1-64%16
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --output=quickstart_%A_%a.log
#
# A task that needs longer is told 120 s before, stores what it has, and queues again.
#SBATCH --time=1:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append

scenario=scenarios/quickstart.toml
run=results/quickstart
shards=64 # as many as the whole array has tasks, also when only some are submitted

# Compiled kernels stay on the node. Where nodes share a fast folder, to export SIMCORE_CACHE_DIR=FOLDER before sbatch
# saves each of them some seconds.
export SIMCORE_CACHE_DIR="${SIMCORE_CACHE_DIR:-/tmp/simcore-cache-$UID}"
export NUMBA_NUM_THREADS="$SLURM_CPUS_PER_TASK"

# SIGUSR1: the time is nearly up. SIGTERM: cancelled or preempted, and Slurm knows what comes next. Both go on to
# simcore, which must run in the background for that, and then exits with 75.
cancelled=
trap 'kill -USR1 "$child" 2>/dev/null' USR1
trap 'cancelled=yes; kill -TERM "$child" 2>/dev/null' TERM

stored() { find "$run/blocks" -type f 2>/dev/null | wc -l; } # files of results
before=$(stored)
simcore run "$scenario" --shard "$SLURM_ARRAY_TASK_ID/$shards" --threads "$SLURM_CPUS_PER_TASK" &
child=$!
while kill -0 "$child" 2>/dev/null; do wait "$child"; done # a signal ends the wait, not simcore
wait "$child"
status=$?

if [[ -z $cancelled && ($status == 75 || $status == 138) ]]; then # 138: before simcore could hear the signal
    if [[ ${SLURM_RESTART_COUNT:-0} -gt 0 && $(stored) == "$before" ]]; then # nor would the next start
        echo "nothing was stored since start $SLURM_RESTART_COUNT: the time is too short for one block, raise --time"
        exit 1
    fi
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" # $SLURM_JOB_ID may mean the whole array
fi
exit "$status"
