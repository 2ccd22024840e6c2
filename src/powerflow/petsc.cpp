#include "petsc.hpp"

namespace dec::powerflow {

namespace {

int end_petsc(MPI_Comm, int, void*, void*) {
    PetscFinalize();
    return MPI_SUCCESS;
}

}  // namespace

void require_petsc() {
    PetscBool runs = PETSC_FALSE;
    check(PetscInitialized(&runs));
    if (runs == PETSC_TRUE) return;
    // Objects are made on the communicators handed in; PETSc's own work is each rank's.
    PETSC_COMM_WORLD = MPI_COMM_SELF;
    check(PetscOptionsSetValue(nullptr, "-no_signal_handler", "true"));
    // Per cent of memory beyond MUMPS' estimate, for pivots that have to wait.
    check(PetscOptionsSetValue(nullptr, "-mat_mumps_icntl_14", "100"));
    check(PetscInitializeNoArguments());
    check(PetscPushErrorHandler(PetscReturnErrorHandler, nullptr));
    // MPI deletes attributes of the self communicator before it ends anything else.
    int key = MPI_KEYVAL_INVALID;
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, end_petsc, &key, nullptr);
    MPI_Comm_set_attr(MPI_COMM_SELF, key, nullptr);
    MPI_Comm_free_keyval(&key);
}

}  // namespace dec::powerflow
