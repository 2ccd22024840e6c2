/// \file tree_flow.hpp
/// What follows from the controls of a program on a tree, and what prices follow from multipliers: two sweeps each.
#pragma once

#include <span>
#include <vector>

#include "tree_waves.hpp"

namespace dec::solvers {

class TreeFlow {
  public:
    /// Collective. Both stay where they are.
    TreeFlow(TreeProgram const& program, TreeLinks& links);

    [[nodiscard]] std::size_t flows() const { return flows_; }
    /// First entry of a vertex in vectors of flows.
    [[nodiscard]] std::size_t first_flow(std::size_t vertex) const { return first_flow_[vertex]; }

    /// Collective. States v (per row) and flows s that controls lead to.
    void states(std::span<double const> controls, std::vector<double>& v, std::vector<double>& s);
    /// Collective. Prices of flows, which multipliers `of_state` of the states (upper less lower, per row) and `of_flow` of the
    /// flows (per flow) lead to. Then a
    /// control's part of the gradient is its gains times the prices of its vertex.
    void prices(std::span<double const> of_state, std::span<double const> of_flow, std::vector<double>& price);

    /// Where flows below a vertex depend on its state, s = s(0) + B'v: B by rows, then U = (I + B D')^-1 of its branch by rows
    /// (not at a root). Otherwise nullptr.
    [[nodiscard]] double const* response(std::size_t vertex) const {
        return response_[vertex] < 0 ? nullptr : responses_.data() + response_[vertex];
    }

    /// Limited quantities W v, per row of the program.
    void observe(std::vector<double> const& v, std::vector<double>& observed) const;
    /// Its transpose: W' of multipliers of limits.
    void spread(std::vector<double> const& of_limits, std::vector<double>& of_state) const;

  private:
    void find_response();
    // Row by row below a vertex of this rank, without response.
    [[nodiscard]] bool is_simple(std::size_t j) const {
        return response_[j] < 0 && program_.vertices[j].parent >= 0 && program_.vertices[j].straight;
    }

    TreeProgram const& program_;
    TreeLinks& links_;
    TreeWaves waves_;
    std::vector<std::size_t> first_flow_;
    std::size_t flows_ = 0;
    // Where flows below depend on the state: s = s(v = 0) + B'v at the vertex, and U = (I + B D')^-1 of its branch.
    std::vector<std::ptrdiff_t> response_;  // per vertex, into responses_; -1 where there is none
    std::vector<double> responses_;         // B by rows, U by rows
    std::vector<double> dual_;
    std::size_t width_ = 0, response_width_ = 0;
};

}  // namespace dec::solvers
