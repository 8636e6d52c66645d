#!/bin/bash
# 8 workers of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#SBATCH --job-name=autotune-ring
#SBATCH --array=1-8
#SBATCH --ntasks=64
#SBATCH --nodes=2
#SBATCH --partition=long
#SBATCH --time=1:30:00
#SBATCH --exclusive
#SBATCH --output=/home/user/runs/ring/cluster/log/%A_%a.txt
#SBATCH --open-mode=append
#SBATCH --account=abc

module load openmpi
export TMPDIR="/scratch/$USER"
export AUTOTUNE_CORES=64
export SLURM_OVERLAP=1
exec /env/bin/python -m autotune worker /home/user/runs/ring
