/// \file ac_answer.hpp
/// The AC power flow of a feeder, asked by bus and phase, in volts.
#pragma once

#include <map>
#include <string>

#include "dec/powerflow/power_flow.hpp"
#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"

namespace dec::test {

class AcAnswer {
  public:
    /// Validates (loops are allowed), spreads over the ranks, builds and solves. `feeder` is read on the root only. Collective.
    explicit AcAnswer(feeder::Feeder const& feeder, powerflow::Settings const& settings = {},
                      core::Communicator const& comm = core::Communicator{MPI_COMM_SELF});

    /// To ground, of every node of the feeder, by row of the table of nodes; NaN where there is none. Collective.
    [[nodiscard]] std::vector<Complex> all_volts() const;
    /// To ground. \pre one rank, and the node is energised.
    [[nodiscard]] Complex volts(feeder::Index<feeder::Bus> bus, feeder::Phase phase) const;
    [[nodiscard]] bool is_energised(feeder::Index<feeder::Bus> bus) const;
    [[nodiscard]] partition::LocalVertex const& vertex(feeder::Index<feeder::Bus> bus) const;

    [[nodiscard]] powerflow::Outcome const& outcome() const { return outcome_; }
    [[nodiscard]] powerflow::PowerFlow& flow() { return *flow_; }
    [[nodiscard]] partition::Piece const& piece() const { return *piece_; }

  private:
    [[nodiscard]] std::int32_t row(feeder::Index<feeder::Bus> bus) const;

    core::Communicator comm_;
    std::unique_ptr<partition::Piece> piece_;
    std::unique_ptr<powerflow::PowerFlow> flow_;
    powerflow::Outcome outcome_;
    std::map<std::int64_t, std::int32_t> row_of_bus_;  // whole row, row of the piece
};

/// Volts to ground by "bus.phase" (lower-case bus) from a CSV of ../shared/reference, compressed or not.
[[nodiscard]] std::map<std::string, Complex> reference_phasors(std::string const& path);
[[nodiscard]] std::string lower_case(std::string_view text);

}  // namespace dec::test
