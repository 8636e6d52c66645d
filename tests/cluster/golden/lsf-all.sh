#!/bin/bash
# 8 workers of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#BSUB -J "autotune-ring[1-8]"
#BSUB -n 64
#BSUB -R "span[ptile=32]"
#BSUB -q long
#BSUB -W 1:30
#BSUB -x
#BSUB -o /home/user/runs/ring/cluster/log/%J_%I.txt
#BSUB --account=abc

module load openmpi
export TMPDIR="/scratch/$USER"
export AUTOTUNE_CORES=64
exec /env/bin/python -m autotune worker /home/user/runs/ring
