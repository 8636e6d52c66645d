#!/bin/bash
# 8 workers of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#$ -N autotune-ring
#$ -t 1-8
#$ -pe mpi 64
#$ -q long
#$ -l h_rt=1:30:00
#$ -l exclusive=true
#$ -S /bin/bash
#$ -V
#$ -j y
#$ -o /home/user/runs/ring/cluster/log/
#$ --account=abc

module load openmpi
export TMPDIR="/scratch/$USER"
export AUTOTUNE_CORES=64
exec /env/bin/python -m autotune worker /home/user/runs/ring
