/// \file mixing.hpp
/// Fixed points x = g(x): the next x to try from those tried and what came of them.
#pragma once

#include <Eigen/Core>
#include <deque>

#include "dec/coordination/exchange.hpp"

namespace dec::coordination {

class Mixer {
  public:
    /// \param start what to begin with. A moving average begins as if it had always been so.
    Mixer(Mixing mixing, std::size_t memory, Eigen::VectorXd const& start);

    /// What to try after `tried` gave `found`. The same bits for the same history. Not collective.
    [[nodiscard]] Eigen::VectorXd next(Eigen::VectorXd const& tried, Eigen::VectorXd const& found);

  private:
    [[nodiscard]] Eigen::VectorXd anderson() const;

    Mixing mixing_;
    std::size_t memory_;
    std::deque<Eigen::VectorXd> tried_, found_;  // the last rounds, oldest first
};

}  // namespace dec::coordination
