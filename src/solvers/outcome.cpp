#include "dec/solvers/outcome.hpp"

namespace dec::solvers {

std::string_view name(Status status) {
    switch (status) {
        case Status::optimal: return "optimal";
        case Status::primal_infeasible: return "primal_infeasible";
        case Status::dual_infeasible: return "dual_infeasible";
        case Status::iteration_limit: return "iteration_limit";
        case Status::numerical_failure: return "numerical_failure";
    }
    return "";
}

}  // namespace dec::solvers
