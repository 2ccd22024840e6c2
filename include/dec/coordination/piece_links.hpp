/// \file piece_links.hpp
/// How the parts of a program on a tree reach each other, where they are pieces of a feeder.
#pragma once

#include "dec/partition/tree_exchange.hpp"
#include "dec/solvers/tree_program.hpp"

namespace dec::coordination {

/// Over the cuts of a piece, level by level of the tree of pieces, by the neighbourhood collectives of `exchange`.
class PieceLinks final : public solvers::TreeLinks {
  public:
    /// Keeps references to all three.
    PieceLinks(core::Communicator const& comm, partition::Piece const& piece, partition::TreeExchange& exchange)
        : comm_{comm}, piece_{piece}, exchange_{exchange} {}

    void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) override;
    void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) override;
    [[nodiscard]] int levels() const override { return piece_.levels(); }
    void sum(std::span<double> values) const override;
    void max(std::span<double> values) const override;

  private:
    core::Communicator const& comm_;
    partition::Piece const& piece_;
    partition::TreeExchange& exchange_;
};

}  // namespace dec::coordination
