/// \file error.hpp
/// What can go wrong, as data: which element of which file, what is the matter, what would be right.
/// Text is composed by `app`, once, on the first rank.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace dec::core {

/// Exit codes of the `dec` command; the contract is docs/design.md, "Command line".
enum class ExitCode : int {
    solved = 0,
    bug = 1,
    bad_input = 2,
    infeasible = 3,
    not_converged = 4,
    system = 5,
    not_ac_feasible = 6,
    interrupted = 130,
    terminated = 143,
};

/// One thing that is wrong. Every field but `problem` may be empty.
struct Finding {
    std::string file;           ///< where it stands
    std::string element;        ///< kind, name and mRID: "line l35 (6510F63A-…)"
    std::string problem;        ///< what is wrong, with the value: "r[B][B] = -0.12 ohm/m is negative"
    std::string remedy;         ///< what would be right: "open sw4 or sw7"
    std::int64_t problems = 1;  ///< how many this line stands for
};

/// Thrown once with everything that was found.
class Error : public std::runtime_error {
  public:
    Error(ExitCode code, std::vector<Finding> findings);

    [[nodiscard]] ExitCode code() const { return code_; }
    [[nodiscard]] std::vector<Finding> const& findings() const { return findings_; }

  private:
    ExitCode code_;
    std::vector<Finding> findings_;
};

/// Usage or input that is absent, truncated or wrong: exit code 2.
class InvalidInput : public Error {
  public:
    explicit InvalidInput(std::vector<Finding> findings) : Error{ExitCode::bad_input, std::move(findings)} {}
    explicit InvalidInput(Finding finding) : InvalidInput{std::vector<Finding>{std::move(finding)}} {}
};

/// Permission, disk, network, endpoint, lost rank: exit code 5.
class SystemFailure : public Error {
  public:
    explicit SystemFailure(Finding finding) : Error{ExitCode::system, {std::move(finding)}} {}
};

/// "file: element: problem; remedy", leaving out what is empty.
[[nodiscard]] std::string one_line(Finding const& finding);

}  // namespace dec::core
