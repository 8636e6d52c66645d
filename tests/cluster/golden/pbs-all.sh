#!/bin/bash
# 8 workers of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#PBS -N autotune-ring
#PBS -J 1-8
#PBS -l select=2:ncpus=32:mpiprocs=32
#PBS -l place=scatter:excl
#PBS -q long
#PBS -l walltime=1:30:00
#PBS -V
#PBS -j oe
#PBS -o /home/user/runs/ring/cluster/log/
#PBS --account=abc

module load openmpi
export TMPDIR="/scratch/$USER"
export AUTOTUNE_CORES=64
exec /env/bin/python -m autotune worker /home/user/runs/ring
