#!/bin/bash
# Submits the tasks of the array that have not done their share, and the merge for when these have succeeded.
# Some tasks alone: bash submit.sh 3,17-19
[ -n "${BASH_VERSION:-}" ] || exec bash -- "$0" "$@" # where it was started by another shell
set -euo pipefail

# What simcore needs of this cluster goes here, as in: module load python
simcore=('/opt/my python/bin/python' -m simcore)
folder='/home/ann/it'"'"'s here; rm -rf $HOME' # where simcore runs
status=(status '/scratch/a b/`c`/tiny')
merging='simcore merge '"'"'/scratch/a b/`c`/tiny'"'"'' # as typed by hand
run='/scratch/a b/`c`/tiny'
tasks=1000
limit=%100 # of tasks that run at a time

fail() {
    echo "submit.sh: $1" >&2
    exit 2
}
job_number() { sed -nE 's/^([0-9]+)(;.*)?$/\1/p' | tail -n 1; } # the last line that is one, before the cluster

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
