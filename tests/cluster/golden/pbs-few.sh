#!/bin/bash
# 1 worker of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#PBS -N autotune-ring
#PBS -l select=4:ncpus=1:mpiprocs=1
#PBS -V
#PBS -j oe
#PBS -o /home/user/runs/ring/cluster/log/

export AUTOTUNE_CORES=4
exec /env/bin/python -m autotune worker /home/user/runs/ring
