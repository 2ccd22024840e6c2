/// \file marginal_prices.hpp
/// What limits cost, seen from the DERs: which way a share moves the priced voltages, and which node weighs most.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

class MarginalPrices {
  public:
    /// Keeps references.
    MarginalPrices(core::Communicator const& comm, model::LinDist3Flow& flow) : comm_{comm}, flow_{flow} {}

    /// Derivative of sum (high - low) v with respect to every DER's share, where low and high are the prices of the limits of
    /// the nodes' squared voltages. Collective.
    [[nodiscard]] std::vector<double> gradient(std::span<Node const> nodes, std::vector<double> const& low,
                                               std::vector<double> const& high);

    /// Names into the answer, for those of `ders` that give up anything, what binds them: the node or the rated branch whose limit has the
    /// largest part in their gradient, price times sensitivity; none where no limit that curtailment relieves has a price.
    /// \param low, high per entry of answer.nodes. \param ratings per entry of answer.ratings, or none: what one pu of active and of
    /// reactive power costs there. Collective.
    void name_binding(std::vector<char> const& ders, std::vector<double> const& low, std::vector<double> const& high,
                      std::span<Eigen::Vector2d const> ratings, Answer& answer);

  private:
    void add_weight(Node const& node, double weight);

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    std::vector<double> weight_;
};

/// Prices of limits of squared voltages as what one pu of voltage is worth, into the answer: d(v^2) = 2 v dv.
void report_prices(std::vector<double> const& low, std::vector<double> const& high, Answer& answer);

}  // namespace dec::coordination
