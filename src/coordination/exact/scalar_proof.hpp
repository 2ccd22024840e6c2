/// \file scalar_proof.hpp
/// What multipliers that leave no answer say of all scalars at once. docs/equations.md#one-scalar-with-powers.
#pragma once

#include "../ramps.hpp"
#include "dec/coordination/answer.hpp"
#include "dec/model/apparent_power.hpp"

namespace dec::coordination {

/// The least sum of multipliers times violations over all reactive powers, as a function of the scalar: where it is positive no reactive
/// powers meet the limits. A sum of functions of one share each, which are convex.
class ScalarProof {
  public:
    /// Keeps references to ramps and capabilities. \param at_rest the sum with nothing curtailed and no reactive power where it is decided,
    /// of this rank. \param of_share, of_reactive its derivatives by each DER's share and by its reactive power, pu. \param least what
    /// counts as positive, the same on all ranks.
    ScalarProof(core::Communicator const& comm, Ramps const& ramps, model::LinDist3Flow const& flow,
                std::vector<model::Capability> const& can, double at_rest, std::vector<double> of_share,
                std::vector<double> of_reactive, double least)
        : comm_{comm}, ramps_{ramps}, flow_{flow}, can_{can}, at_rest_{at_rest}, of_share_{std::move(of_share)},
          of_reactive_{std::move(of_reactive)}, least_{least} {}

    /// Whether no scalar between these two meets the limits; no answer where that takes more than one look. Collective.
    [[nodiscard]] bool excludes(double from, double to) const;
    /// A scalar from `from` on before which none meets the limits; mostly the first at which the sum is zero. Collective.
    [[nodiscard]] double next(double from) const;

  private:
    [[nodiscard]] double least_between(std::size_t der, double low, double high) const;

    core::Communicator const& comm_;
    Ramps const& ramps_;
    model::LinDist3Flow const& flow_;
    std::vector<model::Capability> const& can_;
    double at_rest_;
    std::vector<double> of_share_, of_reactive_;
    double least_;
};

}  // namespace dec::coordination
