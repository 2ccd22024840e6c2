#include "dec/synthesis/populate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "additions.hpp"
#include "dec/core/uuid.hpp"
#include "dec/feeder/areas.hpp"

namespace dec::synthesis {

std::int64_t houses_of(double p_w) {
    static constexpr double nominal_w_per_house = 3500.0;
    return std::max<std::int64_t>(1, std::llround(p_w / nominal_w_per_house));
}

FloatingBuses::FloatingBuses(feeder::Tree const& tree) : is_floating_(tree.vertex_of_bus.size(), false) {
    for (std::size_t bus = 0; bus < is_floating_.size(); ++bus)
        if (auto const vertex = tree.vertex_of_bus[bus]; vertex >= 0)
            is_floating_[bus] = tree.vertices[static_cast<std::size_t>(vertex)].floating_delta;
}

Names::Names(core::TextColumn const& in_use) {
    in_use_.reserve(in_use.size());
    for (std::size_t row = 0; row < in_use.size(); ++row) in_use_.emplace(in_use[row]);
}

std::string Names::take(std::string_view wanted) {
    std::string name{wanted};
    for (int next = 2; !in_use_.insert(name).second; ++next) name = fmt::format("{}_{}", wanted, next);
    return name;
}

std::string mrid_of(feeder::Feeder const& feeder, std::string_view kind, std::string_view name) {
    return core::name_uuid(feeder.heading.mrid, fmt::format("{} {}", kind, name));
}

feeder::Inverter inverter(Index<feeder::Bus> bus, feeder::PhaseSet phases, double base_v, double p_w, double rated_va) {
    static constexpr double reactive_share = 0.44;
    static constexpr double fault_current_pu = 1.0 / 0.9;  // as the platform's files
    feeder::Inverter result{.bus = bus,
                            .phases = phases,
                            .rated_va = rated_va,
                            .rated_v = base_v * std::sqrt(3.0),
                            .min_q_var = -reactive_share * rated_va,
                            .max_q_var = reactive_share * rated_va,
                            .max_fault_pu = fault_current_pu};
    for (auto phase : phases.list()) result.p_w[slot(phase)] = p_w / static_cast<double>(phases.size());
    return result;
}

namespace {

void check(PopulateOptions const& options) {
    std::vector<core::Finding> findings;
    double const penetration = options.pv_penetration.value_or(default_pv_penetration);
    if (!(penetration >= 0.0 && penetration <= 1.0))
        findings.push_back({{}, "--pv-penetration", fmt::format("{} is no share", penetration), "give 0 to 1"});
    if (!(options.load_scale >= 0.0) || !std::isfinite(options.load_scale))
        findings.push_back({{},
                            "--load-scale",
                            fmt::format("{} is no factor", options.load_scale),
                            "give a number that is not negative"});
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

std::int64_t count_on_primary(feeder::Feeder const& feeder) {
    return std::ranges::count_if(feeder.pv_systems.rows(), [&](feeder::PvSystem const& pv) {
        return !feeder::is_secondary(feeder.buses[pv.inverter.bus]);
    });
}

}  // namespace

Populated populate(feeder::Feeder& feeder, PopulateOptions const& options) {
    check(options);
    feeder::Notes notes;
    FloatingBuses const floating{feeder::validate(feeder, notes)};
    Populated added;
    added.utility_pv = count_on_primary(feeder);
    add_secondaries(feeder, floating, options, added);
    feeder.derive_bus_phases();
    added.first_pv = Index<feeder::PvSystem>{feeder.pv_systems.size()};
    add_rooftop_pv(feeder, floating, options, added);
    feeder::scale(feeder, options.load_scale, 1.0);
    feeder::derive_areas(feeder);
    add_measurements(feeder);
    return added;
}

}  // namespace dec::synthesis
