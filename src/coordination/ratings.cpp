#include "dec/coordination/ratings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "naming.hpp"

namespace dec::coordination {

namespace {

using feeder::Feeding;
using feeder::Phase;
using partition::LocalVertex;
using partition::Piece;

struct Known {
    double value = feeder::unknown;
    bool normal_only = false;  ///< asked for the emergency rating, which is not known
};

Known chosen(double normal, double emergency, Ratings which) {
    if (which == Ratings::normal) return {normal};
    return std::isnan(emergency) ? Known{normal, !std::isnan(normal)} : Known{emergency};
}

/// A whole unit as seen from one of its windings, VA: the limit of its current at rated voltage, or else what is on its plate.
Known unit_rating(feeder::Feeder const& f, feeder::Transformer const& unit, std::size_t w, Ratings which) {
    auto const& code = f.transformer_codes[unit.code];
    auto const& plate = code.winding[w];
    auto const of_current = chosen(unit.winding[w].rating.normal_a, unit.winding[w].rating.emergency_a, which);
    double const volts = plate.rated_v * (code.phases == 3 ? std::numbers::sqrt3 : 1.0);
    if (!std::isnan(of_current.value)) return {of_current.value * volts, of_current.normal_only};
    return chosen(plate.rated_va > 0.0 ? plate.rated_va : feeder::unknown, plate.emergency_va, which);
}

bool is_unit(Feeding const& feeding) {
    return feeding.kind == Feeding::Kind::transformer || feeding.kind == Feeding::Kind::star_member;
}

std::size_t rated_winding(Feeding const& feeding) {
    return feeding.kind == Feeding::Kind::star_member ? feeding.winding : feeding.upstream;
}

feeder::Transformer const& unit_of(Piece const& piece, Feeding const& feeding) {
    return piece.feeder.transformers[core::Index<feeder::Transformer>{feeding.element}];
}

/// A coil between two phases on the downstream side: what it carries is not told by the phases' flows one by one.
bool between_phases(Piece const& piece, Feeding const& feeding) {
    if (feeding.kind != Feeding::Kind::transformer) return false;
    auto const& unit = unit_of(piece, feeding);
    std::size_t const down = feeding.upstream == 0 ? 1 : 0;
    return piece.feeder.transformer_codes[unit.code].phases == 1 && !unit.phases(down).has_legs() &&
           unit.phases(down).size() == 2;
}

/// Of one conductor, A; of a whole unit, VA.
Known rating_of(Piece const& piece, Feeding const& feeding, Ratings which) {
    auto const& f = piece.feeder;
    auto const of = [which](feeder::Rating const& rating) {
        return chosen(rating.normal_a, rating.emergency_a, which);
    };
    switch (feeding.kind) {
        case Feeding::Kind::line: return of(f.lines[core::Index<feeder::Line>{feeding.element}].rating);
        case Feeding::Kind::switch_: return of(f.switches[core::Index<feeder::Switch>{feeding.element}].rating);
        case Feeding::Kind::series_compensator:
            return of(f.series_compensators[core::Index<feeder::SeriesCompensator>{feeding.element}].rating);
        case Feeding::Kind::source_impedance: return {};
        default: return unit_rating(f, unit_of(piece, feeding), rated_winding(feeding), which);
    }
}

std::string name_of(Piece const& piece, Feeding const& feeding) {
    auto const of = [&](std::string_view kind, auto const& table) {
        typename std::decay_t<decltype(table)>::Id const id{feeding.element};
        return fmt::format("{} {}", kind, table.name(id));
    };
    switch (feeding.kind) {
        case Feeding::Kind::line: return of("line", piece.feeder.lines);
        case Feeding::Kind::switch_: return of("switch", piece.feeder.switches);
        case Feeding::Kind::series_compensator: return of("series compensator", piece.feeder.series_compensators);
        default: return of("transformer", piece.feeder.transformers);
    }
}

auto power_of(model::FlowState const& state, std::int32_t vertex) {
    return Eigen::Map<model::Vector6 const>{state.power.data() + 6 * static_cast<std::size_t>(vertex)};
}

Eigen::Vector2d carried(RatedBranch const& branch, model::FlowState const& state) {
    auto const s = power_of(state, branch.vertex);
    return {branch.weight.dot(s.head<3>()), branch.weight.dot(s.tail<3>())};
}

}  // namespace

double carried_share(Piece const& piece, LocalVertex const& vertex, Feeding const& carrying, Phase phase) {
    int lines = 0;
    int units = 0;
    for (std::int32_t f = 0; f < vertex.feedings; ++f) {
        auto const& feeding = piece.feedings[static_cast<std::size_t>(vertex.first_feeding + f)];
        if (feeding.kind == Feeding::Kind::line) {
            lines += piece.feeder.lines[core::Index<feeder::Line>{feeding.element}].phase_set().contains(phase) ? 1 : 0;
        } else if (feeding.kind == Feeding::Kind::switch_) {
            lines += piece.feeder.switches[core::Index<feeder::Switch>{feeding.element}].closed.contains(phase) ? 1 : 0;
        } else if (feeding.kind == Feeding::Kind::transformer) {
            auto const& unit = piece.feeder.transformers[core::Index<feeder::Transformer>{feeding.element}];
            std::size_t const down = feeding.upstream == 0 ? 1 : 0;
            auto const phases = unit.phases(down) | (down == 1 ? unit.phases(2) : feeder::PhaseSet{});
            units += phases.contains(phase) ? 1 : 0;
        }
    }
    if (carrying.kind != Feeding::Kind::transformer || units == 0) return 1.0;
    return lines > 0 ? 0.0 : 1.0 / units;
}

double apparent_power(RatedBranch const& branch, model::FlowState const& state) {
    return carried(branch, state).norm();
}

RatedBranches rated_branches(model::LinDist3Flow const& flow, Ratings which, model::FlowState const& nothing,
                             model::FlowState const& everything) {
    RatedBranches rated;
    if (which == Ratings::none) return rated;
    auto const& piece = flow.piece();
    auto const& pu = flow.settings().per_unit;
    auto const add = [&](RatedBranch branch) {
        if (!(branch.rating > 0.0) || branch.weight.isZero(0.0)) return;
        constexpr double inside = 1e-6;  // so that the flow of the loads is not on the limit itself
        auto const before = carried(branch, nothing), of_loads = carried(branch, everything);
        bool const over = before.norm() > branch.rating && of_loads.norm() > branch.rating;
        rated.beyond_help += over ? 1.0 : 0.0;
        if (over && before.dot(of_loads) > 0.0) return;
        branch.limit = over ? of_loads.norm() * (1.0 + inside) : branch.rating;
        rated.limited.push_back(std::move(branch));
    };
    for (auto const& branch : piece.branches) {
        auto const known = rating_of(piece, branch.feeding, which).value;
        if (branch.vertex < 0 || std::isnan(known)) continue;
        auto const& vertex = piece.vertices[static_cast<std::size_t>(branch.vertex)];
        RatedBranch rating{.name = name_of(piece, branch.feeding), .row = branch.first_row, .vertex = branch.vertex};
        if (between_phases(piece, branch.feeding)) {
            // The bank as one: all that its units may carry, against all that flows.
            double all = 0.0;
            for (std::int32_t f = 0; f < vertex.feedings; ++f) {
                auto const& feeding = piece.feedings[static_cast<std::size_t>(vertex.first_feeding + f)];
                if (between_phases(piece, feeding)) all += rating_of(piece, feeding, which).value;
            }
            auto const& first = piece.feedings[static_cast<std::size_t>(vertex.first_feeding)];
            if (std::isnan(all) || first.element != branch.feeding.element || first.kind != branch.feeding.kind)
                continue;
            for (Phase p : vertex.phases.list()) rating.weight[static_cast<Eigen::Index>(feeder::slot(p))] = 1.0;
            rating.rating = pu.power(all);
            add(std::move(rating));
            continue;
        }
        if (is_unit(branch.feeding)) {
            for (Phase p : branch.phases.list())
                if (vertex.phases.contains(p))
                    rating.weight[static_cast<Eigen::Index>(feeder::slot(p))] =
                        carried_share(piece, vertex, branch.feeding, p);
            rating.rating = pu.power(known);
            add(std::move(rating));
            continue;
        }
        double const base_v = model::base_voltage(piece, vertex);
        for (Phase p : branch.phases.list()) {
            if (!vertex.phases.contains(p)) continue;
            auto phase = rating;
            phase.name += fmt::format(".{}", feeder::to_text(p));
            phase.row += static_cast<std::int64_t>(branch.phases.position(p));
            phase.weight[static_cast<Eigen::Index>(feeder::slot(p))] = 1.0;
            phase.rating = pu.power(known * base_v);
            add(std::move(phase));
        }
    }
    return rated;
}

std::vector<std::string> loaded_branches(core::Communicator const& comm, std::span<RatedBranch const> ratings,
                                         model::FlowState const& state) {
    constexpr double at_limit = 1e-6;  // of it
    std::vector<std::pair<std::int64_t, std::string>> own;
    for (auto const& branch : ratings)
        if (apparent_power(branch, state) >= branch.limit * (1.0 - at_limit)) own.emplace_back(branch.row, branch.name);
    return names_in_order(comm, own);
}

MissingRatings missing_ratings(Piece const& piece, Ratings which) {
    MissingRatings missing;
    for (auto const& branch : piece.branches) {
        if (branch.vertex < 0 || branch.feeding.kind == Feeding::Kind::source_impedance) continue;
        auto const known = rating_of(piece, branch.feeding, which);
        if (std::isnan(known.value) && missing.none++ == 0.0) missing.first_without = name_of(piece, branch.feeding);
        if (known.normal_only && missing.normal_only++ == 0.0) missing.first_normal = name_of(piece, branch.feeding);
    }
    return missing;
}

}  // namespace dec::coordination
