#include "dec/results/start.hpp"

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "dec/core/hdf5.hpp"
#include "dec/results/diff.hpp"

namespace dec::results {

namespace {

core::TextColumn texts(core::Hdf5Reader const& file, std::string const& path) {
    return std::get<core::TextColumn>(file.block(path, core::BlockKind::text, 1, 0, file.rows(path)));
}
std::vector<double> reals(core::Hdf5Reader const& file, std::string const& path) {
    return std::get<std::vector<double>>(file.block(path, core::BlockKind::real, 1, 0, file.rows(path)));
}

/// Rows of a file by what they are called. In a file of the same feeder each is where the feeder has it; only if that has changed
/// since are they looked up.
class NamedRows {
  public:
    NamedRows(std::size_t rows, std::function<std::string(std::size_t)> name) : rows_{rows}, name_{std::move(name)} {}

    std::optional<std::size_t> find(std::string const& name, std::int64_t in_feeder) {
        auto const guess = static_cast<std::size_t>(in_feeder);
        if (guess < rows_ && name_(guess) == name) return guess;
        if (!by_name_) {
            by_name_.emplace();
            for (std::size_t row = 0; row < rows_; ++row) by_name_->emplace(name_(row), row);
        }
        auto const found = by_name_->find(name);
        return found == by_name_->end() ? std::nullopt : std::optional{found->second};
    }

  private:
    std::size_t rows_;
    std::function<std::string(std::size_t)> name_;
    std::optional<std::unordered_map<std::string, std::size_t>> by_name_;
};

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
        NamedRows ders{mrid.size(), [&](std::size_t row) { return std::string{mrid[row]}; }};
        for (auto id : piece.feeder.pv_systems.ids()) {
            auto const found =
                ders.find(std::string{piece.feeder.pv_systems.mrid(id)}, piece.global.pv_systems[id.at()]);
            if (!found) continue;
            known += 1.0;
            if (std::isfinite(alpha[*found])) start.alpha[id.at()] = alpha[*found];
            start.reactive_kvar[id.at()] = q_kvar[*found];
        }
        if (policy_of(file) != policy) return;
        auto const bus = texts(file, "/nodes/bus");
        auto const phase = texts(file, "/nodes/phase");
        auto const low = reals(file, "/nodes/price_low");
        auto const high = reals(file, "/nodes/price_high");
        auto const name_of = [](std::string_view of_bus, std::string_view of_phase) {
            return std::string{of_bus}.append(".").append(of_phase);
        };
        NamedRows nodes{bus.size(), [&](std::size_t row) { return name_of(bus[row], phase[row]); }};
        for (auto id : piece.own_buses) {
            auto const phases = piece.feeder.buses[id].phases;
            for (feeder::Phase p : phases.list()) {
                auto const node = piece.global.first_node[id.at()] + static_cast<std::int64_t>(phases.position(p));
                auto const found = nodes.find(name_of(piece.feeder.buses.name(id), feeder::to_text(p)), node);
                if (!found) continue;
                if (low[*found] > 0.0) start.price_low[node] = low[*found];
                if (high[*found] > 0.0) start.price_high[node] = high[*found];
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
