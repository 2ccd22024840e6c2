/// \file checks.hpp
/// The parts of `validate`: each appends what it finds.
#pragma once

#include <string>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/feeder/feeder.hpp"
#include "dec/feeder/tree.hpp"

namespace dec::feeder {

/// Collects findings about one feeder.
class Findings {
  public:
    explicit Findings(Feeder const& feeder) : origin_{feeder.heading.origin} {}
    void add(std::string element, std::string problem, std::string remedy = {}) {
        list_.push_back({origin_, std::move(element), std::move(problem), std::move(remedy)});
    }
    [[nodiscard]] bool empty() const { return list_.empty(); }
    [[nodiscard]] std::vector<core::Finding> take() { return std::move(list_); }
    void throw_if_any() {
        if (!list_.empty()) throw core::InvalidInput{std::move(list_)};
    }

  private:
    std::string origin_;
    std::vector<core::Finding> list_;
};

/// Names twice in one table, terminals without a bus, numbers that are none, a source that is missing or not the only one.
void check_references(Feeder const& feeder, Findings& findings);
/// Impedances that are missing, all zero, unsymmetric or not passive; ratings that make no sense.
void check_impedances(Feeder const& feeder, Findings& findings);

/// A tree, and what stands at each bus; in a feeder with loops all that arrives by any way, as whichever branch of a loop
/// is opened decides what the tree brings.
struct Hung {
    Tree tree;
    std::vector<PhaseSet> phases;  ///< per bus; empty: not energised
};
/// Hangs the feeder from its source. Loops (where they are refused) and islands become findings; what lies behind an open
/// switch becomes a note.
/// \pre check_references found nothing.
[[nodiscard]] Hung hang_tree(Feeder const& feeder, Findings& findings, Notes& notes, Loops loops);

/// Devices on phases that do not reach their bus; a note of those to a neutral that nothing holds.
void check_devices(Feeder const& feeder, Hung const& hung, Findings& findings, Notes& notes);

}  // namespace dec::feeder
