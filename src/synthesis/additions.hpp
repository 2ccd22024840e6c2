/// \file additions.hpp
/// The parts of `populate`, and what they share: new names that nobody has yet.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "dec/feeder/feeder.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/synthesis/populate.hpp"

namespace dec::synthesis {

/// Houses that a load of this size stands for: one per 3.5 kW at nominal, at least one.
[[nodiscard]] std::int64_t houses_of(double p_w);

/// A table's names in use.
class Names {
  public:
    explicit Names(core::TextColumn const& in_use);
    /// `wanted`, or the first of `wanted`_2, `wanted`_3, … that is free; taken from now on.
    std::string take(std::string_view wanted);
    [[nodiscard]] bool has(std::string const& name) const { return in_use_.contains(name); }

  private:
    std::unordered_set<std::string> in_use_;
};

/// mRID of an added element.
[[nodiscard]] std::string mrid_of(feeder::Feeder const& feeder, std::string_view kind, std::string_view name);

/// Adds an element under a name that nobody of its kind has yet.
template <class Row>
Index<Row> add_named(feeder::Feeder const& feeder, feeder::Table<Row>& table, Names& names, Row const& row,
                     std::string_view kind, std::string_view wanted) {
    auto const name = names.take(wanted);
    return table.add(row, name, mrid_of(feeder, kind, name));
}

/// A converter at its full power, the same on each phase, with the reactive capability of IEEE 1547-2018 category B.
[[nodiscard]] feeder::Inverter inverter(Index<feeder::Bus> bus, feeder::PhaseSet phases, double base_v, double p_w,
                                        double rated_va);

/// A service transformer with a centre-tapped secondary of 120/240 V; docs/populate.md says where its data are from.
[[nodiscard]] feeder::TransformerCode centre_tapped(double kva, double primary_v);

/// Rated, of each half winding of a service transformer.
inline constexpr double leg_v = 120.0;

/// Buses without a neutral reference: nothing can be connected from one phase to neutral there.
class FloatingBuses {
  public:
    explicit FloatingBuses(feeder::Tree const& tree);
    /// False for buses that were added after the tree was hung, which are all secondaries.
    [[nodiscard]] bool contains(Index<feeder::Bus> bus) const {
        return bus.at() < is_floating_.size() && is_floating_[bus.at()];
    }

  private:
    std::vector<bool> is_floating_;
};

/// Replaces single-phase wye loads of the primary by service transformers, drops and houses.
void add_secondaries(feeder::Feeder& feeder, FloatingBuses const& floating, PopulateOptions const& options,
                     Populated& added);

/// Gives the asked share of customers a photovoltaic system each. \pre bus phases are derived.
void add_rooftop_pv(feeder::Feeder& feeder, FloatingBuses const& floating, PopulateOptions const& options,
                    Populated& added);

/// Adds the measurements that the platform's files have and `feeder` has not.
void add_measurements(feeder::Feeder& feeder);

}  // namespace dec::synthesis
