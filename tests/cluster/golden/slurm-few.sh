#!/bin/bash
# 1 worker of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#SBATCH --job-name=autotune-ring
#SBATCH --array=1-1
#SBATCH --ntasks=4
#SBATCH --output=/home/user/runs/ring/cluster/log/%A_%a.txt
#SBATCH --open-mode=append

export AUTOTUNE_CORES=4
export SLURM_OVERLAP=1
exec /env/bin/python -m autotune worker /home/user/runs/ring
