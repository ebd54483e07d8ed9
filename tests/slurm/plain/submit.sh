#!/bin/bash
# Submits the array, and the merge for when all of its tasks have succeeded. Some tasks alone: bash submit.sh 3,17-19
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
if [[ ${1:-} == none ]]; then # as simcore status --indices says
    echo "all shards are done, there is nothing to submit"
    exit
fi

array=$(sbatch --parsable ${1:+"--array=$1"} array.sbatch)
array=${array%%;*} # the name of the cluster may follow
echo "array $array"
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes merge.sbatch)
echo "merge ${merge%%;*}"
