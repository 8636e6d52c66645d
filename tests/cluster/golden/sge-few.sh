#!/bin/bash
# 1 worker of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#$ -N autotune-ring
#$ -t 1-1
#$ -pe mpi 4
#$ -S /bin/bash
#$ -V
#$ -j y
#$ -o /home/user/runs/ring/cluster/log/

export AUTOTUNE_CORES=4
exec /env/bin/python -m autotune worker /home/user/runs/ring
