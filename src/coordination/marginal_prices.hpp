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

    /// Per DER the name of the node with the largest part in its gradient, price times sensitivity; ties go to the first in
    /// the feeder's order within 1e-9 of the part; empty where no node that curtailment relieves has a price.
    /// Only the `most_candidates` most expensive nodes are looked at, each by one transposed power flow. Collective.
    [[nodiscard]] std::vector<std::string> binding_nodes(std::span<Node const> nodes, std::vector<double> const& low,
                                                         std::vector<double> const& high);
    static constexpr std::size_t most_candidates = 24;
    /// The same into the answer, for those of `ders` that give up anything. Collective.
    void name_binding(std::vector<char> const& ders, std::vector<double> const& low, std::vector<double> const& high,
                      Answer& answer);

  private:
    void add_weight(Node const& node, double weight);

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    std::vector<double> weight_;
};

/// Prices of limits of squared voltages as what one pu of voltage is worth, into the answer: d(v^2) = 2 v dv.
void report_prices(std::vector<double> const& low, std::vector<double> const& high, Answer& answer);

}  // namespace dec::coordination
