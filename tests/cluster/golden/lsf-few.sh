#!/bin/bash
# 1 worker of the study ring. It may be submitted again at any time: workers go on
# where others have stopped, beside those that are still at work.
#BSUB -J "autotune-ring[1-1]"
#BSUB -n 4
#BSUB -o /home/user/runs/ring/cluster/log/%J_%I.txt

export AUTOTUNE_CORES=4
exec /env/bin/python -m autotune worker /home/user/runs/ring
