#include "command.hpp"

namespace dec::app {

void Talk::add_to(CLI::App& command) {
    auto* const say_nothing = command.add_flag("--quiet", quiet, "only errors");
    command.add_flag("--verbose", verbose, "every step")->excludes(say_nothing);
}

core::Log Talk::log(core::Communicator const& comm) const {
    auto const verbosity = quiet     ? core::Verbosity::quiet
                           : verbose ? core::Verbosity::verbose
                                     : core::Verbosity::normal;
    return {verbosity, comm.is_root()};
}

}  // namespace dec::app
