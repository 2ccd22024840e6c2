/// \file elimination.hpp
/// The linear half of the power flow: everything below a place as a Norton equivalent, I = Y V + J, gathered from the leaves to
/// the root once, so that each solution is one wave up (J) and one down (V). Real blocks of twice the phases of a place, because
/// the current of a load depends on the conjugate of its voltage too. Numbers lie in the order they are used in.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <span>
#include <vector>

#include "branch.hpp"
#include "dec/partition/tree_exchange.hpp"
#include "dec/powerflow/power_flow.hpp"

namespace dec::powerflow {

/// Real 2n x 2n blocks of the places of one vertex, real and imaginary parts in turn.
using Block = Eigen::Matrix<double, 6, 6>;

class Elimination {
  public:
    /// Width of a vertex's row of currents or voltages: three complex numbers, as many as it has phases in use.
    static constexpr std::size_t width = 6;

    /// Keeps a reference to `piece`. Branches are given one by one with `set_branch`.
    Elimination(partition::Piece const& piece, partition::TreeExchange& exchange);

    void set_branch(std::size_t vertex, Branch const& branch);
    /// \param own what hangs on every own vertex itself: the slope of its current, without its branches' charging. Collective.
    /// \return the first own vertex whose voltages nothing determines, -1 if there is none.
    std::int32_t factor(std::function<Block(std::size_t)> const& own);

    /// \param current rows of local vertices; of own ones what they draw at zero voltage (overwritten with what they draw with
    ///   everything below), of others scratch.
    /// \param voltage rows of local vertices; those of the ideal source are given. Collective.
    /// \return the largest squared change of a voltage on this rank.
    double solve(std::span<double> current, std::span<double> voltage);

    /// The two waves of `solve` transposed: how a weighted sum of the voltages answers to what vertices draw at zero voltage.
    /// \param weight rows of local vertices; of own ones the weights (overwritten with those of all below as well), of others scratch.
    /// \param gradient rows of local vertices; of own ones the answer, of others scratch. Collective.
    void solve_transposed(std::span<double> weight, std::span<double> gradient);

    /// What the branches bring at given voltages.
    /// \param current rows of local vertices; of own ones what hangs on them themselves draws (overwritten with what arrives
    ///   there, charging included), of others scratch.
    /// \param voltage rows of local vertices. Collective.
    void bring(std::span<double> current, std::span<double const> voltage);

  private:
    /// As V_j = ratio V_i - impedance I_j where the coils below reach ground or a phase each; else the coil equations.
    struct Series {
        Eigen::Matrix3cd ratio, impedance;
    };
    struct Place {
        std::int8_t size = 0, parent_size = 0;  ///< phases
        bool root = false;
        std::int32_t coils = -1;             ///< row of coils_, -1: series_
        std::size_t down_at = 0, up_at = 0;  ///< into down_ and up_
    };

    template <int N, int M>
    bool factor_series(std::size_t j, Block const& below, Block& message);
    bool factor_coils(std::size_t j, Block const& below, Block& message);
    void climb(partition::VertexRange range);
    void descend(partition::VertexRange range);

    partition::Piece const& piece_;
    partition::TreeExchange& exchange_;
    std::vector<Place> places_;   // own vertices
    std::vector<Series> series_;  // own vertices
    std::vector<Branch> coils_;
    std::vector<Eigen::Matrix3cd> shunt_up_, shunt_down_;
    std::vector<double> admittance_;       // 36 for every local vertex: what its branch adds to the parent's slope
    std::vector<double> down_, up_;        // packed: V_j = P V_i - Q J_j, J_i += U J_j
    std::vector<double> message_;          // width for every local vertex: what its branch adds to the parent's J
    std::span<double> current_, voltage_;  // of the solution under way
    double change_sq_ = 0.0;
};

}  // namespace dec::powerflow
