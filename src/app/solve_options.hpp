/// \file solve_options.hpp
/// What `dec solve` may be asked, and whether that can be answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dec/coordination/answer.hpp"
#include "open_feeder.hpp"
#include "problem_options.hpp"

namespace dec::app {

struct SolveOptions : ProblemOptions {
    FeederOptions feeder;
    Talk talk;
    std::string output = "results.h5";
    std::string method = "exact";
    std::string ac = "correct";
    std::optional<std::int64_t> max_iterations;
    std::optional<double> tolerance;
    bool elastic = false;
    std::string presolve = "on";
    std::optional<std::string> warm_start;
    std::string warm_start_group;  ///< of a fleet's results, where this feeder's lie; no option
    bool price_of_fairness = false;
    std::optional<std::string> setpoints, agent_messages;
    std::optional<std::string> messages, message_id;
    std::optional<std::int64_t> timestamp;
    std::string progress = "auto";
    bool dry_run = false;
    bool json = false;

    void add_to(CLI::App& command);
};

/// Who decides what, as the options name it.
struct Question {
    fairness::Policy const* policy = nullptr;
    coordination::Method const* method = nullptr;
    fairness::Scope scope = fairness::Scope::feeder;
};
/// What the option parser cannot know. \throws core::InvalidInput with all that does not go together.
[[nodiscard]] Question question_of(SolveOptions const& options);

}  // namespace dec::app
