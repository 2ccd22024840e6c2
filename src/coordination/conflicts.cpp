#include "conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dec/core/archive.hpp"
#include "naming.hpp"
#include "record.hpp"

namespace dec::coordination {

void report_hopeless(core::Communicator const& comm, model::LinDist3Flow& flow, VoltageLimits const& limits,
                     Answer& answer, bool by_curtailment) {
    constexpr double rounding = 1e-12, tie = 1e-9;
    auto const& piece = flow.piece();
    model::FlowState all;
    std::vector<double> const everything(answer.alpha.size(), 1.0);
    flow.solve(everything, all);
    auto const badness = violations(piece, answer.nodes, all);
    Remedies const remedies{comm, piece, limits};
    double available = 0.0;
    for (auto const& der : flow.ders()) available += der.available;
    std::string_view const how = comm.sum(available) > 0.0 ? " with everything curtailed" : " without any PV";
    core::Packer pack;
    for (std::size_t i = 0; i < badness.size(); ++i) {
        if (badness[i] <= rounding) continue;
        auto const& node = answer.nodes[i];
        double const v = seen(piece, all, node);
        bool const high = v > node.high;
        pack(badness[i]);
        pack(node.row);
        pack(high);
        double const before = seen(piece, answer.uncurtailed, node);
        pack(high ? before > node.high : before < node.low);
        pack(node_name(piece, node));
        pack(fmt::format("{:.4f} pu{}, the {} limit is {:.4f} pu", std::sqrt(std::max(v, 0.0)), how,
                         high ? "upper" : "lower", std::sqrt(high ? node.high : node.low)));
    }
    struct Hopeless {
        double badness = 0.0;
        std::int64_t row = 0;
        bool high = false, always = false;
        std::string name, problem;
    };
    std::vector<Hopeless> list;
    for (auto const& bytes : comm.gather(pack.take())) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& h = list.emplace_back();
            unpack(h.badness);
            unpack(h.row);
            unpack(h.high);
            unpack(h.always);
            unpack(h.name);
            unpack(h.problem);
        }
    }
    std::ranges::sort(list, [](auto const& a, auto const& b) {
        return std::abs(a.badness - b.badness) > tie ? a.badness > b.badness : a.row < b.row;
    });
    if (!by_curtailment || std::ranges::any_of(list, &Hopeless::always))
        std::erase_if(list, [](Hopeless const& h) { return !h.always; });
    constexpr std::size_t most = 20;
    for (std::size_t i = 0; i < std::min(most, list.size()); ++i)
        answer.conflicts.push_back(
            {piece.feeder.heading.origin, "node " + list[i].name, list[i].problem, remedies.against(list[i].high)});
    if (list.size() > most)
        answer.conflicts.push_back(
            {piece.feeder.heading.origin,
             {},
             list.size() == most + 1 ? fmt::format("1 more node is outside its limit{}", how)
                                     : fmt::format("{} more nodes are outside their limits{}", list.size() - most, how),
             remedies.against(list[most].high),
             static_cast<std::int64_t>(list.size() - most)});
}

void report_conflict(core::Communicator const& comm, model::LinDist3Flow& flow, Settings const& settings,
                     Answer& answer, std::vector<double> const& low, std::vector<double> const& high,
                     std::span<Eigen::Vector2d const> ratings) {
    constexpr double least_part = 1e-2;  // what has less is what the proof has not got rid of
    constexpr std::size_t most_named = 20;
    auto const& piece = flow.piece();
    model::FlowState all;
    flow.solve(std::vector<double>(answer.alpha.size(), 1.0), all);
    Remedies const remedies{comm, piece, settings.limits};
    // A rating counts by what it costs altogether, as squared voltages of about 1 do.
    auto const of_rating = [&](std::size_t r) { return ratings[r].norm() * answer.ratings[r].limit; };
    double total = 0.0;
    for (std::size_t i = 0; i < low.size(); ++i) total += low[i] + high[i];
    for (std::size_t r = 0; r < ratings.size(); ++r) total += of_rating(r);
    total = comm.sum(total);

    struct Named {
        double part = 0.0;
        std::int64_t row = 0;
        std::string subject, problem, remedy;
    };
    core::Packer own;
    auto const add = [&](Named const& named) {
        own(named.part);
        own(named.row);
        for (auto const* text : {&named.subject, &named.problem, &named.remedy}) own(*text);
    };
    auto const add_node = [&](std::size_t i, double multiplier, bool upper) {
        double const part = total > 0.0 ? multiplier / total : 0.0;
        if (part < least_part) return;
        auto const& node = answer.nodes[i];
        auto const pu = [&](model::FlowState const& state) {
            return std::sqrt(std::max(0.0, seen(piece, state, node)));
        };
        add({part, node.row, "node " + node_name(piece, node),
             fmt::format("{:.4f} pu with nothing and {:.4f} pu with everything curtailed, the {} limit is {:.4f} pu",
                         pu(answer.uncurtailed), pu(all), upper ? "upper" : "lower",
                         std::sqrt(upper ? node.high : node.low)),
             remedies.against(upper)});
    };
    for (std::size_t i = 0; i < low.size(); ++i) {
        add_node(i, high[i], true);
        add_node(i, low[i], false);
    }
    for (std::size_t r = 0; r < ratings.size(); ++r) {
        double const part = total > 0.0 ? of_rating(r) / total : 0.0;
        if (part < least_part) continue;
        auto const& branch = answer.ratings[r];
        auto const kva = [&](double pu) { return flow.settings().per_unit.power_si(pu) / 1000.0; };
        add({part, piece.totals.nodes + branch.row, branch.name,
             fmt::format("{:.1f} kVA with nothing and {:.1f} kVA with everything curtailed, the rating is {:.1f} kVA",
                         kva(apparent_power(branch, answer.uncurtailed)), kva(apparent_power(branch, all)),
                         kva(branch.limit)),
             settings.ratings == Ratings::normal ? "try --ratings emergency or none" : "try --ratings none"});
    }
    std::vector<Named> named;
    for (auto const& bytes : comm.gather(own.take())) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& n = named.emplace_back();
            unpack(n.part);
            unpack(n.row);
            for (auto* text : {&n.subject, &n.problem, &n.remedy}) unpack(*text);
        }
    }
    if (comm.max(static_cast<std::int64_t>(named.size())) == 0) {
        // Found without a certificate, as where no decision moves what is outside its limit.
        report_hopeless(comm, flow, settings.limits, answer, false);
        if (comm.is_root() && answer.conflicts.empty())
            answer.conflicts.push_back(
                {piece.feeder.heading.origin, {}, "the limits cannot be met together", "raise --vmax or lower --vmin"});
        return;
    }
    if (!comm.is_root()) return;
    std::ranges::sort(named,
                      [](auto const& a, auto const& b) { return a.part != b.part ? a.part > b.part : a.row < b.row; });
    for (std::size_t i = 0; i < std::min(named.size(), most_named); ++i) {
        auto& n = named[i];
        if (named.size() > 1) n.problem += fmt::format(" ({:.0f} % of the conflict)", 100.0 * n.part);
        answer.conflicts.push_back(
            {piece.feeder.heading.origin, std::move(n.subject), std::move(n.problem), std::move(n.remedy)});
    }
    if (named.size() > most_named)
        answer.conflicts.push_back({piece.feeder.heading.origin,
                                    {},
                                    fmt::format("and {} limits more", named.size() - most_named),
                                    {},
                                    static_cast<std::int64_t>(named.size() - most_named)});
}

}  // namespace dec::coordination
