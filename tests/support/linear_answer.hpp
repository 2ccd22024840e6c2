/// \file linear_answer.hpp
/// The linear power flow of a feeder on one rank, asked by bus and phase.
#pragma once

#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"

namespace dec::test {

class LinearAnswer {
  public:
    /// Validates, builds and solves with nothing curtailed.
    explicit LinearAnswer(feeder::Feeder const& feeder, model::LinearSettings const& settings = {});

    /// Squared voltage, pu.
    [[nodiscard]] double v_sq(feeder::Index<feeder::Bus> bus, feeder::Phase phase) const;
    /// Squared line-to-line voltage of the pair that `phase` names, pu of the line-to-line base.
    [[nodiscard]] double pair_v_sq(feeder::Index<feeder::Bus> bus, feeder::Phase phase) const;
    /// Power that enters a bus from above, VA.
    [[nodiscard]] Complex into(feeder::Index<feeder::Bus> bus, feeder::Phase phase) const;
    [[nodiscard]] model::BranchMap block(feeder::Index<feeder::Bus> bus) const;
    [[nodiscard]] model::LinDist3Flow& flow() { return *spread_->flow; }
    [[nodiscard]] partition::Piece const& piece() const { return spread_->piece; }
    [[nodiscard]] model::FlowState const& state() const { return state_; }

    [[nodiscard]] bool is_energised(feeder::Index<feeder::Bus> bus) const;
    /// Own vertex of a bus. \pre it is energised.
    [[nodiscard]] std::size_t vertex(feeder::Index<feeder::Bus> bus) const;

  private:
    core::Communicator alone_{MPI_COMM_SELF};
    std::unique_ptr<Distributed> spread_;
    model::FlowState state_;
    std::vector<std::int32_t> row_of_bus_;  // of the piece, per bus of the feeder
};

}  // namespace dec::test
