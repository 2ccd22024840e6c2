#include "dec/results/start.hpp"

#include <cmath>
#include <unordered_map>

#include "dec/core/hdf5.hpp"
#include "dec/results/diff.hpp"

namespace dec::results {

namespace {

std::vector<std::string> texts(core::Hdf5Reader const& file, std::string const& path) {
    return std::get<std::vector<std::string>>(file.column(path).data);
}
std::vector<double> reals(core::Hdf5Reader const& file, std::string const& path) {
    return std::get<std::vector<double>>(file.column(path).data);
}

std::string policy_of(core::Hdf5Reader const& file) {
    auto const attributes = file.attributes("/");
    auto const found = attributes.find("policy");
    auto const* const text = found == attributes.end() ? nullptr : std::get_if<std::string>(&found->second);
    return text == nullptr ? std::string{} : *text;
}

}  // namespace

coordination::Settings::Start read_start(core::Communicator const& comm, std::string const& path,
                                         partition::Piece const& piece, std::string const& policy,
                                         std::string const& group) {
    coordination::Settings::Start start;
    start.alpha.assign(piece.feeder.pv_systems.size(), 0.0);
    start.reactive_kvar.assign(piece.feeder.pv_systems.size(), 0.0);
    double known = 0.0;
    core::together(comm, [&] {
        if (!is_results_file(path))
            throw core::InvalidInput{
                core::Finding{path, {}, "is no results file", "give one that dec solve has written"}};
        core::Hdf5Reader file{path};
        if (group.empty() && file.contains("/feeders"))
            throw core::InvalidInput{core::Finding{path,
                                                   {},
                                                   "holds the answers of a fleet, not of one feeder",
                                                   "solve the fleet, or give results of the feeder"}};
        file.below(group);
        auto const mrid = texts(file, "/ders/mrid");
        auto const alpha = reals(file, "/ders/alpha");
        auto const q_kvar = reals(file, "/ders/q_kvar");
        std::unordered_map<std::string_view, double> share, reactive;
        for (std::size_t d = 0; d < mrid.size(); ++d) {
            share.emplace(mrid[d], alpha[d]);
            reactive.emplace(mrid[d], q_kvar[d]);
        }
        for (auto id : piece.feeder.pv_systems.ids()) {
            auto const found = share.find(piece.feeder.pv_systems.mrid(id));
            if (found == share.end()) continue;
            known += 1.0;
            if (std::isfinite(found->second)) start.alpha[id.at()] = found->second;
            start.reactive_kvar[id.at()] = reactive.at(found->first);
        }
        if (policy_of(file) != policy) return;
        auto const bus = texts(file, "/nodes/bus");
        auto const phase = texts(file, "/nodes/phase");
        auto const low = reals(file, "/nodes/price_low");
        auto const high = reals(file, "/nodes/price_high");
        std::unordered_map<std::string, std::size_t> row;
        for (std::size_t i = 0; i < bus.size(); ++i)
            if (low[i] > 0.0 || high[i] > 0.0) row.emplace(bus[i] + "." + phase[i], i);
        for (auto id : piece.own_buses) {
            auto const phases = piece.feeder.buses[id].phases;
            for (feeder::Phase p : phases.list()) {
                auto const found =
                    row.find(std::string{piece.feeder.buses.name(id)} + "." + std::string{feeder::to_text(p)});
                if (found == row.end()) continue;
                auto const node = piece.global.first_node[id.at()] + static_cast<std::int64_t>(phases.position(p));
                if (low[found->second] > 0.0) start.price_low[node] = low[found->second];
                if (high[found->second] > 0.0) start.price_high[node] = high[found->second];
            }
        }
    });
    double const all = comm.sum(known);
    if (all == 0.0 && piece.totals.ders > 0)
        throw core::InvalidInput{core::Finding{
            path, {}, "has none of the PV systems of " + piece.feeder.heading.name, "give results of the same feeder"}};
    return start;
}

}  // namespace dec::results
