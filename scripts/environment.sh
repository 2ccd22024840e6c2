# Sourced by the other scripts, and by anybody who runs mpirun by hand as root or with more ranks than cores.
# OpenMPI refuses both unless it is told, and idle ranks that spin would starve those that share their core.
export OMPI_ALLOW_RUN_AS_ROOT=1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1
