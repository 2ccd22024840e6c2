#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "additions.hpp"
#include "dec/feeder/areas.hpp"
#include "draw.hpp"

namespace dec::synthesis {

namespace {

using feeder::Bus;
using feeder::Connection;
using feeder::Feeder;
using feeder::PhaseSet;
using feeder::PvSystem;

constexpr int smallest_pv_hw = 30, largest_pv_hw = 100;  // hundreds of W per house
constexpr double inverter_margin = 1.1;                  // VA per W of panels

/// All loads of one bus.
struct Customer {
    Index<Bus> bus;
    double p_w = 0.0;
    PhaseSet phases;  ///< where its loads are
    bool between_phases = false;
    bool has_pv = false;
    double draw = 0.0;  ///< those with the lowest get PV first
};

/// Where a converter of this customer would be connected; empty where none can be. A file says on which phases a
/// converter is, not between which: customers between phases, and those without a neutral, get three-phase systems.
PhaseSet pv_phases(Feeder const& feeder, Customer const& customer) {
    auto const at_bus = feeder.buses[customer.bus].phases;
    if (customer.phases.has_legs()) return at_bus & PhaseSet::split();
    if (!customer.between_phases) return customer.phases;
    return at_bus.contains(PhaseSet::abc()) ? PhaseSet::abc() : PhaseSet{};
}

std::vector<Customer> all_loads_by_bus(Feeder const& feeder, FloatingBuses const& floating) {
    std::vector<Customer> customers;
    std::vector<std::int32_t> place(feeder.buses.size(), -1);
    for (auto const& load : feeder.loads.rows()) {
        auto& at = place[load.bus.at()];
        if (at < 0) {
            at = static_cast<std::int32_t>(customers.size());
            customers.push_back({.bus = load.bus, .between_phases = floating.contains(load.bus)});
        }
        auto& customer = customers[static_cast<std::size_t>(at)];
        for (double p : load.p_w) customer.p_w += p;
        customer.phases = customer.phases | load.phases;
        customer.between_phases = customer.between_phases || load.connection == Connection::delta;
    }
    for (auto const& pv : feeder.pv_systems.rows())
        if (auto const at = place[pv.inverter.bus.at()]; at >= 0) customers[static_cast<std::size_t>(at)].has_pv = true;
    return customers;
}

/// Customers of the secondaries, or all where there are none; in the order of their loads.
std::vector<Customer> find_customers(Feeder const& feeder, FloatingBuses const& floating, std::uint64_t seed) {
    auto customers = all_loads_by_bus(feeder, floating);
    auto const on_primary = [&](Customer const& c) { return !feeder::is_secondary(feeder.buses[c.bus]); };
    if (!std::ranges::all_of(customers, on_primary)) std::erase_if(customers, on_primary);
    std::erase_if(customers, [&](Customer const& c) { return c.p_w <= 0.0 || pv_phases(feeder, c).empty(); });
    for (auto& customer : customers) customer.draw = uniform(seed, "has pv", feeder.buses.name(customer.bus));
    return customers;
}

PvSystem rooftop(Feeder const& feeder, Customer const& customer, std::uint64_t seed) {
    auto const name = feeder.buses.name(customer.bus);
    auto const per_house_hw = uniform_integer(seed, "pv size", name, smallest_pv_hw, largest_pv_hw);
    double const p_w = 100.0 * static_cast<double>(houses_of(customer.p_w) * per_house_hw);
    PvSystem pv;
    pv.inverter = inverter(customer.bus, pv_phases(feeder, customer), feeder.buses[customer.bus].base_v, p_w,
                           inverter_margin * p_w);
    pv.max_p_w = p_w;
    return pv;
}

}  // namespace

void add_rooftop_pv(Feeder& feeder, FloatingBuses const& floating, PopulateOptions const& options, Populated& added) {
    auto customers = find_customers(feeder, floating, options.seed);
    double const share = options.pv_penetration.value_or(default_pv_penetration);
    auto wanted = std::llround(share * static_cast<double>(customers.size())) -
                  std::ranges::count(customers, true, &Customer::has_pv);
    std::ranges::stable_sort(customers, {}, &Customer::draw);
    std::vector<Customer> chosen;
    for (auto const& customer : customers)
        if (!customer.has_pv && wanted-- > 0) chosen.push_back(customer);
    std::ranges::sort(chosen, {}, &Customer::bus);

    Names unit_names{feeder.pv_systems.names()};
    Names connection_names{feeder.pv_connection_names};
    for (auto const& customer : chosen) {
        auto const wanted_name = fmt::format("pv_{}", feeder.buses.name(customer.bus));
        auto const unit = unit_names.take(wanted_name);
        auto const connection = connection_names.take(wanted_name);
        add_pv(feeder, rooftop(feeder, customer, options.seed), unit, mrid_of(feeder, "pv unit", unit), connection,
               mrid_of(feeder, "pv connection", connection));
        ++added.rooftop_pv;
    }
}

}  // namespace dec::synthesis
