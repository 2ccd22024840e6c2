/// \file search.hpp
/// What method exact goes through from a policy to its answer: programs on the tree, one or several, and what is fixed between them.
/// docs/equations.md#levels.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "../marginal_prices.hpp"
#include "../ramps.hpp"
#include "dec/coordination/answer.hpp"
#include "dec/coordination/piece_links.hpp"
#include "dec/coordination/power_limits.hpp"
#include "dec/model/tree_program.hpp"
#include "dec/solvers/tree_interior_point.hpp"
#include "scalar_proof.hpp"
#include "vertex_walks.hpp"

namespace dec::coordination {

/// One run. All but what only looks at this rank's own is collective.
class ExactSearch {
  public:
    /// Keeps references to all.
    ExactSearch(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                Settings const& settings, Observer const& observer);

    Answer run();

  private:
    using Decision = fairness::Decision;

    [[nodiscard]] static std::size_t place(Node const& node) {
        return static_cast<std::size_t>(3 * node.vertex + node.place);
    }
    /// Which decides everything but reactive powers.
    [[nodiscard]] bool has_scalar() const {
        return policy_.cost == nullptr && policy_.levels == fairness::Levels::none;
    }
    [[nodiscard]] double worst_violation() const;
    [[nodiscard]] double objective_of(std::vector<double> const& alpha) const;
    /// What the programs make small: with what shares cost beside the objective.
    [[nodiscard]] double cost_of(std::vector<double> const& alpha) const;
    [[nodiscard]] solvers::TreeStart const* start();
    void take_prices();
    void name_binding(std::vector<char> const& ders);
    void leave_open(std::string what);
    void finish();

    // One program, with decisions and limits as they stand: one_program.cpp.
    struct Manner {
        bool polish = true, resume = false;  // as in TreeSettings
    };
    bool solve(solvers::TreeStart const* start, Manner manner = {true, false});
    [[nodiscard]] solvers::TreeOutcome solve_program(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                                     solvers::TreeObserver const& watch);
    [[nodiscard]] solvers::TreeOutcome solve_tree(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                                  solvers::TreeObserver const& watch);
    [[nodiscard]] solvers::TreeStart end() const;
    [[nodiscard]] solvers::TreeStart start_at(std::vector<double> const& alpha) const;
    [[nodiscard]] std::int64_t most_iterations() const;
    [[nodiscard]] bool stands_still() const;
    [[nodiscard]] bool is_near(solvers::TreeOutcome const& outcome) const;
    void take_shares(std::span<double const> u);
    void take_multipliers(solvers::TreeOutcome const& outcome);

    // Ratings and reactive power: powers.cpp.
    void limit_powers();
    void set_reactive(std::vector<double> injected);
    void hold_priced_powers();
    void use_least_reactive_power();

    // What all optima of a program have in common, fixed for the next: settled.cpp.
    [[nodiscard]] double count_open() const;
    std::vector<char> settle(double cap);
    void hold_priced_limits();
    void loosen_held_limits(bool both_sides);

    // Policies of several programs: ties.cpp, levels.cpp, dates.cpp.
    void with_tie_break();
    [[nodiscard]] bool with_small_squares(solvers::TreeStart const* start);
    [[nodiscard]] double squares(std::size_t der) const;
    [[nodiscard]] bool break_tie(double least);
    void one_level_after_the_other();
    [[nodiscard]] bool solve_next(bool keeps_sums);
    [[nodiscard]] bool rest_gives_nothing();
    void one_date_after_the_other();
    [[nodiscard]] bool walk_through_dates(std::vector<double> const& dates);
    void fix_dates(double first, double last);

    // Policies of one scalar: scalar.cpp.
    void along_the_scalar();
    struct Piece {
        double from = 0.0, to = 0.0;
    };
    [[nodiscard]] Piece piece_at(double scalar) const;
    void tie_to_scalar(Piece const& piece);
    [[nodiscard]] ScalarProof proof_of_last();

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    partition::Piece const& piece_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    Observer const& observer_;
    PieceLinks links_;
    std::optional<Disclosure> disclosure_;
    MarginalPrices prices_;
    VertexWalks walks_;
    std::vector<double> available_kw_;
    double total_kw_ = 0.0;
    model::SquaredLimits limits_;
    model::PowerLimits powers_;
    bool has_powers_ = false;  // on any rank
    bool decides_reactive_ = false;
    bool is_short_ = false;       // a program ended near its optimum, but not within the tolerance
    bool decides_least_ = false;  // shares are decided: the smallest reactive powers are wanted
    bool holds_limits_ = false;   // some rows are given: nothing about them may be left out
    bool settled_ = false;        // something has been decided by an earlier program
    bool loosened_ = false;       // they have become limits with little room
    bool stood_still_ = false;    // a program since this was cleared ended above the tolerance
    model::FlowState unknown_;
    fairness::Decisions decisions_;
    model::AssembledProgram assembled_;
    solvers::TreeOutcome outcome_;
    solvers::TreeStart start_;
    Ramps ramps_;                     // of a policy that has nothing else
    Piece on_way_;                    // of its scalar
    double scalar_ = 0.0;             // where that is
    std::vector<double> low_, high_;  // per node: price of its limits, objective per pu^2
    Answer answer_;
};

}  // namespace dec::coordination
